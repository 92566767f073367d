//===- RoundedWeights.cpp - the weights of one contraction as integers -----===//
//
// Rounding weights and inputs moves the mean of an output channel. What the mean
// should be is known, W m for inputs of mean m, and what it will be too, W~ m~ for
// rounded weights and the mean of the rounded inputs: the difference goes into the
// bias. Both means are of the teacher's inputs, so that each contraction makes up
// for its own errors and not, a second time, for those of the ones before.
//
//===----------------------------------------------------------------------===//

#include "passes/quantize/RoundedWeights.h"
#include "passes/fuse/ContractionWeights.h"
#include "passes/quantize/Rounding.h"

using namespace mlir;

namespace fettle {

static Eigen::MatrixXd covarianceOf(const RowStatistics &statistics, int64_t group) {
  const int64_t width = statistics.width;
  Eigen::MatrixXd covariance(width, width);
  const float *next = statistics.covariance.data() + group * statistics.triangle();
  for (int64_t i = 0; i < width; ++i)
    for (int64_t j = i; j < width; ++j)
      covariance(i, j) = covariance(j, i) = *next++;
  return covariance;
}

static Eigen::VectorXd meanOf(const std::vector<float> &means, int64_t group, int64_t width) {
  return Eigen::Map<const Eigen::VectorXf>(means.data() + group * width, width).cast<double>();
}

RoundedWeights roundContraction(Operation *op, const ContractionRows &rows, ArrayRef<double> channelScales,
                                const RowStatistics *statistics, const WeightOptions &options) {
  const HostTensor stored = ContractionWeights::get(op)->tensor();
  const int64_t outputs = rows.outputs(), width = rows.width(), channels = rows.groups() * outputs;
  Type f32 = Float32Type::get(op->getContext());
  auto perChannel = RankedTensorType::get({channels}, f32);
  RoundedWeights result{HostTensor(stored.type().clone(IntegerType::get(op->getContext(), 8))), HostTensor(perChannel), {}};
  if (statistics)
    result.biasShift.emplace(perChannel);
  for (int64_t group = 0; group < rows.groups(); ++group) {
    Eigen::MatrixXd weights(outputs, width);
    for (int64_t output = 0; output < outputs; ++output)
      for (int64_t column = 0; column < width; ++column)
        weights(output, column) = stored.doubleAt(rows.weightIndex(group, output, column));
    Eigen::VectorXd scales = Eigen::Map<const Eigen::VectorXd>(channelScales.data() + group * outputs, outputs);
    Eigen::MatrixXd integers = statistics && options.rounding == Rounding::Gptq
                                   ? roundWeights(weights, scales, covarianceOf(*statistics, group), options.damping)
                                   : roundToNearest(weights, scales);
    for (int64_t output = 0; output < outputs; ++output) {
      result.scales.setDouble(group * outputs + output, scales[output]);
      for (int64_t column = 0; column < width; ++column)
        result.integers.setInteger(rows.weightIndex(group, output, column), int64_t(integers(output, column)));
    }
    if (!statistics)
      continue;
    Eigen::VectorXd shift = weights * meanOf(statistics->mean, group, width) -
                            scales.asDiagonal() * (integers * meanOf(statistics->roundedMean, group, width));
    for (int64_t output = 0; output < outputs; ++output)
      result.biasShift->setDouble(group * outputs + output, shift[output]);
  }
  return result;
}

} // namespace fettle
