//===- RoundingTest.cpp - weights that make up for each other --------------===//

#include "passes/quantize/Rounding.h"
#include "tests/unit/passes/NoiseMatrix.h"
#include <Eigen/LU>
#include <gtest/gtest.h>
#include <numeric>

namespace fettle::test {

using Eigen::MatrixXd;
using Eigen::VectorXd;

/// Covariance of inputs that depend on each other.
static MatrixXd correlated(Eigen::Index width, uint64_t seed) {
  MatrixXd rows = noise(4 * width, width / 3, seed) * noise(width / 3, width, seed + 1) + 0.1 * noise(4 * width, width, seed + 2);
  return rows.transpose() * rows / double(rows.rows());
}

static double outputError(const MatrixXd &weights, const MatrixXd &integers, const VectorXd &scales, const MatrixXd &covariance) {
  MatrixXd error = scales.asDiagonal() * integers - weights;
  return (error * covariance).cwiseProduct(error).sum();
}

/// Optimal Brain Compression by its definition, in the order of falling variance: for one weight after the other, the
/// inverse of the remaining covariance is computed anew.
static MatrixXd roundByDefinition(MatrixXd weights, const VectorXd &scales, MatrixXd covariance, double damping) {
  const Eigen::Index width = weights.cols();
  std::vector<Eigen::Index> left(width);
  std::iota(left.begin(), left.end(), 0);
  std::stable_sort(left.begin(), left.end(), [&](auto a, auto b) { return covariance(a, a) > covariance(b, b); });
  covariance.diagonal().array() += damping * covariance.diagonal().mean();
  MatrixXd rounded(weights.rows(), width);
  while (!left.empty()) {
    MatrixXd inverse = MatrixXd(covariance(left, left)).inverse();
    Eigen::Index first = left.front();
    for (Eigen::Index o = 0; o < weights.rows(); ++o) {
      rounded(o, first) = std::min(127.0, std::max(-127.0, std::nearbyint(weights(o, first) / scales[o])));
      double error = weights(o, first) - rounded(o, first) * scales[o];
      for (size_t j = 0; j < left.size(); ++j)
        weights(o, left[j]) -= error * inverse(0, j) / inverse(0, 0);
    }
    left.erase(left.begin());
  }
  return rounded;
}

TEST(Rounding, EqualsOptimalBrainCompressionInItsOrder) {
  // Wider than a block of columns, and narrower.
  for (Eigen::Index width : {9, 64, 150}) {
    MatrixXd weights = noise(5, width, 7 + width), covariance = correlated(width, 40 + width);
    VectorXd scales = VectorXd::LinSpaced(5, 0.01, 0.2);
    EXPECT_EQ(roundWeights(weights, scales, covariance, 0.01), roundByDefinition(weights, scales, covariance, 0.01)) << width;
  }
}

TEST(Rounding, BeatsTheNearestIntegersOnTheOutput) {
  MatrixXd weights = noise(32, 96, 1), covariance = correlated(96, 2);
  VectorXd scales = weights.rowwise().lpNorm<Eigen::Infinity>() / 7;
  double nearest = outputError(weights, roundToNearest(weights, scales), scales, covariance);
  double compensated = outputError(weights, roundWeights(weights, scales, covariance, 0.01), scales, covariance);
  EXPECT_LT(compensated, 0.3 * nearest);
}

TEST(Rounding, OfEqualInputsIsShared) {
  // 0.4 x + 0.4 x is nearer to x than to nothing.
  MatrixXd weights = MatrixXd::Constant(1, 2, 0.4), covariance = MatrixXd::Constant(2, 2, 1.0);
  MatrixXd rounded = roundWeights(weights, VectorXd::Ones(1), covariance, 1e-6);
  EXPECT_EQ(rounded.sum(), 1);
}

TEST(Rounding, TakesInputsThatNeverVary) {
  MatrixXd weights = noise(3, 8, 3), covariance = correlated(8, 4);
  covariance.row(5).setZero();
  covariance.col(5).setZero();
  VectorXd scales = VectorXd::Constant(3, 0.1);
  EXPECT_EQ(roundWeights(weights, scales, covariance, 0.01).col(5), roundToNearest(weights, scales).col(5));
  EXPECT_EQ(roundWeights(weights, scales, MatrixXd::Zero(8, 8), 0.01), roundToNearest(weights, scales));
}

TEST(Rounding, StaysInRange) {
  MatrixXd weights(1, 3);
  weights << 1000, -1000, 12.6;
  MatrixXd wanted(1, 3);
  wanted << 127, -127, 13;
  EXPECT_EQ(roundToNearest(weights, VectorXd::Ones(1)), wanted);
  EXPECT_LE(roundWeights(weights, VectorXd::Ones(1), correlated(3, 5), 0.01).cwiseAbs().maxCoeff(), 127);
}

} // namespace fettle::test
