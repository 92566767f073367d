//===- ChannelFactors.cpp - how much each channel is divided ---------------===//
//
// A tensor has one scale, so a channel that reaches only a tenth as far as the widest
// has only 25 of the 255 steps. Dividing each channel by its reach gives all of them
// all steps; the weights that read the channels are multiplied by it. Example: reach
// 1 and 10 and weights 1 and 1 become reach 1 and 1 and weights 1 and 10: the inputs'
// error falls to a hundredth in channel 0, but the weights have one scale, too, and the
// weight 1 is now rounded ten times as coarsely. So the factors are a power of the
// reach, reach^a, and the exponent with the least expected error of the output is
// taken, errors of rounding being step^2 / 12, independent of each other:
//   inputs:  sum_c  step_x^2 s_c^2 sum_o w_oc^2 / 12,    step_x = (max_c high_c / s_c - min_c low_c / s_c) / 255
//   weights: sum_oc step_o^2 E[x_c^2] / s_c^2 / 12,      step_o = max_c (|w_oc| s_c) / 127
// relative to the power of the reader's output. Output channels of depthwise
// convolutions read one channel each, so there the second sum does not change: full
// equalization costs nothing.
//
// Source: M. Nagel et al., "Data-Free Quantization through Weight Equalization and Bias
// Correction" (2019) and G. Xiao et al., "SmoothQuant" (2022); the choice of the exponent
// by expected error is our own.
//
//===----------------------------------------------------------------------===//

#include "passes/quantize/ChannelFactors.h"

namespace fettle {

/// A channel that reaches less than this share of the widest is treated as if it reached so far: its rounding
/// error is small enough.
static constexpr double leastReach = 1e-3;

/// For each channel the greatest share of the tensor's ends that it reaches, over all tensors: of the further end, or of each
/// by itself, so that factors stretch neither side. Behind a GELU all channels reach equally far down, and only the
/// latter leaves the range one-sided.
static Eigen::VectorXd relativeReach(llvm::ArrayRef<ScaledTensor> tensors, bool bySide) {
  Eigen::VectorXd reach = Eigen::VectorXd::Constant(tensors.front().low.size(), leastReach);
  for (const ScaledTensor &tensor : tensors) {
    double low = -tensor.low.minCoeff(), high = tensor.high.maxCoeff(), widest = std::max(low, high);
    if (!(widest > 0))
      continue;
    double lowUnit = bySide && low > 0 ? low : widest, highUnit = bySide && high > 0 ? high : widest;
    reach = reach.cwiseMax(-tensor.low / lowUnit).cwiseMax(tensor.high / highUnit);
  }
  return reach;
}

static double expectedError(llvm::ArrayRef<ScaledTensor> tensors, const Eigen::VectorXd &factors) {
  double error = 0;
  Eigen::ArrayXd squares = factors.array().square();
  for (const ScaledTensor &tensor : tensors) {
    double inputStep = (tensor.high.cwiseQuotient(factors).maxCoeff() - tensor.low.cwiseQuotient(factors).minCoeff()) / 255;
    double scaledPower = (tensor.meanSquare.array() / squares).sum();
    for (const ScaledTensor::Reader &reader : tensor.readers) {
      double power = tensor.meanSquare.dot(reader.squaredWeights);
      if (!(power > 0))
        continue;
      double inputError = inputStep * inputStep * (squares * reader.squaredWeights.array()).sum();
      double weightError = 0;
      for (Eigen::Index output = 0; output < reader.greatestWeights.rows(); ++output) {
        auto row = reader.greatestWeights.row(output).transpose();
        double step = row.cwiseProduct(factors).maxCoeff() / 127;
        // Only inputs that the output reads bring in their rounded weights.
        double read = (row.array() > 0).all() ? scaledPower
                                              : (row.array() > 0).select(tensor.meanSquare.array() / squares, 0).sum();
        weightError += step * step * read;
      }
      error += (inputError + weightError) / power;
    }
  }
  return error;
}

Eigen::VectorXd chooseFactors(llvm::ArrayRef<ScaledTensor> tensors, double share) {
  Eigen::VectorXd best = Eigen::VectorXd::Ones(tensors.front().low.size());
  double least = share * expectedError(tensors, best);
  for (bool bySide : {false, true}) {
    Eigen::VectorXd reach = relativeReach(tensors, bySide);
    for (double exponent : {0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0}) {
      Eigen::VectorXd factors = reach.array().pow(exponent);
      double error = expectedError(tensors, factors);
      if (error < least) {
        least = error;
        best = factors;
      }
    }
  }
  return best;
}

} // namespace fettle
