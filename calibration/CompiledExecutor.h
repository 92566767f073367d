//===- CompiledExecutor.h - functions run as compiled code -----------------===//
#ifndef FETTLE_CALIBRATION_COMPILEDEXECUTOR_H
#define FETTLE_CALIBRATION_COMPILEDEXECUTOR_H

#include "calibration/Samples.h"
#include "codegen/cpu/CompileModule.h"
#include "ir/profile/Executor.h"

namespace fettle::calibration {

/// Compiles functions for this machine by the phases and the back end that make
/// artifacts, and runs them on samples, one at a time.
class CompiledExecutor : public Executor {
public:
  /// `samples` fit the arguments of the functions to come. Code is compiled by `jobs` threads and
  /// passes through `scratch`, a folder of the caller's, where nothing of it stays.
  CompiledExecutor(const Samples &samples, std::string scratch, unsigned jobs);

  int64_t numSamples() const override { return samples.size(); }
  llvm::Expected<std::unique_ptr<TappedProgram>> prepare(mlir::func::FuncOp function,
                                                         llvm::ArrayRef<mlir::Value> taps) override;

private:
  const Samples &samples;
  std::string scratch;
  unsigned jobs, prepared = 0;
  codegen::KernelCache kernels; ///< functions to come share most of theirs
};

} // namespace fettle::calibration

#endif
