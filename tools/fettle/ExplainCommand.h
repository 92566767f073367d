//===- ExplainCommand.h - fettle explain ----------------------------------===//
#ifndef FETTLE_TOOLS_EXPLAINCOMMAND_H
#define FETTLE_TOOLS_EXPLAINCOMMAND_H

#include "tools/fettle/Command.h"

namespace fettle::cli {

class ExplainCommand : public Command {
public:
  llvm::StringRef name() const override { return "explain"; }
  llvm::StringRef summary() const override { return "what became of a model's nodes in an artifact"; }
  void addOptions(CLI::App &app) override;
  llvm::Expected<ExitCode> run(Environment &environment) override;

private:
  std::string folder, node;
};

} // namespace fettle::cli

#endif
