//===- CompareCommand.h - fettle compare ----------------------------------===//
#ifndef FETTLE_TOOLS_COMPARECOMMAND_H
#define FETTLE_TOOLS_COMPARECOMMAND_H

#include "tools/fettle/Command.h"
#include "tools/fettle/ImageRecipe.h"
#include "tools/fettle/ModelOptions.h"

namespace fettle::cli {

class CompareCommand : public Command {
public:
  llvm::StringRef name() const override { return "compare"; }
  llvm::StringRef summary() const override { return "how far the answers of two models or artifacts stand apart"; }
  void addOptions(CLI::App &app) override;
  llvm::Expected<ExitCode> run(Environment &environment) override;

private:
  std::string first, second, dataPath;
  int64_t randomSamples = 1;
  uint64_t seed = 0;
  double relative = -1, absolute = -1; ///< below 0: not given
  ImageRecipe imageRecipe;
  ModelOptions modelOptions;
};

} // namespace fettle::cli

#endif
