//===- InspectCommand.h - fettle inspect ----------------------------------===//
#ifndef FETTLE_TOOLS_INSPECTCOMMAND_H
#define FETTLE_TOOLS_INSPECTCOMMAND_H

#include "tools/fettle/Command.h"
#include "tools/fettle/ModelOptions.h"

namespace fettle::cli {

class InspectCommand : public Command {
public:
  llvm::StringRef name() const override { return "inspect"; }
  llvm::StringRef summary() const override { return "what a model or an artifact consists of"; }
  void addOptions(CLI::App &app) override;
  llvm::Expected<ExitCode> run(Environment &environment) override;

private:
  llvm::Expected<ExitCode> inspectModel(Environment &environment);
  llvm::Expected<ExitCode> inspectArtifact(Environment &environment);

  std::string path;
  ModelOptions modelOptions;
};

} // namespace fettle::cli

#endif
