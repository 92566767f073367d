//===- ChannelFactorsTest.cpp - how much each channel is divided -----------===//

#include "passes/quantize/ChannelFactors.h"
#include <gtest/gtest.h>

namespace fettle::test {

using Eigen::MatrixXd;
using Eigen::VectorXd;

static VectorXd vector(std::initializer_list<double> values) {
  VectorXd result(values.size());
  std::copy(values.begin(), values.end(), result.begin());
  return result;
}

/// A tensor whose channels are spread alike, read by one contraction with these greatest weights.
static ScaledTensor tensor(const VectorXd &reach, const MatrixXd &weights) {
  ScaledTensor result;
  result.low = VectorXd::Zero(reach.size());
  result.high = reach;
  result.meanSquare = reach.array().square() / 9;
  result.readers.push_back({weights.colwise().squaredNorm(), weights.cwiseAbs()});
  return result;
}

TEST(ChannelFactors, AreTheReachForDepthwiseReaders) {
  VectorXd reach = vector({10, 1, 5, 0.1});
  VectorXd factors = chooseFactors(tensor(reach, MatrixXd::Identity(4, 4)));
  EXPECT_TRUE(factors.isApprox(reach / 10)) << factors;
}

TEST(ChannelFactors, AreOnesWhereChannelsReachAlike) {
  EXPECT_TRUE(chooseFactors(tensor(VectorXd::Constant(3, 7), MatrixXd::Ones(5, 3))).isOnes());
}

TEST(ChannelFactors, AreABargainForSharedWeights) {
  // Small inputs meet large weights: dividing helps both. Small inputs that meet equal weights are
  // scaled less than by their reach.
  VectorXd reach = vector({16, 1});
  VectorXd both = chooseFactors(tensor(reach, (MatrixXd(1, 2) << 1, 16).finished()));
  EXPECT_DOUBLE_EQ(both[1], 1.0 / 16);
  VectorXd bargain = chooseFactors(tensor(reach, MatrixXd::Ones(1, 2)));
  EXPECT_LT(bargain[1], 1);
  EXPECT_GT(bargain[1], 1.0 / 16);
}

TEST(ChannelFactors, TakeDeadChannelsAndTensors) {
  VectorXd factors = chooseFactors(tensor(vector({4, 0}), MatrixXd::Identity(2, 2)));
  EXPECT_TRUE((factors.array() > 0).all());
  EXPECT_TRUE(chooseFactors(tensor(VectorXd::Zero(2), MatrixXd::Ones(2, 2))).isOnes());
}

TEST(ChannelFactors, LeaveAOneSidedRangeOneSided) {
  // Behind a GELU: all channels reach down to -0.17, and few of them far up. What would stretch the small ones to the
  // top would stretch them as far down.
  ScaledTensor behind = tensor(vector({5, 4, 0.5, 0.1}), MatrixXd::Identity(4, 4));
  behind.low = VectorXd::Constant(4, -0.17);
  EXPECT_TRUE(chooseFactors(behind, 0.5).isOnes()) << "nothing halves the error";
  VectorXd factors = chooseFactors(behind);
  EXPECT_GT(behind.low.cwiseQuotient(factors).minCoeff(), -5);
}

TEST(ChannelFactors, ServeTheWidestOfSeveralTensors) {
  ScaledTensor tensors[] = {tensor(vector({1, 0.01}), MatrixXd::Identity(2, 2)), tensor(vector({1, 0.5}), MatrixXd::Identity(2, 2))};
  VectorXd factors = chooseFactors(tensors);
  EXPECT_DOUBLE_EQ(factors[1], 0.5);
}

} // namespace fettle::test
