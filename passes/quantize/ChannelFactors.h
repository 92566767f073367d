//===- ChannelFactors.h - how much each channel is divided -----------------===//
#ifndef FETTLE_PASSES_QUANTIZE_CHANNELFACTORS_H
#define FETTLE_PASSES_QUANTIZE_CHANNELFACTORS_H

#include "llvm/ADT/ArrayRef.h"
#include <Eigen/Core>
#include <vector>

namespace fettle {

/// A tensor of a class that is rounded, and what reads it.
struct ScaledTensor {
  Eigen::VectorXd low, high;  ///< of each channel, low <= 0 <= high
  Eigen::VectorXd meanSquare; ///< of each channel
  /// Of each contraction that reads it: for each channel the sum of squared weights, and the greatest magnitude of the
  /// weights of each output channel [outputs, channels]; a zero where an output does not read a channel.
  struct Reader {
    Eigen::VectorXd squaredWeights;
    Eigen::MatrixXd greatestWeights;
  };
  std::vector<Reader> readers;
};

/// Factors s for the channels of `tensors`, which share them: what is left of x and w as x / s and w s has the least
/// expected error once both are rounded to 8 bits. All ones if nothing has less than `share` of the error without factors.
Eigen::VectorXd chooseFactors(llvm::ArrayRef<ScaledTensor> tensors, double share = 1);

} // namespace fettle

#endif
