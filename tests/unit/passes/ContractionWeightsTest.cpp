//===- ContractionWeightsTest.cpp - channels of stored weights ------------===//

#include "passes/fuse/ContractionWeights.h"
#include "tests/unit/passes/Preserve.h"
#include "mlir/Parser/Parser.h"
#include <gtest/gtest.h>

using namespace mlir;

namespace fettle::test {

class Weights : public testing::Test {
protected:
  /// The contraction of a function that holds one.
  ContractionWeights parse(const std::string &signature, const std::string &body) {
    loadDialects(context);
    module = parseSourceString<ModuleOp>("func.func @f(" + signature + " {\n" + body + "}\n", &context);
    std::optional<ContractionWeights> found;
    module->walk([&](Operation *op) {
      if (auto weights = ContractionWeights::get(op))
        found = weights;
    });
    EXPECT_TRUE(found.has_value());
    return *found;
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

TEST_F(Weights, OfTransposedProducts) {
  // Stored [out, in] = [[1, 2, 3], [4, 5, 6]].
  ContractionWeights weights = parse("%x: tensor<1x3xf32>) -> tensor<1x2xf32>",
                                     "%w = nn.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>\n"
                                     "%0 = nn.matmul %x, %w {transpose_rhs} : (tensor<1x3xf32>, tensor<2x3xf32>) -> tensor<1x2xf32>\n"
                                     "return %0 : tensor<1x2xf32>\n");
  EXPECT_EQ(weights.inputs(), 3);
  EXPECT_EQ(weights.outputs(), 2);
  EXPECT_EQ(weights.response({1, 10, 100}), (std::vector<double>{321, 654}));
  EXPECT_EQ(weights.scaled([](int64_t in, int64_t out) { return in == 0 ? 10 : out; }).doubles(),
            (std::vector<double>{10, 0, 0, 40, 5, 6}));
}

TEST_F(Weights, OfGroupedConvolutions) {
  // [out, in/groups, k]: two groups of two inputs and one output each.
  ContractionWeights weights =
      parse("%x: tensor<1x4x8xf32>) -> tensor<1x2x7xf32>",
            "%w = nn.constant dense<[[[1.0, 1.0], [2.0, 2.0]], [[3.0, 3.0], [4.0, 4.0]]]> : tensor<2x2x2xf32>\n"
            "%0 = nn.conv %x, %w {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, groups = 2}"
            " : (tensor<1x4x8xf32>, tensor<2x2x2xf32>) -> tensor<1x2x7xf32>\n"
            "return %0 : tensor<1x2x7xf32>\n");
  EXPECT_EQ(weights.inputs(), 4);
  EXPECT_EQ(weights.outputs(), 2);
  EXPECT_EQ(weights.channelFromBack(), 2);
  EXPECT_EQ(weights.response({1, 10, 100, 1000}), (std::vector<double>{42, 8600}));
}

TEST_F(Weights, OfGroupedTransposedConvolutions) {
  // [in, out/groups, k]: input 1 belongs to group 1, whose output is channel 1.
  ContractionWeights weights =
      parse("%x: tensor<1x2x4xf32>) -> tensor<1x2x4xf32>",
            "%w = nn.constant dense<[[[3.0]], [[5.0]]]> : tensor<2x1x1xf32>\n"
            "%0 = nn.conv_transpose %x, %w {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>,"
            " output_padding = array<i64: 0>, groups = 2} : (tensor<1x2x4xf32>, tensor<2x1x1xf32>) -> tensor<1x2x4xf32>\n"
            "return %0 : tensor<1x2x4xf32>\n");
  EXPECT_EQ(weights.outputs(), 2);
  EXPECT_EQ(weights.scaled([](int64_t, int64_t out) { return out == 1 ? 2 : 1; }).doubles(), (std::vector<double>{3, 10}));
}

} // namespace fettle::test
