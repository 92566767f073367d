//===- BenchCommand.h - fettle bench --------------------------------------===//
#ifndef FETTLE_TOOLS_BENCHCOMMAND_H
#define FETTLE_TOOLS_BENCHCOMMAND_H

#include "tools/fettle/Command.h"
#include "tools/fettle/ImageRecipe.h"
#include "tools/fettle/ModelOptions.h"
#include "tools/fettle/StepTimer.h"
#include "tools/fettle/Subject.h"

namespace fettle::cli {

class BenchCommand : public Command {
public:
  llvm::StringRef name() const override { return "bench"; }
  llvm::StringRef summary() const override { return "latency, load time and memory, whole and kernel by kernel"; }
  void addOptions(CLI::App &app) override;
  llvm::Expected<ExitCode> run(Environment &environment) override;

private:
  size_t specialization = 0; ///< that is measured
  /// Latencies of calls, in seconds, ascending.
  llvm::Expected<std::vector<double>> measureCalls(Environment &environment, codegen::LoadedModel &model,
                                                   std::vector<CallBuffers> &samples);
  /// `workingSet`: bytes whose reading the bandwidth is measured on.
  llvm::json::Array reportSteps(Environment &environment, llvm::ArrayRef<codegen::Manifest::Step> steps,
                                llvm::ArrayRef<double> seconds, int64_t workingSet);

  std::string path, dataPath;
  unsigned threads = 1;
  double seconds = 1;
  bool kernels = false;
  ImageRecipe imageRecipe;
  ModelOptions modelOptions;
};

} // namespace fettle::cli

#endif
