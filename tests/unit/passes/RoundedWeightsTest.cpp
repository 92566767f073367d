//===- RoundedWeightsTest.cpp - a contraction's weights as integers --------===//

#include "passes/fuse/ContractionWeights.h"
#include "passes/quantize/RoundedWeights.h"
#include "tests/unit/passes/Preserve.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include <gtest/gtest.h>

using namespace mlir;

namespace fettle::test {

class WeightsOf : public testing::Test {
protected:
  void SetUp() override {
    loadDialects(context);
    module = parseSourceString<ModuleOp>(R"(func.func @f(%x: tensor<1x4x6xf32>) -> tensor<1x2x6xf32> {
      %w = nn.constant dense<[[[1.27], [-0.644]], [[0.0], [0.0]]]> : tensor<2x2x1xf32>
      %0 = nn.conv %x, %w {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, groups = 2}
          : (tensor<1x4x6xf32>, tensor<2x2x1xf32>) -> tensor<1x2x6xf32>
      return %0 : tensor<1x2x6xf32> })",
                                         &context);
    auto function = *module->getOps<func::FuncOp>().begin();
    op = *function.getOps<nn::ConvOp>().begin();
    rows = ContractionRows::get(op);
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  Operation *op = nullptr;
  std::optional<ContractionRows> rows;
};

TEST_F(WeightsOf, AChannelHaveTheirScale) {
  RoundedWeights rounded = roundContraction(op, *rows, {0.01, 1}, nullptr, {});
  EXPECT_EQ(rounded.integers.integers(), (std::vector<int64_t>{127, -64, 0, 0}));
  EXPECT_EQ(rounded.scales.doubles(), (std::vector<double>{0.01f, 1}));
  EXPECT_FALSE(rounded.biasShift);
}

TEST_F(WeightsOf, TheMeanOfTheOutputIsKept) {
  RowStatistics statistics;
  statistics.groups = statistics.width = 2;
  statistics.mean = {1, 2, 3, 4};
  statistics.roundedMean = {1.1f, 1.9f, 3, 4};
  statistics.covariance = {1, 0, 1, 1, 0, 1};
  RoundedWeights rounded = roundContraction(op, *rows, {0.01, 1}, &statistics, {});
  ASSERT_TRUE(rounded.biasShift);
  double wanted = 1.27 * 1 - 0.644 * 2, got = 0.01 * (127 * 1.1 - 64 * 1.9);
  EXPECT_NEAR(rounded.biasShift->doubleAt(0), wanted - got, 1e-6);
  EXPECT_EQ(rounded.biasShift->doubleAt(1), 0);
}

TEST_F(WeightsOf, WhatAStudentLacksIsMadeUpFor) {
  // In the student the first channel of group 0 has half of its deviation, the second one is as it is.
  RowStatistics statistics;
  statistics.groups = statistics.width = 2;
  statistics.mean = {1, 2, 3, 4};
  statistics.covariance = {100, 0, 400, 1, 0, 1};
  statistics.missing = {100, 0, 0, 0, 0, 0, 0, 0};
  FittedWeights fitted = fitContraction(op, *rows, statistics);
  // The ridge is the mean variance, 250.
  EXPECT_NEAR(fitted.weights.doubleAt(0), 1.27 * (1 + 100.0 / 350), 1e-6);
  EXPECT_NEAR(fitted.weights.doubleAt(1), -0.644, 1e-6);
  EXPECT_EQ(fitted.weights.doubleAt(2), 0);
  EXPECT_NEAR(fitted.biasShift.doubleAt(0), -1.27 * 100 / 350, 1e-6);
  EXPECT_EQ(fitted.biasShift.doubleAt(1), 0);
}

TEST_F(WeightsOf, StayWhereNothingIsMissing) {
  RowStatistics statistics;
  statistics.groups = statistics.width = 2;
  statistics.mean = {1, 2, 3, 4};
  statistics.covariance = {1, 0.5f, 4, 1, 0, 1};
  statistics.missing.assign(8, 0);
  FittedWeights fitted = fitContraction(op, *rows, statistics);
  for (int64_t i = 0; i < 4; ++i)
    EXPECT_EQ(fitted.weights.doubleAt(i), ContractionWeights::get(op)->tensor().doubleAt(i));
  EXPECT_EQ(fitted.biasShift.doubles(), (std::vector<double>{0, 0}));
}

} // namespace fettle::test
