//===- RowBuilderTest.cpp - softmax, layer norm and reductions ------------===//

#include "tests/unit/codegen/RunKernel.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace fettle;
using namespace fettle::test;

static std::string tensor(llvm::StringRef shape, llvm::StringRef element = "f32") {
  return ("tensor<" + shape + "x" + element + ">").str();
}

static std::string softmax(llvm::StringRef shape, int axis, bool log = false, llvm::StringRef element = "f32") {
  std::string type = tensor(shape, element);
  return "func.func @f(%x: " + type + ") -> " + type + " {\n  %0 = nn.softmax %x {axis = " + std::to_string(axis) +
         " : i64" + (log ? ", log" : "") + "} : (" + type + ") -> " + type + "\n  return %0 : " + type + "\n}";
}

TEST(RowBuilder, SoftmaxAlongRows) {
  for (const char *shape : {"1x4", "3x5", "7x16", "2x3x17", "4x64", "5x65", "2x100", "1x1000", "3x197", "2x20000"})
    expectMatchesReference(softmax(shape, std::string(shape).find('x') == std::string(shape).rfind('x') ? 1 : 2),
                           codegen::buildRows);
}

TEST(RowBuilder, SoftmaxIsAccurate) {
  MatchOptions options;
  options.low = -30;
  options.high = 30;
  options.relative = 1e-5;
  options.absolute = 0;
  expectMatchesReference(softmax("3x500", 1), codegen::buildRows, options);
}

TEST(RowBuilder, SoftmaxOfSpecialValues) {
  KernelRun kernel(softmax("4x20", 1), codegen::buildRows);
  ASSERT_TRUE(kernel.built());
  HostTensor x = randomTensor(kernel.inputTypes()[0], 1);
  x.setDouble(3, std::nan(""));
  x.setDouble(20 + 5, INFINITY);
  x.setDouble(40 + 5, -INFINITY);
  for (int i = 60; i < 80; ++i)
    x.setDouble(i, -INFINITY);
  expectClose(kernel.run(x)[0], kernel.reference(x)[0], {});
}

TEST(RowBuilder, SoftmaxAcrossRows) {
  for (const char *shape : {"2x3x5", "1x21x64", "2x7x100", "3x10x1", "1x4x130"})
    expectMatchesReference(softmax(shape, 1), codegen::buildRows);
  expectMatchesReference(softmax("6x40x3", 0), codegen::buildRows);
}

TEST(RowBuilder, LogSoftmaxAndNarrowTypes) {
  expectMatchesReference(softmax("3x45", 1, true), codegen::buildRows);
  expectMatchesReference(softmax("3x45x18", 1, true), codegen::buildRows);
  MatchOptions half;
  half.relative = half.absolute = 2e-3;
  expectMatchesReference(softmax("3x45", 1, false, "f16"), codegen::buildRows, half);
  half.relative = half.absolute = 1e-2;
  expectMatchesReference(softmax("3x45", 1, false, "bf16"), codegen::buildRows, half);
  expectMatchesReference(softmax("3x45", 1, false, "f64"), codegen::buildRows);
}

TEST(RowBuilder, OtherVectorWidths) {
  for (const char *target : {"cpu:x86-64-v2", "cpu:x86-64-v3"}) {
    MatchOptions options;
    options.target = target;
    expectMatchesReference(softmax("3x45", 1), codegen::buildRows, options);
    expectMatchesReference(softmax("2x5x45", 1), codegen::buildRows, options);
  }
}

static std::string reduce(llvm::StringRef kind, llvm::StringRef shape, llvm::StringRef axes,
                          llvm::StringRef resultShape, bool keep = false) {
  std::string from = tensor(shape), to = resultShape.empty() ? "tensor<f32>" : tensor(resultShape);
  return ("func.func @f(%x: " + from + ") -> " + to + " {\n  %0 = nn.reduce " + kind + " %x {axes = array<i64: " +
          axes + ">" + (keep ? ", keep_dims" : "") + "} : (" + from + ") -> " + to + "\n  return %0 : " + to + "\n}")
      .str();
}

TEST(RowBuilder, ReduceEveryKind) {
  for (const char *kind : {"sum", "mean", "prod", "max", "min", "l1", "l2", "sum_square", "log_sum_exp"}) {
    expectMatchesReference(reduce(kind, "3x37", "1", "3"), codegen::buildRows);
    expectMatchesReference(reduce(kind, "3x37x20", "1", "3x1x20", true), codegen::buildRows);
  }
  MatchOptions positive;
  positive.low = 0.1;
  expectMatchesReference(reduce("log_sum", "3x37", "1", "3"), codegen::buildRows, positive);
}

TEST(RowBuilder, ReduceManyAxes) {
  expectMatchesReference(reduce("mean", "2x7x7x130", "1, 2", "2x130"), codegen::buildRows);
  expectMatchesReference(reduce("mean", "2x13x7x7", "2, 3", "2x13x1x1", true), codegen::buildRows);
  expectMatchesReference(reduce("sum", "3x4x5x6", "0, 2", "4x6"), codegen::buildRows);
  expectMatchesReference(reduce("sum", "3x4x5x6", "1, 3", "3x5"), codegen::buildRows);
  expectMatchesReference(reduce("max", "3x4x5", "0, 1, 2", ""), codegen::buildRows);
  expectMatchesReference(reduce("sum", "5x9", "1", "5"), codegen::buildRows);
  MatchOptions longSum;
  longSum.absolute = 1e-3;
  expectMatchesReference(reduce("sum", "300000", "0", ""), codegen::buildRows, longSum);
}

TEST(RowBuilder, ReduceOfEmptyIsRefused) {
  EXPECT_FALSE(KernelRun(reduce("sum", "0x4", "0", "4"), codegen::buildRows).built());
}

TEST(RowBuilder, VeryShortRowsAreRefused) {
  EXPECT_FALSE(KernelRun(softmax("4000x2", 1), codegen::buildRows).built());
  EXPECT_FALSE(KernelRun(reduce("sum", "5x8", "1", "5"), codegen::buildRows).built());
}

TEST(RowBuilder, LayerNormVariants) {
  for (const char *shape : {"4x8", "3x20", "2x768", "5x4"}) {
    std::string type = tensor(shape), row = tensor(llvm::StringRef(shape).split('x').second);
    for (const char *rms : {"", ", rms"}) {
      std::string attributes = std::string(" {axis = 1 : i64, epsilon = 1.0e-5 : f64") + rms;
      expectMatchesReference("func.func @f(%x: " + type + ", %s: " + row + ", %b: " + row + ") -> " + type +
                                 " {\n  %0 = nn.layer_norm %x, %s, %b" + attributes +
                                 ", operandSegmentSizes = array<i32: 1, 1, 1>} : (" + type + ", " + row + ", " + row +
                                 ") -> " + type + "\n  return %0 : " + type + "\n}",
                             codegen::buildRows);
      expectMatchesReference("func.func @f(%x: " + type + ") -> " + type + " {\n  %0 = nn.layer_norm %x" + attributes +
                                 ", operandSegmentSizes = array<i32: 1, 0, 0>} : (" + type + ") -> " + type +
                                 "\n  return %0 : " + type + "\n}",
                             codegen::buildRows);
    }
  }
}

TEST(RowBuilder, ProloguesAndEpilogues) {
  // Residual sum, given out too; norm of it; activation.
  expectMatchesReference(R"(
    func.func @f(%x: tensor<3x5x40xf32>, %y: tensor<3x5x40xf32>, %s: tensor<40xf32>) -> (tensor<3x5x40xf32>, tensor<3x5x40xf32>) {
      %0 = nn.binary add %x, %y : (tensor<3x5x40xf32>, tensor<3x5x40xf32>) -> tensor<3x5x40xf32>
      %1 = nn.layer_norm %0, %s {axis = 2 : i64, epsilon = 1.0e-5 : f64, operandSegmentSizes = array<i32: 1, 1, 0>} : (tensor<3x5x40xf32>, tensor<40xf32>) -> tensor<3x5x40xf32>
      %2 = nn.unary relu %1 : (tensor<3x5x40xf32>) -> tensor<3x5x40xf32>
      return %0, %2 : tensor<3x5x40xf32>, tensor<3x5x40xf32>
    })",
                         codegen::buildRows);
  // Layer norm over the channels of an NCHW image, by way of NHWC: vectors across rows.
  expectMatchesReference(R"(
    func.func @f(%x: tensor<2x6x5x9xf32>, %s: tensor<6xf32>, %b: tensor<6xf32>) -> tensor<2x6x5x9xf32> {
      %0 = nn.transpose %x {perm = array<i64: 0, 2, 3, 1>} : (tensor<2x6x5x9xf32>) -> tensor<2x5x9x6xf32>
      %1 = nn.layer_norm %0, %s, %b {axis = 3 : i64, epsilon = 1.0e-6 : f64, operandSegmentSizes = array<i32: 1, 1, 1>} : (tensor<2x5x9x6xf32>, tensor<6xf32>, tensor<6xf32>) -> tensor<2x5x9x6xf32>
      %2 = nn.transpose %1 {perm = array<i64: 0, 3, 1, 2>} : (tensor<2x5x9x6xf32>) -> tensor<2x6x5x9xf32>
      return %2 : tensor<2x6x5x9xf32>
    })",
                         codegen::buildRows);
  // Scaled softmax with a mask that broadcasts, then a reshape.
  expectMatchesReference(R"(
    func.func @f(%x: tensor<2x3x4x19xf32>, %m: tensor<2x1x1x19xf32>) -> tensor<24x19xf32> {
      %c = nn.constant dense<0.125> : tensor<f32>
      %0 = nn.binary mul %x, %c : (tensor<2x3x4x19xf32>, tensor<f32>) -> tensor<2x3x4x19xf32>
      %1 = nn.binary add %0, %m : (tensor<2x3x4x19xf32>, tensor<2x1x1x19xf32>) -> tensor<2x3x4x19xf32>
      %2 = nn.softmax %1 {axis = 3 : i64} : (tensor<2x3x4x19xf32>) -> tensor<2x3x4x19xf32>
      %3 = nn.reshape %2 : (tensor<2x3x4x19xf32>) -> tensor<24x19xf32>
      return %3 : tensor<24x19xf32>
    })",
                         codegen::buildRows);
  // Mean of a swish, then a sigmoid: the squeeze of a squeeze-and-excite block.
  expectMatchesReference(R"(
    func.func @f(%x: tensor<1x7x7x72xf32>) -> tensor<1x72x1x1xf32> {
      %0 = nn.unary silu %x : (tensor<1x7x7x72xf32>) -> tensor<1x7x7x72xf32>
      %1 = nn.reduce mean %0 {axes = array<i64: 1, 2>} : (tensor<1x7x7x72xf32>) -> tensor<1x72xf32>
      %2 = nn.unary sigmoid %1 : (tensor<1x72xf32>) -> tensor<1x72xf32>
      %3 = nn.reshape %2 : (tensor<1x72xf32>) -> tensor<1x72x1x1xf32>
      return %3 : tensor<1x72x1x1xf32>
    })",
                         codegen::buildRows);
}
