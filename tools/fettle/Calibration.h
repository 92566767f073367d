//===- Calibration.h - samples that a model is measured on -----------------===//
#ifndef FETTLE_TOOLS_CALIBRATION_H
#define FETTLE_TOOLS_CALIBRATION_H

#include "calibration/CompiledExecutor.h"
#include "calibration/LayerErrors.h"
#include "calibration/Measure.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/Pipelines.h"
#include "tools/fettle/OutputFile.h"
#include "tools/fettle/SampleData.h"

namespace fettle::cli {

/// Samples of one model, and what runs it on them.
class Calibration {
public:
  /// Reads `path` by readSamples() as samples for one of `functions`, the specializations of one model: the first whose
  /// arguments they fit. Errors: exit code 4 for a file that cannot be read, 1 for samples that are not the model's or not finite.
  static llvm::Expected<std::unique_ptr<Calibration>> open(llvm::ArrayRef<mlir::func::FuncOp> functions,
                                                           llvm::StringRef path,
                                                           const calibration::ImageOptions &images, unsigned jobs);

  /// Adds to `profile` what `phase`, equalize or quantize, wants to know about the functions it will work on, of which
  /// the one that the samples are for is measured. Names of values are the same in all.
  llvm::Error measureFor(Phase phase, llvm::ArrayRef<mlir::func::FuncOp> functions, const QuantizationOptions &recipe,
                         std::function<void(int64_t done, int64_t total)> progress, Profile &profile);

  /// Which of the functions the samples are for.
  size_t specialization() const { return data.specialization; }

  const calibration::Samples &inputs() const { return data.samples; }
  Executor &executor() { return *ownExecutor; }

  llvm::Expected<std::vector<double>> compareValues(const calibration::Twins &twins, int64_t count) {
    return calibration::compareValues(*ownExecutor, twins, count);
  }

private:
  explicit Calibration(SampleData data) : data(std::move(data)) {}

  SampleData data;
  std::unique_ptr<TemporaryPath> scratch;
  std::unique_ptr<calibration::CompiledExecutor> ownExecutor;
};

/// Reads a profile that was written before. Exit code 4 for a file that cannot be read, 1
/// for one that is no profile.
llvm::Expected<Profile> readProfile(llvm::StringRef path);

} // namespace fettle::cli

#endif
