//===- ShapesTest.cpp - result types and what is refused ------------------===//

#include "ir/nn/Nn.h"
#include "ir/nn/TryCreate.h"
#include "tests/unit/nn/OneOp.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace fettle;
using namespace fettle::test;

TEST(NnShapes, ElementwiseOpsBroadcast) {
  expectAccepted("nn.binary add %0, %1 : (tensor<2x1x3xf32>, tensor<4x1xf32>) -> tensor<2x4x3xf32>",
                 {"tensor<2x1x3xf32>", "tensor<4x1xf32>"});
  expectAccepted("nn.binary add %0, %1 : (tensor<0x1xf32>, tensor<1x5xf32>) -> tensor<0x5xf32>",
                 {"tensor<0x1xf32>", "tensor<1x5xf32>"});
  expectRefused("nn.binary add %0, %1 : (tensor<2xf32>, tensor<3xf32>) -> tensor<3xf32>",
                {"tensor<2xf32>", "tensor<3xf32>"}, "shapes 2 and 3 do not broadcast together");
}

TEST(NnShapes, ElementTypesOfElementwiseOps) {
  expectRefused("nn.binary add %0, %1 : (tensor<f32>, tensor<f16>) -> tensor<f32>", {"tensor<f32>", "tensor<f16>"},
                "add of elements 'f32' and 'f16'; they must be equal");
  expectAccepted("nn.binary pow %0, %1 : (tensor<f32>, tensor<i64>) -> tensor<f32>", {"tensor<f32>", "tensor<i64>"});
  expectRefused("nn.unary exp %0 : (tensor<2xi32>) -> tensor<2xi32>", {"tensor<2xi32>"},
                "exp is not defined on elements of type 'i32'");
  expectRefused("nn.binary mul %0, %1 : (tensor<i1>, tensor<i1>) -> tensor<i1>", {"tensor<i1>", "tensor<i1>"},
                "mul is not defined on elements of type 'i1'");
  expectAccepted("nn.unary is_nan %0 : (tensor<2xf16>) -> tensor<2xi1>", {"tensor<2xf16>"});
  expectRefused("nn.clamp %0 {low = 0.5, high = 2.0} : (tensor<i8>) -> tensor<i8>", {"tensor<i8>"},
                "is not an integer");
}

TEST(NnShapes, WrongResultTypesAreRefused) {
  expectRefused("nn.unary relu %0 : (tensor<2xf32>) -> tensor<3xf32>", {"tensor<2xf32>"}, "incompatible");
}

TEST(NnShapes, TensorsOfOddElementTypesAreRefused) {
  expectRefused("nn.unary identity %0 : (tensor<2xsi32>) -> tensor<2xsi32>", {"tensor<2xsi32>"}, "numeric elements");
  expectRefused("nn.unary identity %0 : (tensor<2xi7>) -> tensor<2xi7>", {"tensor<2xi7>"}, "numeric elements");
}

TEST(NnShapes, MatMul) {
  expectAccepted("nn.matmul %0, %1, %2 {transpose_rhs} : (tensor<5x1x2x3xf32>, tensor<7x4x3xf32>, tensor<4xf32>) -> "
                 "tensor<5x7x2x4xf32>",
                 {"tensor<5x1x2x3xf32>", "tensor<7x4x3xf32>", "tensor<4xf32>"});
  expectAccepted("nn.matmul %0, %1 : (tensor<2x0xf32>, tensor<0x3xf32>) -> tensor<2x3xf32>",
                 {"tensor<2x0xf32>", "tensor<0x3xf32>"});
  expectAccepted("nn.matmul %0, %1 : (tensor<2x4xui8>, tensor<4x3xi8>) -> tensor<2x3xi32>",
                 {"tensor<2x4xui8>", "tensor<4x3xi8>"});
  expectAccepted("nn.matmul %0, %1, %2 {f32_sums} : (tensor<2x4xbf16>, tensor<4x3xbf16>, tensor<3xf32>) -> tensor<2x3xf32>",
                 {"tensor<2x4xbf16>", "tensor<4x3xbf16>", "tensor<3xf32>"});
  expectRefused("nn.matmul %0, %1 {f32_sums} : (tensor<2x4xbf16>, tensor<4x3xf32>) -> tensor<2x3xf32>",
                {"tensor<2x4xbf16>", "tensor<4x3xf32>"}, "both must be bf16");
  expectRefused("nn.matmul %0, %1 : (tensor<2x4xf32>, tensor<5x3xf32>) -> tensor<2x3xf32>",
                {"tensor<2x4xf32>", "tensor<5x3xf32>"}, "sums over 4 and 5 elements");
  expectRefused("nn.matmul %0, %1 : (tensor<4xf32>, tensor<4x3xf32>) -> tensor<3xf32>",
                {"tensor<4xf32>", "tensor<4x3xf32>"}, "both need two axes");
  expectRefused("nn.matmul %0, %1, %2 : (tensor<2x4xf32>, tensor<4x3xf32>, tensor<5xf32>) -> tensor<2x3xf32>",
                {"tensor<2x4xf32>", "tensor<4x3xf32>", "tensor<5xf32>"}, "bias of shape 5 does not broadcast to 2x3");
}

static std::string conv(StringRef attributes, StringRef input, StringRef weight, StringRef output) {
  return ("nn.conv %0, %1 {" + attributes + "} : (" + input + ", " + weight + ") -> " + output).str();
}

TEST(NnShapes, Convolution) {
  const char *same = "strides = array<i64: 2, 1>, pads = array<i64: 1, 0, 1, 2>, dilations = array<i64: 1, 2>";
  expectAccepted(conv(same, "tensor<1x3x8x8xf32>", "tensor<4x3x3x3xf32>", "tensor<1x4x4x6xf32>"),
                 {"tensor<1x3x8x8xf32>", "tensor<4x3x3x3xf32>"});
  std::string last = std::string(same) + ", channels_last, groups = 3 : i64";
  expectAccepted(conv(last, "tensor<1x8x8x3xf32>", "tensor<6x1x3x3xf32>", "tensor<1x4x6x6xf32>"),
                 {"tensor<1x8x8x3xf32>", "tensor<6x1x3x3xf32>"});
  expectRefused(conv(same, "tensor<1x5x8x8xf32>", "tensor<4x3x3x3xf32>", "tensor<1x4x4x6xf32>"),
                {"tensor<1x5x8x8xf32>", "tensor<4x3x3x3xf32>"}, "input has 5 channels");
  const char *zeroStride = "strides = array<i64: 0, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>";
  expectRefused(conv(zeroStride, "tensor<1x3x8x8xf32>", "tensor<4x3x3x3xf32>", "tensor<1x4x6x6xf32>"),
                {"tensor<1x3x8x8xf32>", "tensor<4x3x3x3xf32>"}, "strides holds 0, outside");
  const char *plain = "strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>";
  expectRefused(conv(plain, "tensor<1x1x2xf32>", "tensor<1x1x3xf32>", "tensor<1x1x0xf32>"),
                {"tensor<1x1x2xf32>", "tensor<1x1x3xf32>"}, "a window of 3 does not fit into an extent of 2");
  const char *huge = "strides = array<i64: 1>, pads = array<i64: 9223372036854775807, 1>, dilations = array<i64: 1>";
  expectRefused(conv(huge, "tensor<1x1x2xf32>", "tensor<1x1x3xf32>", "tensor<1x1x0xf32>"),
                {"tensor<1x1x2xf32>", "tensor<1x1x3xf32>"}, "pads holds 9223372036854775807, outside");
}

TEST(NnShapes, CeilModeDropsWindowsThatStartInTheHighPadding) {
  // (4 + 1 + 1 - 2) / 3 rounds up to 2 steps, but the third window would start at 6 - 1 = 5 > 4.
  expectAccepted("nn.pool max_pool %0 {kernel = array<i64: 2>, strides = array<i64: 3>, pads = array<i64: 1, 1>, "
                 "dilations = array<i64: 1>, ceil_mode} : (tensor<1x1x4xf32>) -> tensor<1x1x2xf32>",
                 {"tensor<1x1x4xf32>"});
}

TEST(NnShapes, SliceStaysInside) {
  expectAccepted("nn.slice %0 {starts = array<i64: 4>, sizes = array<i64: 3>, steps = array<i64: -2>} : "
                 "(tensor<5xf32>) -> tensor<3xf32>",
                 {"tensor<5xf32>"});
  expectRefused("nn.slice %0 {starts = array<i64: 3>, sizes = array<i64: 3>, steps = array<i64: -2>} : "
                "(tensor<5xf32>) -> tensor<3xf32>",
                {"tensor<5xf32>"}, "slice of 3 elements from 3 by -2 leaves axis 0 of extent 5");
  expectRefused(
      "nn.slice %0 {starts = array<i64: 1>, sizes = array<i64: 3>, steps = array<i64: 9223372036854775807>} : "
      "(tensor<5xf32>) -> tensor<3xf32>",
      {"tensor<5xf32>"}, "leaves axis 0");
  expectRefused("nn.slice %0 {starts = array<i64: 0>, sizes = array<i64: 1>, steps = array<i64: 0>} : "
                "(tensor<5xf32>) -> tensor<1xf32>",
                {"tensor<5xf32>"}, "step of axis 0 is zero");
}

TEST(NnShapes, ReductionsTakeSortedAxes) {
  expectAccepted("nn.reduce sum %0 {axes = array<i64: 0, 2>, keep_dims} : (tensor<2x3x4xf32>) -> tensor<1x3x1xf32>",
                 {"tensor<2x3x4xf32>"});
  expectRefused("nn.reduce sum %0 {axes = array<i64: 2, 0>} : (tensor<2x3x4xf32>) -> tensor<3xf32>",
                {"tensor<2x3x4xf32>"}, "axes are not sorted");
  expectRefused("nn.reduce sum %0 {axes = array<i64: 3>} : (tensor<2x3x4xf32>) -> tensor<2x3x4xf32>",
                {"tensor<2x3x4xf32>"}, "axis 3 does not exist in a tensor of rank 3");
  expectRefused("nn.arg argmax %0 {axis = 0 : i64} : (tensor<0xf32>) -> tensor<i64>", {"tensor<0xf32>"},
                "axis 0 is empty");
}

TEST(NnShapes, HugeResultsAreRefused) {
  expectRefused("nn.tile %0 {repeats = array<i64: 2147483648, 2147483648>} : (tensor<1x1xf32>) -> tensor<1x1xf32>",
                {"tensor<1x1xf32>"}, "more than 2^40 elements");
}

TEST(NnShapes, Attention) {
  expectAccepted("nn.attention %0, %1, %2 {scale = 1.0} : (tensor<1x4x2x8xf32>, tensor<1x2x3x8xf32>, "
                 "tensor<1x2x3x5xf32>) -> tensor<1x4x2x5xf32>",
                 {"tensor<1x4x2x8xf32>", "tensor<1x2x3x8xf32>", "tensor<1x2x3x5xf32>"});
  expectRefused("nn.attention %0, %1, %2 {scale = 1.0} : (tensor<1x4x2x8xf32>, tensor<1x3x3x8xf32>, "
                "tensor<1x3x3x5xf32>) -> tensor<1x4x2x5xf32>",
                {"tensor<1x4x2x8xf32>", "tensor<1x3x3x8xf32>", "tensor<1x3x3x5xf32>"}, "do not share 3 key");
}

TEST(NnShapes, Recurrent) {
  const char *types[] = {"tensor<5x2x3xf32>", "tensor<16x3xf32>", "tensor<16x4xf32>"};
  expectAccepted("nn.lstm forward %0, %1, %2 {activations = [\"Sigmoid\", \"Tanh\", \"Tanh\"], operandSegmentSizes = "
                 "array<i32: 1, 1, 1, 0, 0, 0, 0, 0>} : (tensor<5x2x3xf32>, tensor<16x3xf32>, tensor<16x4xf32>) -> "
                 "(tensor<5x2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>)",
                 types, 3);
  OneOp wrong(
      "nn.rnn forward %0, %1, %2 {activations = [\"Gelu\"], operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0>} "
      ": (tensor<5x2x3xf32>, tensor<4x3xf32>, tensor<4x4xf32>) -> (tensor<5x2x4xf32>, tensor<2x4xf32>)",
      zeros({"tensor<5x2x3xf32>", "tensor<4x3xf32>", "tensor<4x4xf32>"}), 2);
  EXPECT_NE(wrong.messages.find("activation 'Gelu' is not one of Relu, Tanh"), std::string::npos) << wrong.messages;
}

TEST(NnShapes, Quantization) {
  expectAccepted("nn.quantize %0, %1 {axis = 0 : i64} : (tensor<2x4xf32>, tensor<2xf32>) -> tensor<2x4xi8>",
                 {"tensor<2x4xf32>", "tensor<2xf32>"});
  expectAccepted("nn.quantize %0, %1 : (tensor<2x4xf32>, tensor<2x2xf32>) -> tensor<2x4xi4>",
                 {"tensor<2x4xf32>", "tensor<2x2xf32>"});
  expectRefused("nn.quantize %0, %1 : (tensor<2x4xf32>, tensor<3xf32>) -> tensor<2x4xi8>",
                {"tensor<2x4xf32>", "tensor<3xf32>"}, "nor divides 2x4 into blocks");
  expectRefused("nn.quantize %0, %1, %2 : (tensor<2xf32>, tensor<f32>, tensor<ui8>) -> tensor<2xi8>",
                {"tensor<2xf32>", "tensor<f32>", "tensor<ui8>"}, "zero point of type");
}

TEST(NnShapes, ResizeNeedsAScalePerAxis) {
  expectRefused("nn.resize linear %0 {scales = array<f64: 2.0>, roi = array<f64>, coordinates = "
                "#nn<coordinate_kind half_pixel>, rounding = #nn<round_kind floor_down>} : (tensor<1x2xf32>) -> "
                "tensor<1x4xf32>",
                {"tensor<1x2xf32>"}, "one per axis is needed");
}

TEST(NnShapes, ZeroPointIsAValueOfTheActivations) {
  expectRefused("nn.matmul %0, %0 {zero_point = 1 : i64} : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>",
                {"tensor<2x2xf32>"}, "only 8-bit integers have one");
  expectRefused("nn.matmul %0, %0 {zero_point = 200 : i64} : (tensor<2x2xi8>, tensor<2x2xi8>) -> tensor<2x2xi32>",
                {"tensor<2x2xi8>"}, "no value of 'i8'");
}

TEST(TryCreate, ReportsInsteadOfEnding) {
  OneOp constant("nn.constant dense<0.0> : tensor<2x3xf32>", {});
  OpBuilder builder(constant.op);
  builder.setInsertionPointAfter(constant.op);
  Value value = constant.op->getResult(0);
  std::string message;
  ScopedDiagnosticHandler handler(&constant.context, [&](Diagnostic &diagnostic) {
    message = diagnostic.str();
    return success();
  });
  auto wrong = nn::tryCreate<nn::MatMulOp>(builder, value.getLoc(), value, value, Value(), false, false);
  EXPECT_TRUE(failed(wrong));
  EXPECT_NE(message.find("sums over 3 and 2"), std::string::npos) << message;
  auto right = nn::tryCreate<nn::MatMulOp>(builder, value.getLoc(), value, value, Value(), false, true);
  ASSERT_TRUE(succeeded(right));
  EXPECT_EQ(right->getOutput().getType().getShape(), ArrayRef<int64_t>({2, 2}));
}

TEST(NnShapes, ReductionsOfTokens) {
  auto match = [](const char *attributes) {
    return std::string("nn.match_tokens %0 {") + attributes + "} : (tensor<2x7x4xf32>) -> tensor<2x7xi32>";
  };
  expectAccepted(match("remove = 3 : i64"), {"tensor<2x7x4xf32>"});
  expectRefused(match("remove = 4 : i64"), {"tensor<2x7x4xf32>"},
                "of 7 tokens, 0 of them protected, 4 cannot be merged into others");
  expectRefused(match("remove = 3 : i64, protect = 2 : i64"), {"tensor<2x7x4xf32>"}, "2 of them protected, 3 cannot");
  expectRefused(match("remove = -1 : i64"), {"tensor<2x7x4xf32>"}, "-1 cannot be merged");
  expectRefused(match("remove = 0 : i64, protect = 8 : i64"), {"tensor<2x7x4xf32>"}, "8 of them protected");
  expectRefused(match("remove = 1 : i64, reach = -1 : i64"), {"tensor<2x7x4xf32>"}, "a reach of -1 is negative");
  expectRefused("nn.match_tokens %0 {remove = 1 : i64} : (tensor<7x4xf32>) -> tensor<7x4xi32>", {"tensor<7x4xf32>"},
                "metric of shape 7x4 has rank 2 where 3 is needed");
  expectRefused("nn.match_tokens %0, %1 {remove = 1 : i64} : (tensor<2x7x4xf32>, tensor<2x6xf32>) -> tensor<2x7xi32>",
                {"tensor<2x7x4xf32>", "tensor<2x6xf32>"}, "are not one for each token");
  expectAccepted("nn.drop_tokens %0 {keep = 2 : i64, protect = 2 : i64} : (tensor<2x7xf16>) -> tensor<2x7xi32>",
                 {"tensor<2x7xf16>"});
  expectRefused("nn.drop_tokens %0 {keep = 1 : i64, protect = 2 : i64} : (tensor<2x7xf16>) -> tensor<2x7xi32>",
                {"tensor<2x7xf16>"}, "of 7 tokens, 2 of them protected, 1 cannot be kept");
  expectAccepted("nn.merge_tokens %0, %1 {tokens = 5 : i64} : (tensor<2x7x4xf32>, tensor<2x7xi32>) -> "
                 "(tensor<2x5x4xf32>, tensor<2x5xf32>)",
                 {"tensor<2x7x4xf32>", "tensor<2x7xi32>"}, 2);
  expectRefused("nn.merge_tokens %0, %1 {tokens = 8 : i64} : (tensor<2x7x4xf32>, tensor<2x7xi32>) -> "
                "(tensor<2x8x4xf32>, tensor<2x8xf32>)",
                {"tensor<2x7x4xf32>", "tensor<2x7xi32>"}, "7 tokens cannot become 8", 2);
  expectRefused("nn.merge_tokens %0, %1 {tokens = 5 : i64} : (tensor<2x7x4xf32>, tensor<2x7xi64>) -> "
                "(tensor<2x5x4xf32>, tensor<2x5xf32>)",
                {"tensor<2x7x4xf32>", "tensor<2x7xi64>"}, "is not one i32 for each token of 2x7x4", 2);
  expectAccepted("nn.unmerge_tokens %0, %1 : (tensor<2x5x4xf32>, tensor<2x7xi32>) -> tensor<2x7x4xf32>",
                 {"tensor<2x5x4xf32>", "tensor<2x7xi32>"});
  expectRefused("nn.unmerge_tokens %0, %1 : (tensor<2x5x4xf32>, tensor<3x7xi32>) -> tensor<2x7x4xf32>",
                {"tensor<2x5x4xf32>", "tensor<3x7xi32>"}, "is not one i32 for each token of 2x7x4");
}
