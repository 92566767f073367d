//===- TokenExportTest.cpp - reductions of tokens as ONNX -----------------===//

#include "tests/unit/export/RoundTrip.h"
#include "llvm/Support/FormatVariadic.h"
#include <gtest/gtest.h>

using namespace fettle;
using namespace fettle::test;

static constexpr int64_t opsets[] = {13, 17, 21};

static std::string matchTokens(int n, int t, int d, const std::string &attributes, bool hasSizes,
                               const char *element = "f32") {
  std::string metric = llvm::formatv("tensor<{0}x{1}x{2}x{3}>", n, t, d, element),
              sizes = llvm::formatv("tensor<{0}x{1}x{2}>", n, t, element);
  return llvm::formatv("func.func @f(%x: {0}, %s: {1}) -> tensor<{2}x{3}xi32> {{\n"
                       "  %size = nn.unary abs %s : ({1}) -> {1}\n"
                       "  %0 = nn.match_tokens %x{4} {{{5}} : ({0}{6}) -> tensor<{2}x{3}xi32>\n"
                       "  return %0 : tensor<{2}x{3}xi32>\n}",
                       metric, sizes, n, t, hasSizes ? ", %size" : "", attributes, hasSizes ? ", " + sizes : "");
}

TEST(TokenExport, MatchTokens) {
  for (bool hasSizes : {false, true})
    for (int protect : {0, 1, 2})
      for (int reach : {0, 1, 5})
        for (int remove : {0, 3, 5})
          for (int64_t opset : opsets) {
            std::string attributes =
                llvm::formatv("remove = {0} : i64, protect = {1} : i64, reach = {2} : i64", remove, protect, reach);
            RoundTrip trip = expectRoundTrip(matchTokens(1 + protect, 13 - reach / 5, 7, attributes, hasSizes), opset);
            EXPECT_TRUE(trip.problems.empty());
            EXPECT_EQ(trip.has("MatMul"), remove > 0);
            EXPECT_FALSE(trip.has("ScatterElements") || trip.has("ScatterND"));
          }
  for (const char *element : {"f16", "f64"})
    EXPECT_TRUE(expectRoundTrip(matchTokens(2, 11, 5, "remove = 4 : i64", true, element), 13).problems.empty());
  EXPECT_EQ(expectRoundTrip(matchTokens(2, 11, 0, "remove = 4 : i64", false), 13).problems.size(), 1u);
}

TEST(TokenExport, DropTokens) {
  for (int protect : {0, 1})
    for (int keep : {1, 4, 9})
      for (const char *element : {"f32", "f16", "bf16"})
        for (int64_t opset : opsets)
          EXPECT_TRUE(
              expectRoundTrip(
                  llvm::formatv("func.func @f(%x: tensor<3x9x{0}>) -> tensor<3x9xi32> {{\n"
                                "  %0 = nn.drop_tokens %x {{keep = {1} : i64, protect = {2} : i64} : (tensor<3x9x{0}>) "
                                "-> tensor<3x9xi32>\n"
                                "  return %0 : tensor<3x9xi32>\n}",
                                element, keep, protect)
                      .str(),
                  opset)
                  .problems.empty());
}

/// Of 5 tokens of the result the last one has no part; sizes as they come, some of them 0.
static std::string mergeTokens(const std::string &sizes, const char *element) {
  return llvm::formatv(
      "func.func @f(%x: tensor<2x9x6x{0}>, %s: tensor<2x9x{0}>, %a: tensor<2x9xi32>) -> (tensor<2x5x6x{0}>, "
      "tensor<2x5x{0}>) {{\n"
      "  %size = nn.unary relu %s : (tensor<2x9x{0}>) -> tensor<2x9x{0}>\n"
      "  %0, %1 = nn.merge_tokens %x, %a{1} {{tokens = 5 : i64} : (tensor<2x9x6x{0}>, tensor<2x9xi32>{2}) -> "
      "(tensor<2x5x6x{0}>, tensor<2x5x{0}>)\n"
      "  return %0, %1 : tensor<2x5x6x{0}>, tensor<2x5x{0}>\n}",
      element, sizes, sizes.empty() ? "" : llvm::formatv(", tensor<2x9x{0}>", element).str());
}

TEST(TokenExport, MergeTokens) {
  for (const char *sizes : {"", ", %size"})
    for (const char *element : {"f32", "f64", "f16"})
      for (int64_t opset : opsets)
        EXPECT_TRUE(expectRoundTrip(mergeTokens(sizes, element), opset, element == std::string("f16") ? 2e-3 : 1e-6)
                        .problems.empty());
}

TEST(TokenExport, UnmergeTokens) {
  for (int tokens : {0, 3}) // the assignment has a 3, which names none of them
    EXPECT_TRUE(
        expectRoundTrip(
            llvm::formatv(
                "func.func @f(%x: tensor<2x{0}x6xf32>, %a: tensor<2x9xi32>) -> tensor<2x9x6xf32> {{\n"
                "  %0 = nn.unmerge_tokens %x, %a : (tensor<2x{0}x6xf32>, tensor<2x9xi32>) -> tensor<2x9x6xf32>\n"
                "  return %0 : tensor<2x9x6xf32>\n}",
                tokens)
                .str(),
            13)
            .problems.empty());
}

/// Sizes that come from merging alone are positive: nothing guards against dividing by 0.
TEST(TokenExport, ChainOfMerges) {
  for (int64_t opset : opsets) {
    RoundTrip trip = expectRoundTrip(R"(func.func @f(%x: tensor<2x17x8xf32>) -> tensor<2x17x8xf32> {
      %a = nn.match_tokens %x {remove = 5 : i64, protect = 1 : i64} : (tensor<2x17x8xf32>) -> tensor<2x17xi32>
      %y, %s = nn.merge_tokens %x, %a {tokens = 12 : i64} : (tensor<2x17x8xf32>, tensor<2x17xi32>) -> (tensor<2x12x8xf32>, tensor<2x12xf32>)
      %b = nn.match_tokens %y, %s {remove = 4 : i64, protect = 1 : i64, reach = 3 : i64} : (tensor<2x12x8xf32>, tensor<2x12xf32>) -> tensor<2x12xi32>
      %z, %r = nn.merge_tokens %y, %b, %s {tokens = 8 : i64} : (tensor<2x12x8xf32>, tensor<2x12xi32>, tensor<2x12xf32>) -> (tensor<2x8x8xf32>, tensor<2x8xf32>)
      %c = nn.drop_tokens %r {keep = 6 : i64, protect = 1 : i64} : (tensor<2x8xf32>) -> tensor<2x8xi32>
      %w, %q = nn.merge_tokens %z, %c, %r {tokens = 6 : i64} : (tensor<2x8x8xf32>, tensor<2x8xi32>, tensor<2x8xf32>) -> (tensor<2x6x8xf32>, tensor<2x6xf32>)
      %0 = nn.unmerge_tokens %w, %c : (tensor<2x6x8xf32>, tensor<2x8xi32>) -> tensor<2x8x8xf32>
      %1 = nn.unmerge_tokens %0, %b : (tensor<2x8x8xf32>, tensor<2x12xi32>) -> tensor<2x12x8xf32>
      %2 = nn.unmerge_tokens %1, %a : (tensor<2x12x8xf32>, tensor<2x17xi32>) -> tensor<2x17x8xf32>
      return %2 : tensor<2x17x8xf32>
    })",
                                     opset, 1e-5);
    EXPECT_TRUE(trip.problems.empty());
    EXPECT_FALSE(trip.has("Where"));
  }
}
