//===- RoundedWeights.cpp - the weights of one contraction as integers -----===//
//
// Rounding weights and inputs moves the mean of an output channel. What the mean
// should be is known, W m for inputs of mean m, and what it will be too, W~ m~ for
// rounded weights and the mean of the rounded inputs: the difference goes into the
// bias. Both means are of the teacher's inputs, so that each contraction makes up
// for its own errors and not, a second time, for those of the ones before.
//
// Where rows were measured in a student, they are what this contraction gets, x~, with the errors of all before it, beside what it gets in the
// teacher, x. Part of what is missing follows from x~ (values that were clipped, channels that came out too small), and what the product should
// give is known, W x. So W is first replaced by the weights that come closest to that (Refit.h):
//   W' = (W Cov(x, x~) + l W) (Cov(x~, x~) + l I)^-1 = W + W Cov(x - x~, x~) (Cov(x~, x~) + l I)^-1.
// Rounded by GPTQ they come close to the teacher's results instead of those on the student's inputs; and the mean is made up for from x~, too.
// Example: a tensor is clipped at 4, one element of a hundred is 6: the weights behind it grow a little. Contractions are
// measured in the order of the program, each behind the ones fitted and rounded before: rounding errors change when weights do.
//
//===----------------------------------------------------------------------===//

#include "passes/quantize/RoundedWeights.h"
#include "passes/Refit.h"
#include "passes/fuse/ContractionWeights.h"
#include "passes/quantize/Rounding.h"

using namespace mlir;

namespace fettle {

/// Price of leaving the trained weights, as a multiple of the inputs' mean variance. With 0.1 outputs of resnet8 come no closer to the
/// teacher's; with 1 those of most networks that were tried do (docs/decisions/2026-11-22-refit-of-rounding.md).
static constexpr double refitRidge = 1;

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

static Eigen::MatrixXd weightsOf(const HostTensor &stored, const ContractionRows &rows, int64_t group) {
  Eigen::MatrixXd weights(rows.outputs(), rows.width());
  for (int64_t output = 0; output < rows.outputs(); ++output)
    for (int64_t column = 0; column < rows.width(); ++column)
      weights(output, column) = stored.doubleAt(rows.weightIndex(group, output, column));
  return weights;
}

FittedWeights fitContraction(Operation *op, const ContractionRows &rows, const RowStatistics &statistics) {
  using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const HostTensor stored = ContractionWeights::get(op)->tensor();
  const int64_t outputs = rows.outputs(), width = rows.width();
  FittedWeights result{HostTensor(stored.type()), HostTensor(RankedTensorType::get({rows.groups() * outputs}, Float32Type::get(op->getContext())))};
  for (int64_t group = 0; group < rows.groups(); ++group) {
    const Eigen::MatrixXd weights = weightsOf(stored, rows, group), covariance = covarianceOf(statistics, group);
    const Eigen::MatrixXd missing = Eigen::Map<const RowMajor>(statistics.missing.data() + group * width * width, width, width).cast<double>();
    const Eigen::MatrixXd fitted = refitWeights(weights, weights * (covariance + missing), covariance, refitRidge);
    for (int64_t output = 0; output < outputs; ++output)
      for (int64_t column = 0; column < width; ++column)
        result.weights.setDouble(rows.weightIndex(group, output, column), fitted(output, column));
    const Eigen::VectorXd shift = (weights - weightsOf(result.weights, rows, group)) * meanOf(statistics.mean, group, width);
    for (int64_t output = 0; output < outputs; ++output)
      result.biasShift.setDouble(group * outputs + output, shift[output]);
  }
  return result;
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
    Eigen::MatrixXd weights = weightsOf(stored, rows, group);
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
