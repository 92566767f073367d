//===- ReductionTest.cpp - values of ops along axes -----------------------===//

#include "tests/unit/nn/OneOp.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace fettle::test;

static Values reduce(const std::string &kind, const std::string &values, const std::string &axes,
                     const std::string &from, const std::string &to) {
  return OneOp("nn.reduce " + kind + " %0 {axes = array<i64" + axes + ">} : (" + from + ") -> " + to,
               {"dense<" + values + "> : " + from})
      .values();
}

TEST(ReduceReference, NothingGivesTheNeutralElement) {
  auto ofNothing = [](const std::string &kind, const std::string &element) {
    return reduce(kind, "", ": 0", "tensor<0x" + element + ">", "tensor<" + element + ">")[0];
  };
  EXPECT_EQ(ofNothing("sum", "f32"), 0);
  EXPECT_EQ(ofNothing("prod", "f32"), 1);
  EXPECT_EQ(ofNothing("max", "f32"), -HUGE_VAL);
  EXPECT_EQ(ofNothing("min", "f32"), HUGE_VAL);
  EXPECT_EQ(ofNothing("log_sum", "f32"), -HUGE_VAL);
  EXPECT_EQ(ofNothing("log_sum_exp", "f32"), -HUGE_VAL);
  EXPECT_TRUE(std::isnan(ofNothing("mean", "f32")));
  EXPECT_EQ(ofNothing("max", "i8"), -128);
  EXPECT_EQ(ofNothing("min", "ui8"), 255);
  EXPECT_EQ(ofNothing("min", "i1"), 1);
}

TEST(ReduceReference, AxesApart) {
  EXPECT_EQ(reduce("sum", "[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]", ": 0, 2", "tensor<2x2x2xi32>", "tensor<2xi32>"),
            Values({14, 22}));
  EXPECT_EQ(reduce("sum", "[1.0, 2.0]", "", "tensor<2xf32>", "tensor<2xf32>"), Values({1, 2}));
}

TEST(ReduceReference, IntegersWrapAndTruncate) {
  EXPECT_EQ(reduce("sum", "[100, 100]", ": 0", "tensor<2xi8>", "tensor<i8>"), Values({-56}));
  EXPECT_EQ(reduce("mean", "[-3, -4]", ": 0", "tensor<2xi32>", "tensor<i32>"), Values({-3}));
  EXPECT_EQ(reduce("l1", "[-3, 4]", ": 0", "tensor<2xi32>", "tensor<i32>"), Values({7}));
}

TEST(ReduceReference, LargeExponents) {
  expectNear(reduce("log_sum_exp", "[1000.0, 1000.0]", ": 0", "tensor<2xf32>", "tensor<f32>"), {1000 + std::log(2)},
             1e-4);
  EXPECT_TRUE(std::isnan(reduce("max", "[1.0, 0x7FC00000, 2.0]", ": 0", "tensor<3xf32>", "tensor<f32>")[0]));
}

TEST(ArgReference, Ties) {
  std::vector<std::string> input = {"dense<[1.0, 3.0, 3.0, 1.0]> : tensor<4xf32>"};
  EXPECT_EQ(OneOp("nn.arg argmax %0 {axis = 0 : i64} : (tensor<4xf32>) -> tensor<i64>", input).values(), Values({1}));
  EXPECT_EQ(OneOp("nn.arg argmax %0 {axis = 0 : i64, select_last} : (tensor<4xf32>) -> tensor<i64>", input).values(),
            Values({2}));
  EXPECT_EQ(OneOp("nn.arg argmin %0 {axis = 0 : i64, select_last} : (tensor<4xf32>) -> tensor<i64>", input).values(),
            Values({3}));
}

TEST(TopKReference, OrderTiesAndNan) {
  OneOp largest("nn.top_k %0 {axis = 0 : i64, k = 3 : i64} : (tensor<4xf32>) -> (tensor<3xf32>, tensor<3xi64>)",
                {"dense<[2.0, 5.0, 2.0, 1.0]> : tensor<4xf32>"}, 2);
  EXPECT_EQ(largest.values(0), Values({5, 2, 2}));
  EXPECT_EQ(largest.values(1), Values({1, 0, 2}));
  OneOp smallest(
      "nn.top_k %0 {axis = 1 : i64, k = 2 : i64, smallest} : (tensor<1x3xf32>) -> (tensor<1x2xf32>, tensor<1x2xi64>)",
      {"dense<[[0x7FC00000, 4.0, -1.0]]> : tensor<1x3xf32>"}, 2);
  EXPECT_EQ(smallest.values(1), Values({2, 1}));
}

TEST(CumSumReference, ExclusiveAndReverse) {
  std::vector<std::string> input = {"dense<[1, 2, 3]> : tensor<3xi32>"};
  auto scan = [&](const std::string &flags) {
    return OneOp("nn.cumsum %0 {axis = 0 : i64" + flags + "} : (tensor<3xi32>) -> tensor<3xi32>", input).values();
  };
  EXPECT_EQ(scan(""), Values({1, 3, 6}));
  EXPECT_EQ(scan(", exclusive"), Values({0, 1, 3}));
  EXPECT_EQ(scan(", reverse"), Values({6, 5, 3}));
  EXPECT_EQ(scan(", exclusive, reverse"), Values({5, 3, 0}));
}

TEST(SoftmaxReference, AnyAxisAndItsLogarithm) {
  std::vector<std::string> input = {"dense<[[0.0, 1000.0], [0.0, 0.0]]> : tensor<2x2xf32>"};
  expectNear(OneOp("nn.softmax %0 {axis = 1 : i64} : (tensor<2x2xf32>) -> tensor<2x2xf32>", input).values(),
             {0, 1, 0.5, 0.5});
  expectNear(OneOp("nn.softmax %0 {axis = 0 : i64} : (tensor<2x2xf32>) -> tensor<2x2xf32>", input).values(),
             {0.5, 1, 0.5, 0});
  expectNear(OneOp("nn.softmax %0 {axis = 1 : i64, log} : (tensor<2x2xf32>) -> tensor<2x2xf32>", input).values(),
             {-1000, 0, -std::log(2), -std::log(2)});
}

TEST(NormReference, LayerNormAndRms) {
  std::vector<std::string> operands = {"dense<[[1.0, 3.0]]> : tensor<1x2xf32>", "dense<[2.0, 4.0]> : tensor<2xf32>"};
  expectNear(OneOp("nn.layer_norm %0, %1 {axis = 1 : i64, epsilon = 0.0, operandSegmentSizes = array<i32: 1, 1, 0>} : "
                   "(tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>",
                   operands)
                 .values(),
             {-2, 4});
  double rms = std::sqrt(5);
  expectNear(OneOp("nn.layer_norm %0 {axis = 1 : i64, epsilon = 0.0, rms, operandSegmentSizes = array<i32: 1, 0, 0>} : "
                   "(tensor<1x2xf32>) -> tensor<1x2xf32>",
                   operands[0])
                 .values(),
             {1 / rms, 3 / rms});
}

static Values pool(const std::string &kind, const std::string &attributes, const std::string &result) {
  return OneOp("nn.pool " + kind + " %0 {" + attributes + "} : (tensor<1x1x4xf32>) -> " + result,
               {"dense<[[[1.0, 2.0, 3.0, 4.0]]]> : tensor<1x1x4xf32>"})
      .values();
}

TEST(PoolReference, PaddingCountsOrNot) {
  std::string window =
      "kernel = array<i64: 2>, strides = array<i64: 2>, pads = array<i64: 1, 1>, dilations = array<i64: 1>";
  EXPECT_EQ(pool("average", window, "tensor<1x1x3xf32>"), Values({1, 2.5, 4}));
  EXPECT_EQ(pool("average_with_pad", window, "tensor<1x1x3xf32>"), Values({0.5, 2.5, 2}));
  EXPECT_EQ(pool("max_pool", window, "tensor<1x1x3xf32>"), Values({1, 3, 4}));
}

TEST(PoolReference, CeilModeReachesBeyondThePadding) {
  std::string window =
      "kernel = array<i64: 3>, strides = array<i64: 2>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, ceil_mode";
  EXPECT_EQ(pool("average_with_pad", window, "tensor<1x1x2xf32>"), Values({2, 3.5}));
  EXPECT_EQ(pool("max_pool", window, "tensor<1x1x2xf32>"), Values({3, 4}));
}

TEST(PoolReference, IndicesInBothOrders) {
  std::vector<std::string> input = {"dense<[[[[1.0, 2.0], [4.0, 3.0], [0.0, 0.0]]]]> : tensor<1x1x3x2xf32>"};
  std::string window = "kernel = array<i64: 2, 2>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, "
                       "dilations = array<i64: 1, 1>";
  std::string types = "} : (tensor<1x1x3x2xf32>) -> tensor<1x1x2x1xi64>";
  EXPECT_EQ(OneOp("nn.max_pool_indices %0 {" + window + types, input).values(), Values({2, 2}));
  EXPECT_EQ(OneOp("nn.max_pool_indices %0 {" + window + ", column_major" + types, input).values(), Values({1, 1}));
}

TEST(LrnReference, WindowOfChannels) {
  OneOp lrn(
      "nn.lrn %0 {size = 2 : i64, alpha = 2.0, beta = 1.0, bias = 1.0} : (tensor<1x3x1xf32>) -> tensor<1x3x1xf32>",
      {"dense<[[[1.0], [2.0], [3.0]]]> : tensor<1x3x1xf32>"});
  expectNear(lrn.values(), {1.0 / 6, 2.0 / 14, 3.0 / 10});
}
