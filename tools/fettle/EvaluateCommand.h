//===- EvaluateCommand.h - fettle evaluate --------------------------------===//
#ifndef FETTLE_TOOLS_EVALUATECOMMAND_H
#define FETTLE_TOOLS_EVALUATECOMMAND_H

#include "tools/fettle/Command.h"
#include "tools/fettle/ImageRecipe.h"
#include "tools/fettle/ModelOptions.h"

namespace fettle::cli {

class EvaluateCommand : public Command {
public:
  llvm::StringRef name() const override { return "evaluate"; }
  llvm::StringRef summary() const override { return "accuracy on labelled data, and agreement with a teacher"; }
  void addOptions(CLI::App &app) override;
  llvm::Expected<ExitCode> run(Environment &environment) override;

private:
  std::string path, dataPath, teacherPath;
  unsigned threads = 1;
  ImageRecipe imageRecipe;
  ModelOptions modelOptions;
};

} // namespace fettle::cli

#endif
