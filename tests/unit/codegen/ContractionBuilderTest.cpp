//===- ContractionBuilderTest.cpp - products and convolutions -------------===//

#include "tests/unit/codegen/RunKernel.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include <gtest/gtest.h>

using namespace fettle;
using namespace fettle::test;

namespace {

/// %x * %w (a weight), then relu(... + %y) of the result's shape.
std::string matmul(llvm::ArrayRef<int64_t> lhs, llvm::ArrayRef<int64_t> rhs, llvm::ArrayRef<int64_t> out, llvm::StringRef attributes = "",
                   bool rhsIsWeight = true) {
  return llvm::formatv("func.func @f(%x: {0}, %w: {1}{3}, %y: {2}) -> {2} {{\n"
                       "  %0 = nn.matmul %x, %w {4} : ({0}, {1}) -> {2}\n"
                       "  %1 = nn.binary add %0, %y : ({2}, {2}) -> {2}\n"
                       "  %2 = nn.unary relu %1 : ({2}) -> {2}\n"
                       "  return %2 : {2}\n}",
                       tensor(lhs), tensor(rhs), tensor(out), rhsIsWeight ? " {test.weight}" : "", attributes);
}

struct Convolution {
  int64_t n, h, w, c, o, r, s;
  int64_t stride = 1, padLow = 0, padHigh = 0, dilation = 1, groups = 1;
  std::string text() const {
    auto extent = [&](int64_t x, int64_t k) { return (x + padLow + padHigh - (k - 1) * dilation - 1) / stride + 1; };
    return llvm::formatv("func.func @f(%x: {0}, %w: {1} {{test.weight}, %b: {2} {{test.weight}) -> {3} {{\n"
                         "  %0 = nn.conv %x, %w, %b {{strides = array<i64: {4}, {4}>, pads = array<i64: {5}, {5}, {6}, {6}>, "
                         "dilations = array<i64: {7}, {7}>, groups = {8} : i64, channels_last} : ({0}, {1}, {2}) -> {3}\n"
                         "  %1 = nn.clamp %0 {{low = 0.0 : f64, high = 6.0 : f64} : ({3}) -> {3}\n"
                         "  return %1 : {3}\n}",
                         tensor({n, h, w, c}), tensor({o, c / groups, r, s}), tensor({o}), tensor({n, extent(h, r), extent(w, s), o}), stride,
                         padLow, padHigh, dilation, groups);
  }
};

const char *const targets[] = {"cpu:native", "cpu:x86-64-v3", "cpu:x86-64-v2"};

void expectContraction(llvm::StringRef text, KernelBuilder builder = codegen::buildContraction) {
  for (const char *target : targets) {
    SCOPED_TRACE(target);
    MatchOptions options;
    options.target = target;
    expectMatchesReference(text, builder, options);
  }
}

} // namespace

TEST(ContractionBuilder, ProductsOfEveryAspect) {
  for (int64_t m : {1, 2, 7, 13, 33, 197})
    for (int64_t n : {1, 3, 16, 31, 32, 50, 96, 130}) {
      SCOPED_TRACE(llvm::formatv("m {0} n {1}", m, n).str());
      expectContraction(matmul({m, 24}, {24, n}, {m, n}));
    }
  for (int64_t k : {1, 2, 5, 17, 64})
    expectContraction(matmul({9, k}, {k, 20}, {9, 20}));
}

TEST(ContractionBuilder, TransposedWeights) { expectContraction(matmul({10, 24}, {40, 24}, {10, 40}, "{transpose_rhs}")); }

TEST(ContractionBuilder, TransposedInput) { expectContraction(matmul({24, 10}, {24, 40}, {10, 40}, "{transpose_lhs}")); }

TEST(ContractionBuilder, Batches) {
  expectContraction(matmul({3, 5, 8}, {8, 20}, {3, 5, 20}));                           // one tall product
  expectContraction(matmul({2, 3, 5, 8}, {2, 3, 8, 20}, {2, 3, 5, 20}));               // weights per batch
  expectContraction(matmul({5, 8}, {4, 8, 20}, {4, 5, 20}));                           // input shared by the batches
  expectContraction(matmul({2, 3, 5, 8}, {2, 3, 8, 20}, {2, 3, 5, 20}, "", false));    // both computed at run time
  expectContraction(matmul({2, 3, 5, 8}, {2, 1, 8, 20}, {2, 3, 5, 20}, "", false));    // one matrix for three
  expectContraction(matmul({2, 1, 5, 8}, {3, 8, 20}, {2, 3, 5, 20}));                  // both broadcast
  expectContraction(matmul({2, 17, 8}, {2, 8, 7}, {2, 17, 7}, "", false));
}

TEST(ContractionBuilder, RefusesWhatItCannotTile) {
  KernelRun run(matmul({5, 8}, {20, 8}, {5, 20}, "{transpose_rhs}", false), codegen::buildContraction);
  EXPECT_FALSE(run.built());
}

TEST(ContractionBuilder, BroadcastEpilogues) {
  // Per channel, per row, scalar, and one that is broadcast along a middle axis.
  expectContraction(R"(func.func @f(%x: tensor<2x6x8xf32>, %w: tensor<8x20xf32> {test.weight}, %c: tensor<20xf32>, %r: tensor<2x6x1xf32>,
                                    %s: tensor<f32>, %m: tensor<2x1x20xf32>) -> tensor<2x6x20xf32> {
    %0 = nn.matmul %x, %w : (tensor<2x6x8xf32>, tensor<8x20xf32>) -> tensor<2x6x20xf32>
    %1 = nn.binary mul %0, %c : (tensor<2x6x20xf32>, tensor<20xf32>) -> tensor<2x6x20xf32>
    %2 = nn.binary add %1, %r : (tensor<2x6x20xf32>, tensor<2x6x1xf32>) -> tensor<2x6x20xf32>
    %3 = nn.binary sub %2, %s : (tensor<2x6x20xf32>, tensor<f32>) -> tensor<2x6x20xf32>
    %4 = nn.binary add %3, %m : (tensor<2x6x20xf32>, tensor<2x1x20xf32>) -> tensor<2x6x20xf32>
    return %4 : tensor<2x6x20xf32>
  })");
}

TEST(ContractionBuilder, IntegerProductsAreExact) {
  MatchOptions exact{0, 0, -100, 100};
  for (llvm::StringRef types : {"i8 i8", "ui8 i8", "i32 i32"}) {
    auto [lhs, rhs] = types.split(' ');
    std::string text = llvm::formatv("func.func @f(%x: {0}, %w: {1} {{test.weight}) -> {2} {{\n"
                                     "  %0 = nn.matmul %x, %w : ({0}, {1}) -> {2}\n  return %0 : {2}\n}",
                                     tensor({7, 50}, lhs), tensor({50, 21}, rhs), tensor({7, 21}, "i32"));
    expectMatchesReference(text, codegen::buildContraction, exact);
  }
}

TEST(ContractionBuilder, HalfPrecisionComputesInSingle) {
  for (llvm::StringRef element : {"f16", "bf16"}) {
    std::string text = llvm::formatv("func.func @f(%x: {0}, %w: {1} {{test.weight}) -> {2} {{\n"
                                     "  %0 = nn.matmul %x, %w : ({0}, {1}) -> {2}\n  return %0 : {2}\n}",
                                     tensor({7, 50}, element), tensor({50, 21}, element), tensor({7, 21}, element));
    MatchOptions options;
    options.relative = element == "f16" ? 2e-3 : 1e-2;
    options.absolute = options.relative;
    expectMatchesReference(text, codegen::buildContraction, options);
  }
}

TEST(ContractionBuilder, Convolutions) {
  Convolution cases[] = {
      {1, 9, 9, 5, 20, 3, 3, 1, 1, 1},      // same padding, odd channels
      {2, 8, 30, 16, 32, 3, 3, 1, 1, 1},    // several spans of a row
      {1, 15, 15, 3, 16, 7, 7, 2, 3, 3},    // stem
      {1, 16, 16, 3, 24, 3, 3, 2, 0, 1},    // asymmetric padding
      {1, 10, 10, 8, 40, 1, 1},             // pointwise
      {2, 9, 9, 8, 33, 1, 1, 2},            // pointwise with stride
      {1, 12, 12, 6, 10, 3, 3, 1, 2, 2, 2}, // dilated
      {1, 7, 7, 8, 12, 5, 3, 1, 2, 1},      // window not square
      {1, 6, 6, 8, 12, 3, 3, 1, 1, 1, 1, 2},  // two groups
      {1, 6, 6, 12, 36, 3, 3, 1, 1, 1, 1, 4}, // four groups
      {1, 3, 3, 4, 4, 3, 3, 1, 2, 2},       // more padding than input on some rows
      {1, 1, 1, 64, 10, 1, 1},              // one pixel
      {1, 2, 2, 4, 4, 3, 3, 2, 1, 1},
      {1, 4, 4, 3, 5, 2, 2, 3, 1, 4},       // windows wholly outside the input
      {1, 20, 60, 1, 20, 20, 20, 10},       // a wide window without padding
  };
  for (const Convolution &convolution : cases) {
    SCOPED_TRACE(convolution.text());
    expectContraction(convolution.text());
  }
}

TEST(ContractionBuilder, OneDimensionalConvolution) {
  expectContraction(R"(func.func @f(%x: tensor<2x37x6xf32>, %w: tensor<10x6x5xf32> {test.weight}) -> tensor<2x19x10xf32> {
    %0 = nn.conv %x, %w {strides = array<i64: 2>, pads = array<i64: 2, 2>, dilations = array<i64: 1>, channels_last}
         : (tensor<2x37x6xf32>, tensor<10x6x5xf32>) -> tensor<2x19x10xf32>
    return %0 : tensor<2x19x10xf32>
  })");
}

TEST(DepthwiseBuilder, Convolutions) {
  Convolution cases[] = {
      {1, 14, 14, 48, 48, 3, 3, 1, 1, 1, 1, 48}, {1, 9, 9, 20, 20, 3, 3, 2, 1, 1, 1, 20}, {2, 10, 10, 7, 7, 5, 5, 1, 2, 2, 1, 7},
      {1, 12, 12, 16, 16, 3, 3, 1, 2, 2, 2, 16}, {1, 5, 5, 33, 33, 3, 3, 2, 0, 1, 1, 33}, {1, 49, 10, 64, 64, 10, 4, 2, 4, 5, 1, 64},
      {1, 1, 1, 8, 8, 3, 3, 1, 1, 1, 1, 8},
  };
  for (const Convolution &convolution : cases) {
    SCOPED_TRACE(convolution.text());
    expectContraction(convolution.text(), codegen::buildDepthwise);
  }
}

TEST(ContractionBuilder, OneByteIsStoredWhereOneIsMeant) {
  // One output channel per group, requantized to a byte: a masked store with a single lane.
  expectMatchesReference(R"(func.func @f(%x: tensor<1x6x6x5xui8>, %w: tensor<5x1x3x3xi8> {test.weight}, %m: tensor<5xf32>) -> tensor<1x4x4x5xui8> {
    %0 = nn.conv %x, %w {channels_last, groups = 5 : i64, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x6x6x5xui8>, tensor<5x1x3x3xi8>) -> tensor<1x4x4x5xi32>
    %1 = nn.cast %0 : (tensor<1x4x4x5xi32>) -> tensor<1x4x4x5xf32>
    %2 = nn.binary mul %1, %m : (tensor<1x4x4x5xf32>, tensor<5xf32>) -> tensor<1x4x4x5xf32>
    %one = nn.constant dense<1.0> : tensor<f32>
    %3 = nn.quantize %2, %one : (tensor<1x4x4x5xf32>, tensor<f32>) -> tensor<1x4x4x5xui8>
    return %3 : tensor<1x4x4x5xui8>
  })", codegen::buildContraction);
}
