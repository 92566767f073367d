//===- FactsTest.cpp - what passes may ask an op --------------------------===//

#include "ir/nn/Nn.h"
#include "tests/unit/nn/OneOp.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace fettle;
using namespace fettle::test;

static nn::NnOpInterface factsOf(OneOp &op) { return cast<nn::NnOpInterface>(op.op); }

/// "operand.axis=result.axis" of every tie of the op; "r" is the result.
static std::vector<std::string> tiesOf(OneOp &op) {
  std::vector<std::string> ties;
  auto name = [&](Value value) {
    for (OpOperand &operand : op.op->getOpOperands())
      if (operand.get() == value)
        return std::to_string(operand.getOperandNumber());
    return std::string("r");
  };
  for (nn::AxisTie tie : factsOf(op).getAxisTies())
    ties.push_back(name(tie.a) + "." + std::to_string(tie.axisA) + "=" + name(tie.b) + "." + std::to_string(tie.axisB));
  std::sort(ties.begin(), ties.end());
  return ties;
}

static const char *depthwise = "nn.conv %0, %1 {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = "
                               "array<i64: 1, 1>, groups = 6 : i64} : (tensor<2x6x8x8xf32>, tensor<6x1x3x3xf32>) -> "
                               "tensor<2x6x8x8xf32>";

TEST(NnFacts, MacsOfProducts) {
  OneOp product("nn.matmul %0, %1 {transpose_lhs} : (tensor<4x2xf32>, tensor<4x3xf32>) -> tensor<2x3xf32>",
                zeros({"tensor<4x2xf32>", "tensor<4x3xf32>"}));
  EXPECT_EQ(factsOf(product).getMacs(), 2 * 3 * 4);
  OneOp conv(depthwise, zeros({"tensor<2x6x8x8xf32>", "tensor<6x1x3x3xf32>"}));
  EXPECT_EQ(factsOf(conv).getMacs(), 2 * 6 * 8 * 8 * 9);
  OneOp relu("nn.unary relu %0 : (tensor<4xf32>) -> tensor<4xf32>", zeros({"tensor<4xf32>"}));
  EXPECT_EQ(factsOf(relu).getMacs(), 0);
}

TEST(NnFacts, NumericClasses) {
  OneOp sum("nn.binary add %0, %0 : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>", zeros({"tensor<2xf32>"}));
  EXPECT_EQ(factsOf(sum).getNumericClass(), nn::NumericClass::Close);
  OneOp integers("nn.binary add %0, %0 : (tensor<2xi32>, tensor<2xi32>) -> tensor<2xi32>", zeros({"tensor<2xi32>"}));
  EXPECT_EQ(factsOf(integers).getNumericClass(), nn::NumericClass::Exact);
  OneOp moved("nn.transpose %0 {perm = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>",
              zeros({"tensor<2x3xf32>"}));
  EXPECT_EQ(factsOf(moved).getNumericClass(), nn::NumericClass::Exact);
  OneOp softmax("nn.softmax %0 {axis = 0 : i64} : (tensor<2xf32>) -> tensor<2xf32>", zeros({"tensor<2xf32>"}));
  EXPECT_EQ(factsOf(softmax).getNumericClass(), nn::NumericClass::Loose);
}

TEST(NnFacts, AxisTies) {
  OneOp product("nn.matmul %0, %1 : (tensor<5x2x4xf32>, tensor<4x3xf32>) -> tensor<5x2x3xf32>",
                zeros({"tensor<5x2x4xf32>", "tensor<4x3xf32>"}));
  EXPECT_EQ(tiesOf(product), std::vector<std::string>({"0.0=r.0", "0.1=r.1", "0.2=1.0", "1.1=r.2"}));
  OneOp conv(depthwise, zeros({"tensor<2x6x8x8xf32>", "tensor<6x1x3x3xf32>"}));
  EXPECT_EQ(tiesOf(conv), std::vector<std::string>({"0.0=r.0", "0.1=r.1", "1.0=r.1"}));
  OneOp reshape("nn.reshape %0 : (tensor<2x3x4x5xf32>) -> tensor<2x12x5xf32>", zeros({"tensor<2x3x4x5xf32>"}));
  EXPECT_EQ(tiesOf(reshape), std::vector<std::string>({"0.0=r.0", "0.3=r.2"}));
  OneOp split("nn.reshape %0 : (tensor<6x8xf32>) -> tensor<1x6x2x4xf32>", zeros({"tensor<6x8xf32>"}));
  EXPECT_EQ(tiesOf(split), std::vector<std::string>({"0.0=r.1"}));
  OneOp inner("nn.reshape %0 : (tensor<2x2x3x4x2xf32>) -> tensor<4x3x8xf32>", zeros({"tensor<2x2x3x4x2xf32>"}));
  EXPECT_EQ(tiesOf(inner), std::vector<std::string>({"0.2=r.1"}));
  OneOp sum("nn.reduce sum %0 {axes = array<i64: 1>} : (tensor<2x3x4xf32>) -> tensor<2x4xf32>",
            zeros({"tensor<2x3x4xf32>"}));
  EXPECT_EQ(tiesOf(sum), std::vector<std::string>({"0.0=r.0", "0.2=r.1"}));
}

/// Axes of the result along which the op mixes positions.
static std::vector<int64_t> mixedAxes(StringRef text, ArrayRef<const char *> operandTypes) {
  OneOp op(text, zeros(operandTypes));
  std::vector<int64_t> axes;
  for (int64_t axis = 0; axis < cast<RankedTensorType>(op.op->getResult(0).getType()).getRank(); ++axis)
    if (factsOf(op).mixesAlong(axis))
      axes.push_back(axis);
  return axes;
}

TEST(NnFacts, MixedAxes) {
  using Axes = std::vector<int64_t>;
  EXPECT_EQ(mixedAxes("nn.unary relu %0 : (tensor<2x3xf32>) -> tensor<2x3xf32>", {"tensor<2x3xf32>"}), Axes());
  EXPECT_EQ(mixedAxes("nn.softmax %0 {axis = 1 : i64} : (tensor<2x3x4xf32>) -> tensor<2x3x4xf32>", {"tensor<2x3x4xf32>"}), Axes({1}));
  EXPECT_EQ(mixedAxes("nn.layer_norm %0 {axis = 1 : i64, epsilon = 1.0e-05 : f64, operandSegmentSizes = array<i32: 1, 0, 0>} : "
                      "(tensor<2x3x4xf32>) -> tensor<2x3x4xf32>",
                      {"tensor<2x3x4xf32>"}),
            Axes({1, 2}));
  EXPECT_EQ(mixedAxes("nn.cumsum %0 {axis = 0 : i64} : (tensor<2x3xf32>) -> tensor<2x3xf32>", {"tensor<2x3xf32>"}), Axes({0}));
  EXPECT_EQ(mixedAxes(depthwise, {"tensor<2x6x8x8xf32>", "tensor<6x1x3x3xf32>"}), Axes({1}));
  const char *query = "tensor<1x4x5x8xf32>", *keys = "tensor<1x2x5x8xf32>";
  EXPECT_EQ(mixedAxes("nn.attention %0, %1, %2 {scale = 1.0 : f64} : (tensor<1x4x5x8xf32>, tensor<1x4x5x8xf32>, tensor<1x4x5x8xf32>) -> "
                      "tensor<1x4x5x8xf32>",
                      {query, query, query}),
            Axes());
  EXPECT_EQ(mixedAxes("nn.attention %0, %1, %2 {scale = 1.0 : f64, causal} : (tensor<1x4x5x8xf32>, tensor<1x2x5x8xf32>, "
                      "tensor<1x2x5x8xf32>) -> tensor<1x4x5x8xf32>",
                      {query, keys, keys}),
            Axes({1, 2}));
  EXPECT_EQ(mixedAxes("nn.dequantize %0, %1 {axis = 1 : i64} : (tensor<4x6xi8>, tensor<6xf32>) -> tensor<4x6xf32>",
                      {"tensor<4x6xi8>", "tensor<6xf32>"}),
            Axes());
  EXPECT_EQ(mixedAxes("nn.dequantize %0, %1 : (tensor<4x6xi8>, tensor<1x2xf32>) -> tensor<4x6xf32>", {"tensor<4x6xi8>", "tensor<1x2xf32>"}),
            Axes({1}));
}

TEST(NnFacts, QuantizableOperands) {
  OneOp conv(depthwise, zeros({"tensor<2x6x8x8xf32>", "tensor<6x1x3x3xf32>"}));
  auto operands = factsOf(conv).getQuantizableOperands();
  ASSERT_EQ(operands.size(), 2u);
  EXPECT_EQ(operands[0].channelAxis, -1);
  EXPECT_EQ(operands[1].channelAxis, 0);
  OneOp softmax("nn.softmax %0 {axis = 0 : i64} : (tensor<2xf32>) -> tensor<2xf32>", zeros({"tensor<2xf32>"}));
  EXPECT_TRUE(factsOf(softmax).getQuantizableOperands().empty());
}
