//===- LoopBuilderTest.cpp - kernels of movement and mixed ops ------------===//

#include "tests/unit/codegen/RunKernel.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace mlir;
using namespace fettle;
using namespace fettle::test;

/// Runs `body` (whose result is %r) over `inputs`, e.g. "%x: tensor<2xf32>", and compares with the reference.
static void check(StringRef inputs, StringRef resultType, StringRef body, MatchOptions options = {}) {
  std::string text = ("func.func @f(" + inputs + ") -> " + resultType + " {\n" + body + "\n  return %r : " + resultType + "\n}").str();
  expectMatchesReference(text, codegen::buildLoops, options);
}

TEST(LoopBuilder, PointwiseBroadcasts) {
  check("%x: tensor<3x5x7xf32>, %y: tensor<5x1xf32>", "tensor<3x5x7xf32>", "%r = nn.binary add %x, %y : (tensor<3x5x7xf32>, tensor<5x1xf32>) -> tensor<3x5x7xf32>");
  check("%x: tensor<4x33xf32>, %y: tensor<33xf32>", "tensor<4x33xf32>", R"(
    %0 = nn.binary mul %x, %y : (tensor<4x33xf32>, tensor<33xf32>) -> tensor<4x33xf32>
    %1 = nn.unary sigmoid %0 : (tensor<4x33xf32>) -> tensor<4x33xf32>
    %r = nn.binary mul %0, %1 : (tensor<4x33xf32>, tensor<4x33xf32>) -> tensor<4x33xf32>)");
  check("%x: tensor<f32>", "tensor<f32>", "%r = nn.unary exp %x : (tensor<f32>) -> tensor<f32>");
  check("%x: tensor<100000xf32>", "tensor<100000xf32>", "%r = nn.unary gelu %x : (tensor<100000xf32>) -> tensor<100000xf32>");
}

TEST(LoopBuilder, Reshapes) {
  check("%x: tensor<2x64x3xf32>, %y: tensor<8x8x1xf32>", "tensor<2x64x3xf32>", R"(
    %0 = nn.reshape %x : (tensor<2x64x3xf32>) -> tensor<2x8x8x3xf32>
    %1 = nn.binary add %0, %y : (tensor<2x8x8x3xf32>, tensor<8x8x1xf32>) -> tensor<2x8x8x3xf32>
    %r = nn.reshape %1 : (tensor<2x8x8x3xf32>) -> tensor<2x64x3xf32>)");
  // No common factorization: the position is divided.
  check("%x: tensor<6x10xf32>, %y: tensor<10xf32>", "tensor<4x15xf32>", R"(
    %0 = nn.binary add %x, %y : (tensor<6x10xf32>, tensor<10xf32>) -> tensor<6x10xf32>
    %r = nn.reshape %0 : (tensor<6x10xf32>) -> tensor<4x15xf32>)");
  // Pixel shuffle.
  check("%x: tensor<1x12x5x6xf32>", "tensor<1x3x10x12xf32>", R"(
    %0 = nn.reshape %x : (tensor<1x12x5x6xf32>) -> tensor<1x3x2x2x5x6xf32>
    %1 = nn.transpose %0 {perm = array<i64: 0, 1, 4, 2, 5, 3>} : (tensor<1x3x2x2x5x6xf32>) -> tensor<1x3x5x2x6x2xf32>
    %r = nn.reshape %1 : (tensor<1x3x5x2x6x2xf32>) -> tensor<1x3x10x12xf32>)");
}

TEST(LoopBuilder, Transposes) {
  check("%x: tensor<2x19x5x7xf32>", "tensor<2x5x7x19xf32>", "%r = nn.transpose %x {perm = array<i64: 0, 2, 3, 1>} : (tensor<2x19x5x7xf32>) -> tensor<2x5x7x19xf32>");
  check("%x: tensor<2x40x50x33xf32>", "tensor<2x33x40x50xf32>", "%r = nn.transpose %x {perm = array<i64: 0, 3, 1, 2>} : (tensor<2x40x50x33xf32>) -> tensor<2x33x40x50xf32>");
  check("%x: tensor<35x67xi8>", "tensor<67x35xi8>", "%r = nn.transpose %x {perm = array<i64: 1, 0>} : (tensor<35x67xi8>) -> tensor<67x35xi8>");
}

TEST(LoopBuilder, ConcatSlicePadTile) {
  check("%x: tensor<3x5x16xf32>, %y: tensor<3x5x4xf32>, %z: tensor<3x5x17xf32>", "tensor<3x5x37xf32>",
        "%r = nn.concat %x, %y, %z {axis = 2 : i64} : (tensor<3x5x16xf32>, tensor<3x5x4xf32>, tensor<3x5x17xf32>) -> tensor<3x5x37xf32>");
  check("%x: tensor<3x2x4xf32>, %y: tensor<3x3x4xf32>", "tensor<3x5x4xf32>",
        "%r = nn.concat %x, %y {axis = 1 : i64} : (tensor<3x2x4xf32>, tensor<3x3x4xf32>) -> tensor<3x5x4xf32>");
  check("%x: tensor<9x20xf32>", "tensor<4x7xf32>", "%r = nn.slice %x {starts = array<i64: 8, 3>, sizes = array<i64: 4, 7>, steps = array<i64: -2, 2>} : (tensor<9x20xf32>) -> tensor<4x7xf32>");
  check("%x: tensor<3x20xf32>", "tensor<6x40xf32>", "%r = nn.tile %x {repeats = array<i64: 2, 2>} : (tensor<3x20xf32>) -> tensor<6x40xf32>");
  check("%x: tensor<3x5x9xf32>, %v: tensor<f32>", "tensor<3x8x12xf32>", "%r = nn.pad constant %x, %v {low = array<i64: 0, 1, 2>, high = array<i64: 0, 2, 1>} : (tensor<3x5x9xf32>, tensor<f32>) -> tensor<3x8x12xf32>");
  for (const char *mode : {"reflect", "edge", "wrap"})
    check("%x: tensor<3x5x9xf32>", "tensor<3x8x15xf32>", (Twine("%r = nn.pad ") + mode + " %x {low = array<i64: 0, 1, 2>, high = array<i64: 0, 2, 4>} : (tensor<3x5x9xf32>) -> tensor<3x8x15xf32>").str());
}

// What is the same for all elements can be computed in vectors along any loop, and not be stored in any.
TEST(LoopBuilder, ConcatOfColumns) {
  check("%x: tensor<8x8x1xf32>, %s: tensor<f32>", "tensor<8x8x2xf32>", R"(
    %0 = nn.broadcast %s : (tensor<f32>) -> tensor<8x8x1xf32>
    %r = nn.concat %x, %0 {axis = 2 : i64} : (tensor<8x8x1xf32>, tensor<8x8x1xf32>) -> tensor<8x8x2xf32>)");
  check("%x: tensor<8x28x1xf32>, %y: tensor<8x24x1xf32>", "tensor<8x32x2xf32>", R"(
    %0 = nn.pad constant %x {low = array<i64: 0, 0, 0>, high = array<i64: 0, 4, 0>} : (tensor<8x28x1xf32>) -> tensor<8x32x1xf32>
    %1 = nn.pad constant %y {low = array<i64: 0, 0, 0>, high = array<i64: 0, 8, 0>} : (tensor<8x24x1xf32>) -> tensor<8x32x1xf32>
    %r = nn.concat %0, %1 {axis = 2 : i64} : (tensor<8x32x1xf32>, tensor<8x32x1xf32>) -> tensor<8x32x2xf32>)");
}

TEST(LoopBuilder, Gathers) {
  MatchOptions options;
  options.low = -5;
  options.high = 5;
  check("%x: tensor<5x33xf32>, %i: tensor<4x2xi64>", "tensor<4x2x33xf32>", "%r = nn.gather %x, %i {axis = 0 : i64} : (tensor<5x33xf32>, tensor<4x2xi64>) -> tensor<4x2x33xf32>", options);
  check("%x: tensor<3x5xf32>, %i: tensor<4xi32>", "tensor<3x4xf32>", "%r = nn.gather %x, %i {axis = 1 : i64} : (tensor<3x5xf32>, tensor<4xi32>) -> tensor<3x4xf32>", options);
  check("%x: tensor<5x6xf32>, %i: tensor<3x6xi64>", "tensor<3x6xf32>", "%r = nn.gather_elements %x, %i {axis = 0 : i64} : (tensor<5x6xf32>, tensor<3x6xi64>) -> tensor<3x6xf32>", options);
  check("%x: tensor<5x6x7xf32>, %i: tensor<4x2xi64>", "tensor<4x7xf32>", "%r = nn.gather_nd %x, %i : (tensor<5x6x7xf32>, tensor<4x2xi64>) -> tensor<4x7xf32>", options);
  MatchOptions lengths;
  lengths.low = 1;
  lengths.high = 5;
  check("%x: tensor<5x3x2xf32>, %l: tensor<3xi64>", "tensor<5x3x2xf32>", "%r = nn.reverse_sequence %x, %l {batch_axis = 1 : i64, time_axis = 0 : i64} : (tensor<5x3x2xf32>, tensor<3xi64>) -> tensor<5x3x2xf32>", lengths);
}

static std::string pool(StringRef kind, bool channelsLast, StringRef extra = "") {
  return ("%r = nn.pool " + kind + " %x {kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>" + extra +
          (channelsLast ? ", channels_last} : (tensor<2x12x15x20xf32>) -> tensor<2x6x8x20xf32>" : "} : (tensor<2x5x12x15xf32>) -> tensor<2x5x6x8xf32>")).str();
}

TEST(LoopBuilder, Pools) {
  for (const char *kind : {"max_pool", "average", "average_with_pad", "lp"}) {
    check("%x: tensor<2x12x15x20xf32>", "tensor<2x6x8x20xf32>", pool(kind, true));
    check("%x: tensor<2x5x12x15xf32>", "tensor<2x5x6x8xf32>", pool(kind, false));
  }
  check("%x: tensor<1x7x7x40xf32>", "tensor<1x1x1x40xf32>", "%r = nn.pool average %x {kernel = array<i64: 7, 7>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, channels_last} : (tensor<1x7x7x40xf32>) -> tensor<1x1x1x40xf32>");
  check("%x: tensor<1x2x6x6xf32>", "tensor<1x2x3x3xi64>", "%r = nn.max_pool_indices %x {kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x2x6x6xf32>) -> tensor<1x2x3x3xi64>");
}

TEST(LoopBuilder, MaximumOfNan) {
  std::string indices = "%r = nn.max_pool_indices %x {kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>} : (tensor<2x5x12x15xf32>) -> tensor<2x5x6x8xi64>";
  for (const std::string &body : {pool("max_pool", true), pool("max_pool", false), indices}) {
    std::string type = body.substr(body.find("-> ") + 3);
    std::string input = body.substr(body.find("(tensor") + 1, body.find(") ->") - body.find("(tensor") - 1);
    KernelRun kernel("func.func @f(%x: " + input + ") -> " + type + " {\n" + body + "\n  return %r : " + type + "\n}", codegen::buildLoops);
    ASSERT_TRUE(kernel.built());
    HostTensor x = randomTensor(kernel.inputTypes()[0], 1);
    for (int64_t i : {0, 7, 8, 301, 1000}) // at a window's first, last and inner elements
      x.setDouble(i, i % 2 ? -NAN : NAN);
    HostTensor expected = kernel.reference(x)[0];
    if (body != indices) {
      int64_t count = 0;
      for (int64_t i = 0; i < expected.numElements(); ++i)
        count += std::isnan(expected.doubleAt(i));
      EXPECT_GE(count, 5);
    }
    expectClose(kernel.run(x)[0], expected, {});
  }
}

TEST(LoopBuilder, Contractions) {
  check("%x: tensor<2x3x7xf32>, %y: tensor<7x5xf32>, %b: tensor<5xf32>", "tensor<2x3x5xf32>", "%r = nn.matmul %x, %y, %b : (tensor<2x3x7xf32>, tensor<7x5xf32>, tensor<5xf32>) -> tensor<2x3x5xf32>");
  check("%x: tensor<2x7x3xf64>, %y: tensor<2x5x7xf64>", "tensor<2x3x5xf64>", "%r = nn.matmul %x, %y {transpose_lhs, transpose_rhs} : (tensor<2x7x3xf64>, tensor<2x5x7xf64>) -> tensor<2x3x5xf64>");
  MatchOptions bytes;
  bytes.low = -128;
  bytes.high = 128;
  check("%x: tensor<3x40xi8>, %y: tensor<40x5xi8>", "tensor<3x5xi32>", "%r = nn.matmul %x, %y : (tensor<3x40xi8>, tensor<40x5xi8>) -> tensor<3x5xi32>", bytes);
  check("%x: tensor<1x4x6x6xf32>, %w: tensor<6x2x3x3xf32>, %b: tensor<6xf32>", "tensor<1x6x3x3xf32>", "%r = nn.conv %x, %w, %b {strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, groups = 2 : i64} : (tensor<1x4x6x6xf32>, tensor<6x2x3x3xf32>, tensor<6xf32>) -> tensor<1x6x3x3xf32>");
  check("%x: tensor<1x5x5x4xf32>, %w: tensor<4x3x3x3xf32>", "tensor<1x10x10x6xf32>", "%r = nn.conv_transpose %x, %w {strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, output_padding = array<i64: 1, 1>, groups = 2 : i64, channels_last} : (tensor<1x5x5x4xf32>, tensor<4x3x3x3xf32>) -> tensor<1x10x10x6xf32>");
  check("%q: tensor<1x4x5x8xf32>, %k: tensor<1x2x6x8xf32>, %v: tensor<1x2x6x9xf32>", "tensor<1x4x5x9xf32>", "%r = nn.attention %q, %k, %v {scale = 0.35 : f64, causal} : (tensor<1x4x5x8xf32>, tensor<1x2x6x8xf32>, tensor<1x2x6x9xf32>) -> tensor<1x4x5x9xf32>");
  check("%x: tensor<3x4x4xf32>", "tensor<3xf32>", "%r = nn.det %x : (tensor<3x4x4xf32>) -> tensor<3xf32>");
}

TEST(LoopBuilder, QuantizedContractions) {
  check("%x: tensor<3x7xui8>, %w: tensor<7x5xi8>, %b: tensor<5xi32>", "tensor<3x5xi32>",
        "%r = nn.matmul %x, %w, %b {zero_point = 77 : i64} : (tensor<3x7xui8>, tensor<7x5xi8>, tensor<5xi32>) -> tensor<3x5xi32>");
  check("%x: tensor<1x5x5x3xi8>, %w: tensor<4x3x3x3xi8>", "tensor<1x5x5x4xi32>",
        "%r = nn.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, channels_last, "
        "zero_point = -5 : i64} : (tensor<1x5x5x3xi8>, tensor<4x3x3x3xi8>) -> tensor<1x5x5x4xi32>");
}

TEST(LoopBuilder, ConstantWeightsAreStoredChannelsLast) {
  check("%x: tensor<1x5x5x4xf32>, %w: tensor<4x12x3x3xf32> {test.weight}", "tensor<1x10x10x24xf32>", "%r = nn.conv_transpose %x, %w {strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, output_padding = array<i64: 1, 1>, groups = 2 : i64, channels_last} : (tensor<1x5x5x4xf32>, tensor<4x12x3x3xf32>) -> tensor<1x10x10x24xf32>");
  check("%x: tensor<1x7x6x6xf32>, %w: tensor<6x20x2x2xf32> {test.weight}", "tensor<1x14x12x20xf32>", "%r = nn.conv_transpose %x, %w {strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, output_padding = array<i64: 0, 0>, channels_last} : (tensor<1x7x6x6xf32>, tensor<6x20x2x2xf32>) -> tensor<1x14x12x20xf32>");
  check("%x: tensor<1x5x5x5x4xf32>, %w: tensor<20x4x3x3x3xf32> {test.weight}", "tensor<1x5x5x5x20xf32>", "%r = nn.conv %x, %w {strides = array<i64: 1, 1, 1>, pads = array<i64: 1, 1, 1, 1, 1, 1>, dilations = array<i64: 1, 1, 1>, channels_last} : (tensor<1x5x5x5x4xf32>, tensor<20x4x3x3x3xf32>) -> tensor<1x5x5x5x20xf32>");
  check("%x: tensor<3x7xf32>, %y: tensor<20x7xf32> {test.weight}", "tensor<3x20xf32>", "%r = nn.matmul %x, %y {transpose_rhs} : (tensor<3x7xf32>, tensor<20x7xf32>) -> tensor<3x20xf32>");
}

TEST(LoopBuilder, ReductionsAndNorms) {
  for (const char *kind : {"sum", "mean", "prod", "max", "min", "l1", "l2", "sum_square", "log_sum_exp"})
    check("%x: tensor<3x7x5xf32>", "tensor<3x5xf32>", (Twine("%r = nn.reduce ") + kind + " %x {axes = array<i64: 1>} : (tensor<3x7x5xf32>) -> tensor<3x5xf32>").str());
  check("%x: tensor<3x7x50xi32>", "tensor<3x1x1xi32>", "%r = nn.reduce max %x {axes = array<i64: 1, 2>, keep_dims} : (tensor<3x7x50xi32>) -> tensor<3x1x1xi32>");
  for (const char *kind : {"argmax", "argmin"})
    check("%x: tensor<3x7x5xf32>", "tensor<3x5xi64>", (Twine("%r = nn.arg ") + kind + " %x {axis = 1 : i64} : (tensor<3x7x5xf32>) -> tensor<3x5xi64>").str());
  check("%x: tensor<3x70xf32>", "tensor<3x70xf32>", "%r = nn.softmax %x {axis = 1 : i64} : (tensor<3x70xf32>) -> tensor<3x70xf32>");
  check("%x: tensor<3x70xf32>, %s: tensor<70xf32>", "tensor<3x70xf32>", "%r = nn.layer_norm %x, %s {axis = 1 : i64, epsilon = 1.0e-5 : f64, operandSegmentSizes = array<i32: 1, 1, 0>} : (tensor<3x70xf32>, tensor<70xf32>) -> tensor<3x70xf32>");
  check("%x: tensor<1x9x4xf32>", "tensor<1x9x4xf32>", "%r = nn.lrn %x {size = 5 : i64, alpha = 0.1 : f64, beta = 0.75 : f64, bias = 1.0 : f64} : (tensor<1x9x4xf32>) -> tensor<1x9x4xf32>");
}

static std::string resize(StringRef kind, StringRef coordinates, StringRef rounding, StringRef from, StringRef to, StringRef scales, StringRef extra = "") {
  return ("%r = nn.resize " + kind + " %x {scales = array<f64: " + scales + ">, roi = array<f64>, coordinates = #nn<coordinate_kind " + coordinates +
          ">, rounding = #nn<round_kind " + rounding + ">" + extra + "} : (" + from + ") -> " + to).str();
}

TEST(LoopBuilder, Resizes) {
  const char *image = "tensor<1x4x5x20xf32>", *doubled = "tensor<1x8x10x20xf32>";
  for (const char *coordinates : {"half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel", "half_pixel_symmetric"})
    for (const char *rounding : {"round_prefer_floor", "round_prefer_ceil", "floor_down", "ceil_up"})
      check(("%x: " + StringRef(image)).str(), doubled, resize("nearest", coordinates, rounding, image, doubled, "1.0, 2.0, 2.0, 1.0"));
  const char *odd = "tensor<1x7x3x20xf32>";
  for (const char *kind : {"nearest", "linear", "cubic"})
    for (const char *coordinates : {"half_pixel", "asymmetric", "align_corners"})
      for (const char *extra : {"", ", exclude_outside"})
        check(("%x: " + StringRef(image)).str(), odd, resize(kind, coordinates, "round_prefer_floor", image, odd, "1.0, 1.75, 0.6, 1.0", extra));
  for (const char *kind : {"linear", "cubic"})
    check(("%x: " + StringRef(image)).str(), odd, resize(kind, "half_pixel", "round_prefer_floor", image, odd, "1.0, 1.75, 0.6, 1.0", ", antialias"));
}

TEST(LoopBuilder, Quantization) {
  MatchOptions options;
  options.absolute = options.relative = 0;
  options.low = -300;
  options.high = 300;
  check("%x: tensor<3x50xf32>", "tensor<3x50xi8>", R"(
    %s = nn.constant dense<0.7> : tensor<f32>
    %z = nn.constant dense<3> : tensor<i8>
    %r = nn.quantize %x, %s, %z : (tensor<3x50xf32>, tensor<f32>, tensor<i8>) -> tensor<3x50xi8>)", options);
  check("%x: tensor<3x50xi8>, %z: tensor<3xi8>", "tensor<3x50xf32>", R"(
    %s = nn.constant dense<0.25> : tensor<3xf32>
    %r = nn.dequantize %x, %s, %z {axis = 0 : i64} : (tensor<3x50xi8>, tensor<3xf32>, tensor<3xi8>) -> tensor<3x50xf32>)", options);
  check("%x: tensor<4x6xf32>", "tensor<4x6xui8>", R"(
    %s = nn.constant dense<0.5> : tensor<2x3xf32>
    %r = nn.quantize %x, %s : (tensor<4x6xf32>, tensor<2x3xf32>) -> tensor<4x6xui8>)", options);
}

TEST(LoopBuilder, SeveralResults) {
  expectMatchesReference(R"(func.func @f(%x: tensor<6x40xf32>) -> (tensor<6x40xf32>, tensor<6x20xf32>, tensor<6x40xf32>) {
    %0 = nn.unary tanh %x : (tensor<6x40xf32>) -> tensor<6x40xf32>
    %1 = nn.slice %0 {starts = array<i64: 0, 20>, sizes = array<i64: 6, 20>, steps = array<i64: 1, 1>} : (tensor<6x40xf32>) -> tensor<6x20xf32>
    %2 = nn.unary exp %0 : (tensor<6x40xf32>) -> tensor<6x40xf32>
    return %0, %1, %2 : tensor<6x40xf32>, tensor<6x20xf32>, tensor<6x40xf32>
  })", codegen::buildLoops);
}

TEST(LoopBuilder, DividesLargeWorkIntoTiles) {
  KernelRun kernel("func.func @f(%x: tensor<1000x1000xf32>) -> tensor<1000x1000xf32> {\n %0 = nn.unary gelu %x : (tensor<1000x1000xf32>) -> tensor<1000x1000xf32>\n return %0 : tensor<1000x1000xf32>\n}", codegen::buildLoops);
  ASSERT_TRUE(kernel.built());
  EXPECT_GT(kernel.tiles(), 4);
  EXPECT_LT(kernel.tiles(), 100);
}
