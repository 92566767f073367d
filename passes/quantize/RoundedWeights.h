//===- RoundedWeights.h - the weights of one contraction as integers -------===//
#ifndef FETTLE_PASSES_QUANTIZE_ROUNDEDWEIGHTS_H
#define FETTLE_PASSES_QUANTIZE_ROUNDEDWEIGHTS_H

#include "ir/profile/Profile.h"
#include "ir/support/HostTensor.h"
#include "passes/quantize/ContractionRows.h"
#include "passes/quantize/WeightOptions.h"

namespace fettle {

struct RoundedWeights {
  HostTensor integers;                 ///< i8, of the weights' shape
  HostTensor scales;                   ///< f32, one per output channel
  std::optional<HostTensor> biasShift; ///< f32, one per output channel: makes the mean of the output the teacher's
};

/// Weights that make up for what a student's inputs lack.
struct FittedWeights {
  HostTensor weights;   ///< of the shape and type they had
  HostTensor biasShift; ///< f32, one per output channel: with inputs as the teacher has them, the mean of the output stays as it was
};

/// Fits the constant weights of `op` to the student's rows beside which `statistics` were measured.
FittedWeights fitContraction(mlir::Operation *op, const ContractionRows &rows, const RowStatistics &statistics);

/// Rounds the constant weights of `op` to multiples of its output channels' scales. Without statistics: to nearest,
/// without a shift.
RoundedWeights roundContraction(mlir::Operation *op, const ContractionRows &rows, llvm::ArrayRef<double> channelScales,
                                const RowStatistics *statistics, const WeightOptions &options);

} // namespace fettle

#endif
