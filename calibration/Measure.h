//===- Measure.h - a profile of a function ---------------------------------===//
#ifndef FETTLE_CALIBRATION_MEASURE_H
#define FETTLE_CALIBRATION_MEASURE_H

#include "ir/profile/Executor.h"
#include "passes/quantize/Grid.h"
#include <functional>

namespace fettle::calibration {

struct MeasureOptions {
  unsigned bins = 2048; ///< of each histogram
  GridOptions grids;    ///< of the rows
  int64_t rows = 8192;  ///< of each contraction's inputs, over all samples; 0: none
  /// Sample runs done so far and in all.
  std::function<void(int64_t done, int64_t total)> progress;
};

/// Measures what the equalize phase wants to know about `function`: the channels of the classes that it may scale.
/// One run over all samples. Error: a value is NaN or infinite on some sample; it is named.
llvm::Error measureChannels(Executor &executor, mlir::func::FuncOp function, const MeasureOptions &options,
                            Profile &profile);

/// Measures what the quantize phase wants to know about `function`, in three runs over all samples: ranges of
/// the values of its quantization plan, histograms, and rows of the contractions' inputs on the grids that
/// `options` choose. Memory does not grow with the number of samples. Errors as above.
llvm::Error measure(Executor &executor, mlir::func::FuncOp function, const MeasureOptions &options, Profile &profile);

} // namespace fettle::calibration

#endif
