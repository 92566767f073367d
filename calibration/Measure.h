//===- Measure.h - a profile of a function ---------------------------------===//
#ifndef FETTLE_CALIBRATION_MEASURE_H
#define FETTLE_CALIBRATION_MEASURE_H

#include "ir/profile/Executor.h"
#include "ir/profile/Profile.h"
#include <functional>

namespace fettle::calibration {

struct MeasureOptions {
  unsigned bins = 2048; ///< of each histogram
  /// Sample runs done so far and in all.
  std::function<void(int64_t done, int64_t total)> progress;
};

/// Runs all samples twice: once for the ranges of `values`, once for their
/// histograms. Memory: `values` times bins, whatever the number of samples.
/// Error: a value is NaN or infinite on some sample; it is named.
llvm::Expected<Profile> measure(Executor &executor, mlir::func::FuncOp function, llvm::ArrayRef<mlir::Value> values,
                                const MeasureOptions &options);

} // namespace fettle::calibration

#endif
