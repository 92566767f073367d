//===- ContractionTest.cpp - values of products ---------------------------===//

#include "tests/unit/nn/OneOp.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace fettle::test;

TEST(MatMulReference, BroadcastsBatchesAndAddsBias) {
  OneOp product("nn.matmul %0, %1, %2 : (tensor<2x1x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<2x1x2xf32>",
                {"dense<[[[1.0, 2.0]], [[3.0, 4.0]]]> : tensor<2x1x2xf32>",
                 "dense<[[1.0, 10.0], [100.0, 1000.0]]> : tensor<2x2xf32>", "dense<[0.5, 0.25]> : tensor<2xf32>"});
  EXPECT_EQ(product.values(), Values({201.5, 2010.25, 403.5, 4030.25}));
}

TEST(MatMulReference, TransposedOperands) {
  OneOp product(
      "nn.matmul %0, %1 {transpose_lhs, transpose_rhs} : (tensor<2x1xf32>, tensor<3x2xf32>) -> tensor<1x3xf32>",
      {"dense<[[1.0], [2.0]]> : tensor<2x1xf32>", "dense<[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]> : tensor<3x2xf32>"});
  EXPECT_EQ(product.values(), Values({1, 2, 3}));
}

TEST(MatMulReference, EmptySumsAndIntegers) {
  OneOp empty("nn.matmul %0, %1 : (tensor<1x0xf32>, tensor<0x2xf32>) -> tensor<1x2xf32>",
              {"dense<> : tensor<1x0xf32>", "dense<> : tensor<0x2xf32>"});
  EXPECT_EQ(empty.values(), Values({0, 0}));
  OneOp mixed("nn.matmul %0, %1 : (tensor<1x2xui8>, tensor<2x1xi8>) -> tensor<1x1xi32>",
              {"dense<[[255, 2]]> : tensor<1x2xui8>", "dense<[[-128], [1]]> : tensor<2x1xi8>"});
  EXPECT_EQ(mixed.values(), Values({-32638}));
}

TEST(DetReference, SwapsRows) {
  OneOp det("nn.det %0 : (tensor<2x2xf32>) -> tensor<f32>", {"dense<[[0.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>"});
  EXPECT_EQ(det.values(), Values({-6}));
}

TEST(ConvReference, AsymmetricPads) {
  // [0, 1, 2, 3] convolved with [1, 10]: one zero before, none behind.
  OneOp conv("nn.conv %0, %1, %2 {strides = array<i64: 1>, pads = array<i64: 1, 0>, dilations = array<i64: 1>} : "
             "(tensor<1x1x3xf32>, tensor<1x1x2xf32>, tensor<1xf32>) -> tensor<1x1x3xf32>",
             {"dense<[[[1.0, 2.0, 3.0]]]> : tensor<1x1x3xf32>", "dense<[[[1.0, 10.0]]]> : tensor<1x1x2xf32>",
              "dense<0.5> : tensor<1xf32>"});
  EXPECT_EQ(conv.values(), Values({10.5, 21.5, 32.5}));
}

TEST(ConvReference, StridesDilationsGroups) {
  OneOp conv(
      "nn.conv %0, %1 {strides = array<i64: 2>, pads = array<i64: 0, 1>, dilations = array<i64: 2>, groups = 2 : "
      "i64} : (tensor<1x2x5xf32>, tensor<2x1x2xf32>) -> tensor<1x2x2xf32>",
      {"dense<[[[1.0, 2.0, 3.0, 4.0, 5.0], [6.0, 7.0, 8.0, 9.0, 10.0]]]> : tensor<1x2x5xf32>",
       "dense<[[[1.0, 1.0]], [[1.0, -1.0]]]> : tensor<2x1x2xf32>"});
  EXPECT_EQ(conv.values(), Values({4, 8, -2, -2}));
}

TEST(ConvReference, ChannelsLastIsTheSameConvolution) {
  const char *attributes = "strides = array<i64: 1, 2>, pads = array<i64: 1, 0, 0, 1>, dilations = array<i64: 1, 1>";
  std::string weight = "dense<[[[[1.0, 2.0]], [[3.0, -1.0]]]]> : tensor<1x2x1x2xf32>";
  OneOp first(std::string("nn.conv %0, %1 {") + attributes +
                  "} : (tensor<1x2x2x2xf32>, tensor<1x2x1x2xf32>) -> tensor<1x1x3x1xf32>",
              {"dense<[[[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]]> : tensor<1x2x2x2xf32>", weight});
  OneOp last(std::string("nn.conv %0, %1 {") + attributes +
                 ", channels_last} : (tensor<1x2x2x2xf32>, tensor<1x2x1x2xf32>) -> tensor<1x3x1x1xf32>",
             {"dense<[[[[1.0, 5.0], [2.0, 6.0]], [[3.0, 7.0], [4.0, 8.0]]]]> : tensor<1x2x2x2xf32>", weight});
  EXPECT_EQ(first.values(), Values({0, 14, 24}));
  EXPECT_EQ(last.values(), first.values());
}

TEST(ConvReference, PaddingStandsForTheZeroPoint) {
  // (1 2 3) - 2 = (-1 0 1), padded by one 0 before, under (1 10).
  OneOp conv("nn.conv %0, %1, %2 {strides = array<i64: 1>, pads = array<i64: 1, 0>, dilations = array<i64: 1>, zero_point = 2 : i64} : "
             "(tensor<1x1x3xui8>, tensor<1x1x2xi8>, tensor<1xi32>) -> tensor<1x1x3xi32>",
             {"dense<[[[1, 2, 3]]]> : tensor<1x1x3xui8>", "dense<[[[1, 10]]]> : tensor<1x1x2xi8>", "dense<1000> : tensor<1xi32>"});
  EXPECT_EQ(conv.values(), Values({990, 999, 1010}));
}

TEST(MatMulReference, ZeroPointOfTheLeftOperand) {
  OneOp product("nn.matmul %0, %1 {zero_point = -3 : i64} : (tensor<1x2xi8>, tensor<2x1xi8>) -> tensor<1x1xi32>",
                {"dense<[[-3, 4]]> : tensor<1x2xi8>", "dense<[[9], [-2]]> : tensor<2x1xi8>"});
  EXPECT_EQ(product.values(), Values({-14}));
}

TEST(ConvTransposeReference, ScattersWithStrideAndPads) {
  OneOp conv("nn.conv_transpose %0, %1 {strides = array<i64: 2>, pads = array<i64: 1, 0>, dilations = array<i64: 1>, "
             "output_padding = array<i64: 1>} : (tensor<1x1x3xf32>, tensor<1x1x2xf32>) -> tensor<1x1x6xf32>",
             {"dense<[[[1.0, 2.0, 3.0]]]> : tensor<1x1x3xf32>", "dense<[[[1.0, 10.0]]]> : tensor<1x1x2xf32>"});
  EXPECT_EQ(conv.values(), Values({10, 2, 20, 3, 30, 0}));
}

/// Values that show which rows a query sees: keys are equal, so weights are too.
static Values attend(const std::string &attributes, const std::string &query, const std::string &key,
                     const std::string &value, const std::string &result) {
  return OneOp("nn.attention %0, %1, %2 {" + attributes + "} : (" + query + ", " + key + ", " + value + ") -> " +
                   result,
               {"dense<0.0> : " + query, "dense<0.0> : " + key, "dense<[[[[1.0], [2.0], [6.0]]]]> : " + value})
      .values();
}

TEST(AttentionReference, CausalAlignsTheLastQueryWithTheLastKey) {
  EXPECT_EQ(attend("scale = 1.0, causal", "tensor<1x1x2x4xf32>", "tensor<1x1x3x4xf32>", "tensor<1x1x3x1xf32>",
                   "tensor<1x1x2x1xf32>"),
            Values({1.5, 3}));
}

TEST(AttentionReference, RowsThatSeeNothingGiveZeros) {
  EXPECT_EQ(attend("scale = 1.0, causal", "tensor<1x1x4x4xf32>", "tensor<1x1x3x4xf32>", "tensor<1x1x3x1xf32>",
                   "tensor<1x1x4x1xf32>"),
            Values({0, 1, 1.5, 3}));
  OneOp masked("nn.attention %0, %0, %0, %1 {scale = 1.0} : (tensor<1x1x2x1xf32>, tensor<1x1x2x1xf32>, "
               "tensor<1x1x2x1xf32>, tensor<2x2xf32>) -> tensor<1x1x2x1xf32>",
               {"dense<[[[[0.0], [0.0]]]]> : tensor<1x1x2x1xf32>",
                "dense<[[0xFF800000, 0xFF800000], [0.0, 0.0]]> : tensor<2x2xf32>"});
  EXPECT_EQ(masked.values(), Values({0, 0}));
}

TEST(AttentionReference, QueryHeadsShareKeyHeadsInRuns) {
  // Four query heads over two value heads: 0 and 1 read the first.
  OneOp grouped("nn.attention %0, %1, %2 {scale = 1.0} : (tensor<1x4x1x1xf32>, tensor<1x2x1x1xf32>, "
                "tensor<1x2x1x1xf32>) -> tensor<1x4x1x1xf32>",
                {"dense<0.0> : tensor<1x4x1x1xf32>", "dense<0.0> : tensor<1x2x1x1xf32>",
                 "dense<[[[[5.0]], [[7.0]]]]> : tensor<1x2x1x1xf32>"});
  EXPECT_EQ(grouped.values(), Values({5, 5, 7, 7}));
}

TEST(AttentionReference, SoftcapComesBeforeTheMask) {
  OneOp capped("nn.attention %0, %1, %2, %3 {scale = 1.0, softcap = 1.0} : (tensor<1x1x1x1xf64>, tensor<1x1x2x1xf64>, "
               "tensor<1x1x2x1xf64>, tensor<2xf64>) -> tensor<1x1x1x1xf64>",
               {"dense<1.0> : tensor<1x1x1x1xf64>", "dense<[[[[100.0], [0.0]]]]> : tensor<1x1x2x1xf64>",
                "dense<[[[[1.0], [0.0]]]]> : tensor<1x1x2x1xf64>", "dense<[0.0, 2.0]> : tensor<2xf64>"});
  expectNear(capped.values(), {1 / (1 + std::exp(1))}, 1e-12);
}
