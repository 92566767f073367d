//===- TokensTest.cpp - values of ops that reduce tokens ------------------===//

#include "tests/unit/nn/OneOp.h"
#include "llvm/Support/FormatVariadic.h"
#include <gtest/gtest.h>

using namespace fettle::test;

/// One image of tokens with one channel each.
static Values match(llvm::ArrayRef<double> metric, const char *attributes, llvm::ArrayRef<double> sizes = {}) {
  auto list = [](llvm::ArrayRef<double> values, const char *format) {
    std::string text;
    for (double value : values)
      text += (text.empty() ? "" : ", ") + llvm::formatv(format, value).str();
    return "dense<[[" + text + "]]> : ";
  };
  std::string metricType = llvm::formatv("tensor<1x{0}x1xf64>", metric.size()),
              sizesType = llvm::formatv("tensor<1x{0}xf64>", metric.size());
  std::vector<std::string> constants = {list(metric, "[{0:F6}]") + metricType};
  if (!sizes.empty())
    constants.push_back(list(sizes, "{0:F6}") + sizesType);
  return OneOp(llvm::formatv("nn.match_tokens %0{0} {{{1}} : ({2}{3}) -> tensor<1x{4}xi32>",
                             sizes.empty() ? "" : ", %1", attributes, metricType, sizes.empty() ? "" : ", " + sizesType,
                             metric.size())
                   .str(),
               constants)
      .values();
}

TEST(TokensReference, SourcesJoinTheirNearestTargets) {
  // Targets 0, 1 and 11.5; 10 and 12 are nearest to 11.5, and 12 is nearer.
  EXPECT_EQ(match({0, 10, 1, 12, 11.5}, "remove = 0 : i64"), Values({0, 1, 2, 3, 4}));
  EXPECT_EQ(match({0, 10, 1, 12, 11.5}, "remove = 1 : i64"), Values({0, 1, 2, 3, 3}));
  EXPECT_EQ(match({0, 10, 1, 12, 11.5}, "remove = 2 : i64"), Values({0, 2, 1, 2, 2}));
}

TEST(TokensReference, ReachLimitsTheDistance) {
  EXPECT_EQ(match({0, 10, 1, 12, 11.5}, "remove = 2 : i64, reach = 1 : i64"), Values({0, 1, 1, 2, 2}));
  EXPECT_EQ(match({0, 10, 1, 12, 11.5}, "remove = 2 : i64, reach = 3 : i64"), Values({0, 2, 1, 2, 2}));
}

TEST(TokensReference, ProtectedTokensTakeNoPart) {
  // 9 is protected: 5 and 7 are targets, 9 a source.
  EXPECT_EQ(match({9, 5, 9, 7}, "remove = 1 : i64, protect = 1 : i64"), Values({0, 1, 2, 2}));
  EXPECT_EQ(match({9, 9, 5, 5}, "remove = 1 : i64, protect = 2 : i64"), Values({0, 1, 2, 2}));
}

TEST(TokensReference, LargeTokensAreDearer) {
  // Both sources are 1 away from their target; without sizes the first goes.
  EXPECT_EQ(match({0, 1, 10, 11}, "remove = 1 : i64"), Values({0, 0, 1, 2}));
  EXPECT_EQ(match({0, 1, 10, 11}, "remove = 1 : i64", {1, 3, 1, 1}), Values({0, 1, 2, 2}));
  // What weighs nothing costs nothing, and the first target is as good as any.
  EXPECT_EQ(match({0, 1, 10, 11}, "remove = 1 : i64", {0, 1, 1, 0}), Values({0, 0, 1, 2}));
  EXPECT_EQ(match({0, 1, 10, 11}, "remove = 1 : i64", {1, 1, 0, 0}), Values({0, 1, 1, 2}));
}

TEST(TokensReference, TiesGoToTheLowerIndex) {
  EXPECT_EQ(match({2, 2, 2, 2, 2, 2}, "remove = 2 : i64"), Values({0, 0, 1, 0, 2, 3}));
}

TEST(TokensReference, HighestScoresStay) {
  auto drop = [](const char *attributes) {
    return OneOp(llvm::formatv("nn.drop_tokens %0 {{{0}} : (tensor<2x5xf32>) -> tensor<2x5xi32>", attributes).str(),
                 {"dense<[[0.0, 3.0, 1.0, 3.0, 2.0], [5.0, 1.0, 1.0, 1.0, 0x7FC00000]]> : tensor<2x5xf32>"})
        .values();
  };
  EXPECT_EQ(drop("keep = 2 : i64"), Values({-1, 0, -1, 1, -1, 0, 1, -1, -1, -1}));
  EXPECT_EQ(drop("keep = 3 : i64, protect = 1 : i64"), Values({0, 1, -1, 2, -1, 0, 1, 2, -1, -1}));
  EXPECT_EQ(drop("keep = 5 : i64"), Values({0, 1, 2, 3, 4, 0, 1, 2, 3, 4}));
  EXPECT_EQ(drop("keep = 0 : i64"), Values(10, -1));
}

TEST(TokensReference, MergedTokensAreWeightedMeans) {
  // Into token 0: 2 of size 1 and 6 of size 3. Into 1: both of size 0. Into 2: one. Into 3: none. The last is dropped.
  OneOp merge(
      "nn.merge_tokens %0, %1, %2 {tokens = 4 : i64} : (tensor<1x6x2xf32>, tensor<1x6xi32>, tensor<1x6xf32>) -> "
      "(tensor<1x4x2xf32>, tensor<1x4xf32>)",
      {"dense<[[[2.0, 0.0], [8.0, 1.0], [6.0, 4.0], [4.0, 3.0], [7.0, 7.0], [9.0, 9.0]]]> : tensor<1x6x2xf32>",
       "dense<[[0, 1, 0, 1, 2, -1]]> : tensor<1x6xi32>", "dense<[[1.0, 0.0, 3.0, 0.0, 5.0, 1.0]]> : tensor<1x6xf32>"},
      2);
  EXPECT_EQ(merge.values(0), Values({5, 3, 6, 2, 7, 7, 0, 0}));
  EXPECT_EQ(merge.values(1), Values({4, 0, 5, 0}));
}

TEST(TokensReference, WithoutSizesTokensAreOfSizeOne) {
  OneOp merge("nn.merge_tokens %0, %1 {tokens = 2 : i64} : (tensor<1x3x1xf32>, tensor<1x3xi32>) -> "
              "(tensor<1x2x1xf32>, tensor<1x2xf32>)",
              {"dense<[[[1.0], [2.0], [6.0]]]> : tensor<1x3x1xf32>", "dense<[[1, 0, 1]]> : tensor<1x3xi32>"}, 2);
  EXPECT_EQ(merge.values(0), Values({2, 3.5}));
  EXPECT_EQ(merge.values(1), Values({1, 2}));
}

TEST(TokensReference, UnmergedTokensGetWhatTheyBecame) {
  OneOp unmerge("nn.unmerge_tokens %0, %1 : (tensor<2x2x2xf32>, tensor<2x3xi32>) -> tensor<2x3x2xf32>",
                {"dense<[[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]> : tensor<2x2x2xf32>",
                 "dense<[[1, -1, 1], [0, 1, 0]]> : tensor<2x3xi32>"});
  EXPECT_EQ(unmerge.values(), Values({3, 4, 0, 0, 3, 4, 5, 6, 7, 8, 5, 6}));
}
