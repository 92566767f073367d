//===- RunCommand.h - fettle run ------------------------------------------===//
#ifndef FETTLE_TOOLS_RUNCOMMAND_H
#define FETTLE_TOOLS_RUNCOMMAND_H

#include "tools/fettle/Command.h"
#include "tools/fettle/ImageRecipe.h"
#include "tools/fettle/ModelOptions.h"
#include "tools/fettle/Subject.h"

namespace fettle::cli {

class RunCommand : public Command {
public:
  llvm::StringRef name() const override { return "run"; }
  llvm::StringRef summary() const override { return "run a model or an artifact on data"; }
  void addOptions(CLI::App &app) override;
  llvm::Expected<ExitCode> run(Environment &environment) override;

private:
  /// The tensors of --input, in the order of the model's inputs: of one of its specializations.
  llvm::Expected<std::vector<HostTensor>> readInputs(mlir::MLIRContext &context, const Subject &subject) const;
  llvm::Error writeOutputs(Environment &environment, llvm::ArrayRef<calibration::NpzArray> arrays) const;

  std::string path, dataPath, outputPath;
  std::vector<std::string> inputs;
  unsigned threads = 1;
  ImageRecipe imageRecipe;
  ModelOptions modelOptions;
};

} // namespace fettle::cli

#endif
