//===- IntegerContractionTest.cpp - products of bytes are exact -----------===//
//
// Every form of DotProduct that runs here against ir/reference, bit for bit, on
// shapes that reach each way of reading quads: whole, moved back, patched.
//
//===----------------------------------------------------------------------===//

#include "codegen/artifact/HostSupport.h"
#include "tests/unit/codegen/RunKernel.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include <gtest/gtest.h>
#include <random>

using namespace fettle;
using namespace fettle::test;

namespace {

/// What follows the i32 value %0 of type `sums`: with `requantizes`, a factor per channel, rounding and saturation.
std::string finish(llvm::ArrayRef<int64_t> shape, bool requantizes, llvm::StringRef element) {
  if (!requantizes)
    return llvm::formatv("  return %0 : {0}\n}", tensor(shape, "i32"));
  std::string sums = tensor(shape, "i32"), reals = tensor(shape, "f32"), bytes = tensor(shape, element);
  return llvm::formatv("  %1 = nn.cast %0 : ({0}) -> {1}\n  %2 = nn.binary mul %1, %m : ({1}, {3}) -> {1}\n"
                       "  %one = nn.constant dense<1.0> : tensor<f32>\n  %z = nn.constant dense<{5}> : tensor<{4}>\n"
                       "  %3 = nn.quantize %2, %one, %z : ({1}, tensor<f32>, tensor<{4}>) -> {2}\n  return %3 : {2}\n}",
                       sums, reals, bytes, tensor({shape.back()}, "f32"), element, element == "ui8" ? 3 : -3);
}

struct Case {
  llvm::StringRef element = "ui8"; ///< of the activations
  int64_t zeroPoint = 0;
  bool hasBias = false, requantizes = false;
  llvm::StringRef weights = "i8";

  std::string signature(llvm::ArrayRef<int64_t> input, llvm::ArrayRef<int64_t> weight, llvm::ArrayRef<int64_t> out) const {
    return llvm::formatv("func.func @f(%x: {0}, %w: {1} {{test.weight}{2}{3}) -> {4} {{\n", tensor(input, element), tensor(weight, weights),
                         hasBias ? ", %b: " + tensor({out.back()}, "i32") + " {test.weight}" : "",
                         requantizes ? ", %m: " + tensor({out.back()}, "f32") + " {test.weight}" : "", tensor(out, requantizes ? element : "i32"));
  }
  std::string operandTypes(llvm::ArrayRef<int64_t> input, llvm::ArrayRef<int64_t> weight, llvm::ArrayRef<int64_t> out) const {
    return llvm::formatv("({0}, {1}{2}) -> {3}\n", tensor(input, element), tensor(weight, weights), hasBias ? ", " + tensor({out.back()}, "i32") : "",
                         tensor(out, "i32"));
  }
  std::string product(int64_t m, int64_t k, int64_t n) const {
    return signature({m, k}, {k, n}, {m, n}) +
           llvm::formatv("  %0 = nn.matmul %x, %w{0} {{zero_point = {1} : i64} : {2}", hasBias ? ", %b" : "", zeroPoint,
                         operandTypes({m, k}, {k, n}, {m, n})).str() + finish({m, n}, requantizes, element);
  }
};

struct Convolution {
  int64_t n, h, w, c, o, r, s;
  int64_t stride = 1, padLow = 0, padHigh = 0, dilation = 1, groups = 1;
  std::string text(const Case &options) const {
    auto extent = [&](int64_t x, int64_t k) { return (x + padLow + padHigh - (k - 1) * dilation - 1) / stride + 1; };
    int64_t input[] = {n, h, w, c}, weight[] = {o, c / groups, r, s}, out[] = {n, extent(h, r), extent(w, s), o};
    return options.signature(input, weight, out) +
           llvm::formatv("  %0 = nn.conv %x, %w{0} {{strides = array<i64: {1}, {1}>, pads = array<i64: {2}, {2}, {3}, {3}>, "
                         "dilations = array<i64: {4}, {4}>, groups = {5} : i64, channels_last, zero_point = {6} : i64} : {7}",
                         options.hasBias ? ", %b" : "", stride, padLow, padHigh, dilation, groups, options.zeroPoint,
                         options.operandTypes(input, weight, out)).str() +
           finish(out, options.requantizes, options.element);
  }
};

const char *const targets[] = {"cpu:native", "cpu:x86-64-v4", "cpu:x86-64-v3+vnni", "cpu:x86-64-v3", "cpu:x86-64-v2"};

bool runsHere(llvm::StringRef name) {
  CpuTarget target = llvm::cantFail(parseCpuTarget(name));
  llvm::Error missing = codegen::checkHost(target.triple, llvm::cantFail(codegen::requiredFeatures(target)));
  return !llvm::errorToBool(std::move(missing));
}

void expectExact(llvm::StringRef text, KernelBuilder builder = codegen::buildContraction, double low = -128, double high = 256) {
  for (const char *target : targets) {
    if (!runsHere(target))
      continue;
    SCOPED_TRACE(target);
    MatchOptions exact{0, 0, low, high};
    exact.target = target;
    expectMatchesReference(text, builder, exact);
  }
}

const Case cases[] = {{"ui8"}, {"ui8", 7}, {"i8"}, {"i8", -5, true}, {"ui8", 255, true, true}, {"ui8", 0, true, true}, {"i8", 127, true, true}};

} // namespace

/// One of the cases, another each time.
static void expectExactInSomeCase(llvm::function_ref<std::string(const Case &)> text, KernelBuilder builder = codegen::buildContraction) {
  static unsigned next = 0;
  expectExact(text(cases[next++ % std::size(cases)]), builder);
}

TEST(IntegerContraction, ProductsOfEveryAspect) {
  for (int64_t k : {1, 2, 3, 4, 5, 7, 8, 24, 50, 67})
    expectExactInSomeCase([&](const Case &options) { return options.product(7, k, 21); });
  for (int64_t m : {1, 2, 13, 33})
    for (int64_t n : {1, 16, 31, 96})
      expectExactInSomeCase([&](const Case &options) { return options.product(m, 20, n); });
}

TEST(IntegerContraction, Convolutions) {
  Convolution shapes[] = {
      {1, 9, 9, 8, 20, 3, 3, 1, 1, 1},        // same padding
      {1, 9, 9, 5, 20, 3, 3, 1, 1, 1},        // quads that do not divide the channels
      {2, 8, 30, 16, 32, 3, 3, 1, 1, 1},      // several spans of a row
      {1, 15, 15, 3, 16, 7, 7, 2, 3, 3},      // stem: quads over several taps
      {1, 16, 16, 3, 24, 3, 3, 2, 0, 1},      // asymmetric padding
      {1, 11, 8, 1, 8, 10, 4, 2, 4, 4},       // one channel
      {1, 9, 9, 2, 8, 1, 1, 2},               // fewer bytes than a quad
      {1, 10, 10, 8, 40, 1, 1},               // pointwise
      {2, 9, 9, 8, 33, 1, 1, 2},              // pointwise with stride
      {1, 12, 12, 6, 10, 3, 3, 1, 2, 2, 2},   // dilated
      {1, 12, 12, 3, 10, 3, 3, 1, 2, 2, 2},   // dilated, each tap below a quad
      {1, 6, 6, 8, 12, 3, 3, 1, 1, 1, 1, 2},  // two groups
      {1, 6, 6, 12, 36, 3, 3, 1, 1, 1, 1, 4}, // four groups of three channels
      {1, 3, 3, 4, 4, 3, 3, 1, 2, 2},         // more padding than input on some rows
      {1, 2, 2, 4, 4, 3, 3, 2, 1, 1},
      {1, 4, 4, 3, 5, 2, 2, 3, 1, 4},         // windows wholly outside the input
      {1, 4, 4, 8, 5, 2, 2, 3, 1, 4},
      {1, 20, 60, 1, 20, 20, 20, 10},         // a wide window without padding
      {1, 20, 60, 6, 20, 3, 20, 10},
  };
  for (const Convolution &shape : shapes)
    expectExactInSomeCase([&](const Case &options) { return shape.text(options); });
}

TEST(IntegerContraction, ResidualsAreAddedInSingleSteps) {
  expectExact(R"(func.func @f(%x: tensor<30x24xui8>, %w: tensor<24x40xi8> {test.weight}, %m: tensor<40xf32> {test.weight},
                              %y: tensor<30x40xui8>) -> (tensor<30x40xui8>, tensor<30x40xf32>) {
    %ys = nn.constant dense<0.013> : tensor<f32>
    %yz = nn.constant dense<7> : tensor<ui8>
    %0 = nn.matmul %x, %w {zero_point = 9 : i64} : (tensor<30x24xui8>, tensor<24x40xi8>) -> tensor<30x40xi32>
    %1 = nn.cast %0 : (tensor<30x40xi32>) -> tensor<30x40xf32>
    %2 = nn.binary mul %1, %m : (tensor<30x40xf32>, tensor<40xf32>) -> tensor<30x40xf32>
    %3 = nn.dequantize %y, %ys, %yz : (tensor<30x40xui8>, tensor<f32>, tensor<ui8>) -> tensor<30x40xf32>
    %4 = nn.binary add %2, %3 : (tensor<30x40xf32>, tensor<30x40xf32>) -> tensor<30x40xf32>
    %one = nn.constant dense<1.0> : tensor<f32>
    %5 = nn.quantize %4, %one, %yz : (tensor<30x40xf32>, tensor<f32>, tensor<ui8>) -> tensor<30x40xui8>
    return %5, %4 : tensor<30x40xui8>, tensor<30x40xf32>
  })");
}

TEST(IntegerContraction, RoundsOnTheWay) {
  // As a file's own pairs stand: the convolution is rounded, then the sum with the residual.
  expectExact(R"(func.func @f(%x: tensor<30x24xui8>, %w: tensor<24x80xi8> {test.weight}, %m: tensor<80xf32> {test.weight},
                              %y: tensor<30x80xui8>) -> tensor<30x80xui8> {
    %ys = nn.constant dense<0.013> : tensor<f32>
    %yz = nn.constant dense<7> : tensor<ui8>
    %one = nn.constant dense<1.0> : tensor<f32>
    %0 = nn.matmul %x, %w {zero_point = 9 : i64} : (tensor<30x24xui8>, tensor<24x80xi8>) -> tensor<30x80xi32>
    %1 = nn.cast %0 : (tensor<30x80xi32>) -> tensor<30x80xf32>
    %2 = nn.binary mul %1, %m : (tensor<30x80xf32>, tensor<80xf32>) -> tensor<30x80xf32>
    %3 = nn.quantize %2, %one, %yz : (tensor<30x80xf32>, tensor<f32>, tensor<ui8>) -> tensor<30x80xui8>
    %4 = nn.dequantize %3, %ys, %yz : (tensor<30x80xui8>, tensor<f32>, tensor<ui8>) -> tensor<30x80xf32>
    %5 = nn.dequantize %y, %ys, %yz : (tensor<30x80xui8>, tensor<f32>, tensor<ui8>) -> tensor<30x80xf32>
    %6 = nn.binary add %4, %5 : (tensor<30x80xf32>, tensor<30x80xf32>) -> tensor<30x80xf32>
    %7 = nn.quantize %6, %one, %yz : (tensor<30x80xf32>, tensor<f32>, tensor<ui8>) -> tensor<30x80xui8>
    return %7 : tensor<30x80xui8>
  })");
}

TEST(IntegerContraction, WeightsOfNineBits) {
  for (bool isUnsigned : {true, false}) {
    Case wide{isUnsigned ? "ui8" : "i8", isUnsigned ? 200 : -7, true, true, "i16"};
    // From -256 up to 254, as long as two bytes can be them.
    for (int64_t k : {3, 8, 50})
      expectExact(wide.product(7, k, 21), codegen::buildContraction, -256, 255);
    expectExact(Convolution{1, 9, 9, 5, 20, 3, 3, 1, 1, 1}.text(wide), codegen::buildContraction, -256, 255);
    expectExact(Convolution{1, 15, 15, 3, 16, 7, 7, 2, 3, 3}.text(wide), codegen::buildContraction, -256, 255);
  }
}

TEST(IntegerDepthwise, Convolutions) {
  Convolution shapes[] = {
      {1, 14, 14, 64, 64, 3, 3, 1, 1, 1, 1, 64},   // whole registers of channels
      {1, 9, 9, 144, 144, 3, 3, 1, 1, 1, 1, 144},  // and a rest in four slots
      {1, 9, 10, 96, 96, 3, 3, 2, 1, 1, 1, 96},    // two slots, stride 2
      {2, 10, 10, 24, 24, 5, 5, 1, 2, 2, 1, 24},   // two quads of rows; blocks that overlap
      {1, 7, 7, 160, 160, 5, 5, 2, 2, 2, 1, 160},
      {1, 12, 12, 16, 16, 3, 3, 1, 2, 2, 2, 16},   // dilated
      {1, 5, 5, 33, 33, 3, 3, 2, 0, 1, 1, 33},     // asymmetric padding
      {1, 12, 5, 64, 64, 10, 4, 2, 4, 5, 1, 64},
      {1, 1, 1, 8, 8, 3, 3, 1, 1, 1, 1, 8},        // fewer channels than lanes, fewer pixels than slots
      {1, 3, 30, 4, 4, 1, 3, 1, 0, 0, 1, 4},
      {1, 2, 2, 40, 40, 2, 2, 3, 1, 4, 1, 40},     // windows wholly outside the input
  };
  for (const Convolution &shape : shapes)
    expectExactInSomeCase([&](const Case &options) { return shape.text(options); }, codegen::buildDepthwise);
}

TEST(IntegerDepthwise, WeightsOfNineBits) {
  for (bool isUnsigned : {true, false}) {
    Case wide{isUnsigned ? "ui8" : "i8", isUnsigned ? 200 : -7, true, true, "i16"};
    expectExact(Convolution{1, 9, 9, 96, 96, 3, 3, 2, 0, 1, 1, 96}.text(wide), codegen::buildDepthwise, -256, 255);
  }
}

TEST(IntegerDepthwise, RefusesFewerChannelsThanLanes) {
  KernelRun run(Convolution{1, 5, 5, 3, 3, 3, 3, 1, 1, 1, 1, 3}.text(cases[1]), codegen::buildDepthwise);
  EXPECT_FALSE(run.built());
}

static void checkRandomConvolutions(bool isDepthwise) {
  std::mt19937 generator(5);
  auto oneOf = [&](int64_t low, int64_t high) { return low + int64_t(generator() % (high - low + 1)); };
  for (int round = 0; round < 40; ++round) {
    Convolution shape{oneOf(1, 2), oneOf(1, 17), oneOf(1, 40), oneOf(1, 20), oneOf(1, 40), oneOf(1, 5), oneOf(1, 5)};
    shape.stride = oneOf(1, 3);
    shape.dilation = oneOf(1, 2);
    shape.padLow = oneOf(0, 4);
    shape.padHigh = oneOf(0, 4);
    if (isDepthwise) {
      shape.c = shape.o = shape.groups = oneOf(16, 150);
    } else if (int64_t groups = oneOf(1, 3); groups > 1) {
      shape.groups = groups;
      shape.c *= groups;
      shape.o *= groups;
    }
    auto fits = [&](int64_t x, int64_t k) { return x + shape.padLow + shape.padHigh >= (k - 1) * shape.dilation + 1; };
    if (!fits(shape.h, shape.r) || !fits(shape.w, shape.s))
      continue;
    Case options;
    bool isUnsigned = oneOf(0, 1);
    options.element = isUnsigned ? "ui8" : "i8";
    options.zeroPoint = oneOf(0, 2) == 0 ? 0 : oneOf(0, 255) - (isUnsigned ? 0 : 128);
    options.hasBias = oneOf(0, 1);
    options.requantizes = oneOf(0, 1);
    MatchOptions exact{0, 0, -128, 256, unsigned(round)};
    exact.target = targets[oneOf(0, std::size(targets) - 1)];
    if (!runsHere(exact.target))
      continue;
    SCOPED_TRACE(exact.target.str());
    expectMatchesReference(shape.text(options), isDepthwise ? codegen::buildDepthwise : codegen::buildContraction, exact);
  }
}

TEST(IntegerContraction, RandomConvolutions) { checkRandomConvolutions(/*isDepthwise=*/false); }

TEST(IntegerDepthwise, RandomConvolutions) { checkRandomConvolutions(/*isDepthwise=*/true); }
