//===- SequentialBuilderTest.cpp - sorting, running sums, scatters --------===//

#include "tests/unit/codegen/RunKernel.h"
#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"

using namespace fettle;
using namespace fettle::test;

static void expectExact(const std::string &text, double low = -5, double high = 5) {
  MatchOptions options;
  options.low = low;
  options.high = high;
  options.relative = options.absolute = 0;
  expectMatchesReference(text, codegen::buildSequential, options);
}

static std::string topK(llvm::StringRef from, llvm::StringRef to, int axis, int k, bool smallest,
                        llvm::StringRef element) {
  return llvm::formatv("func.func @f(%x: tensor<{0}x{1}>) -> (tensor<{2}x{1}>, tensor<{2}xi64>) {{\n"
                       "  %v, %i = nn.top_k %x {{axis = {3} : i64, k = {4} : i64{5}} : (tensor<{0}x{1}>) -> "
                       "(tensor<{2}x{1}>, tensor<{2}xi64>)\n"
                       "  return %v, %i : tensor<{2}x{1}>, tensor<{2}xi64>\n}",
                       from, element, to, axis, k, smallest ? ", smallest" : "");
}

TEST(SequentialBuilder, TopK) {
  for (const char *element : {"f32", "f16", "f64", "i8", "ui8", "i32", "i64"})
    for (bool smallest : {false, true}) {
      bool isUnsigned = element[0] == 'u';
      expectExact(topK("3x17", "3x5", 1, 5, smallest, element), isUnsigned ? 0 : -5); // integers tie often
      expectExact(topK("7x2x3", "4x2x3", 0, 4, smallest, element), isUnsigned ? 0 : -5);
    }
  expectExact(topK("2x300", "2x300", 1, 300, false, "f32"));
  expectExact(topK("40x1", "40x1", 1, 1, true, "f32"));
  expectExact(topK("1000", "10", 0, 10, false, "f32"));
}

TEST(SequentialBuilder, TopKOfNan) {
  KernelRun kernel(topK("1x6", "1x6", 1, 6, false, "f32"), codegen::buildSequential);
  ASSERT_TRUE(kernel.built());
  HostTensor x = randomTensor(kernel.inputTypes()[0], 1);
  x.setDouble(2, std::nan(""));
  x.setDouble(5, std::nan(""));
  x.setDouble(0, INFINITY);
  std::vector<HostTensor> actual = kernel.run(x), expected = kernel.reference(x);
  expectClose(actual[1], expected[1], {0, 0});
}

static std::string cumSum(llvm::StringRef shape, int axis, llvm::StringRef attributes, llvm::StringRef element) {
  return llvm::formatv("func.func @f(%x: tensor<{0}x{1}>) -> tensor<{0}x{1}> {{\n  %0 = nn.cumsum %x {{axis = {2} : "
                       "i64{3}} : (tensor<{0}x{1}>) -> tensor<{0}x{1}>\n"
                       "  return %0 : tensor<{0}x{1}>\n}",
                       shape, element, axis, attributes);
}

TEST(SequentialBuilder, CumSum) {
  for (const char *attributes : {"", ", exclusive", ", reverse", ", exclusive, reverse"}) {
    expectMatchesReference(cumSum("3x20", 1, attributes, "f32"), codegen::buildSequential);
    expectMatchesReference(cumSum("4x5x6", 0, attributes, "f64"), codegen::buildSequential);
    expectExact(cumSum("4x5x6", 1, attributes, "i32"));
  }
}

TEST(SequentialBuilder, ScatterElements) {
  for (const char *kind : {"replace", "accumulate", "multiply", "minimum", "maximum"})
    for (const char *element : {"f32", "i32", "ui8"})
      for (int axis : {0, 1, 2})
        expectExact(llvm::formatv("func.func @f(%x: tensor<4x5x3x{0}>, %i: tensor<3x4x3xi64>, %u: tensor<3x4x3x{0}>) "
                                  "-> tensor<4x5x3x{0}> {{\n"
                                  "  %0 = nn.scatter_elements {1} %x, %i, %u {{axis = {2} : i64} : (tensor<4x5x3x{0}>, "
                                  "tensor<3x4x3xi64>, tensor<3x4x3x{0}>) -> tensor<4x5x3x{0}>\n"
                                  "  return %0 : tensor<4x5x3x{0}>\n}",
                                  element, kind, axis),
                    element[0] == 'u' ? 0 : -4, 4);
}

TEST(SequentialBuilder, ScatterNd) {
  for (const char *kind : {"replace", "accumulate", "multiply", "minimum", "maximum"})
    for (const char *element : {"f32", "i64"}) {
      expectExact(
          llvm::formatv(
              "func.func @f(%x: tensor<4x5x3x{0}>, %i: tensor<6x2xi64>, %u: tensor<6x3x{0}>) -> tensor<4x5x3x{0}> {{\n"
              "  %0 = nn.scatter_nd {1} %x, %i, %u : (tensor<4x5x3x{0}>, tensor<6x2xi64>, tensor<6x3x{0}>) -> "
              "tensor<4x5x3x{0}>\n"
              "  return %0 : tensor<4x5x3x{0}>\n}",
              element, kind),
          -4, 4);
      expectExact(
          llvm::formatv(
              "func.func @f(%x: tensor<9x{0}>, %i: tensor<2x3x1xi32>, %u: tensor<2x3x{0}>) -> tensor<9x{0}> {{\n"
              "  %0 = nn.scatter_nd {1} %x, %i, %u : (tensor<9x{0}>, tensor<2x3x1xi32>, tensor<2x3x{0}>) -> "
              "tensor<9x{0}>\n"
              "  return %0 : tensor<9x{0}>\n}",
              element, kind),
          -4, 4);
    }
}

TEST(SequentialBuilder, NonMaxSuppression) {
  for (const char *attributes : {"", ", center_point"})
    for (int rows : {3, 40})
      for (double threshold : {0.0, 0.4})
        expectExact(
            llvm::formatv(
                "func.func @f(%b: tensor<2x60x4xf32>, %s: tensor<2x3x60xf32>) -> tensor<{0}x3xi64> {{\n"
                "  %0 = nn.non_max_suppression %b, %s {{max_per_class = 6 : i64, iou_threshold = 0.1 : f64, "
                "score_threshold = {1:F2} : f64{2}} : (tensor<2x60x4xf32>, tensor<2x3x60xf32>) -> tensor<{0}x3xi64>\n"
                "  return %0 : tensor<{0}x3xi64>\n}",
                rows, threshold, attributes),
            0, 1);
}

TEST(SequentialBuilder, EmptyResults) { expectExact(topK("3x4", "3x0", 1, 0, false, "f32")); }
