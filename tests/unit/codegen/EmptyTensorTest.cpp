//===- EmptyTensorTest.cpp - kernels over tensors without elements --------===//

#include "tests/unit/codegen/AnyBuilder.h"
#include "tests/unit/codegen/RunKernel.h"
#include <gtest/gtest.h>

using namespace fettle;
using namespace fettle::test;

/// A function of one op; `operands` are the types of %0, %1...
static void check(const std::string &op, const std::vector<std::string> &operands, const std::string &result) {
  std::string arguments, types;
  for (size_t i = 0; i < operands.size(); ++i) {
    arguments += (i ? ", %" : "%") + std::string("x") + std::to_string(i) + ": " + operands[i];
    types += (i ? ", " : "") + operands[i];
  }
  expectMatchesReference("func.func @f(" + arguments + ") -> " + result + " {\n %r = " + op + " : (" + types + ") -> " +
                             result + "\n return %r : " + result + "\n}",
                         buildAny);
}

TEST(EmptyTensor, NothingInNothingOut) {
  check("nn.unary exp %x0", {"tensor<0x3xf32>"}, "tensor<0x3xf32>");
  check("nn.binary add %x0, %x1", {"tensor<0x3xf32>", "tensor<3xf32>"}, "tensor<0x3xf32>");
  check("nn.transpose %x0 {perm = array<i64: 1, 0>}", {"tensor<0x3xf32>"}, "tensor<3x0xf32>");
  check("nn.softmax %x0 {axis = 1 : i64}", {"tensor<0x3xf32>"}, "tensor<0x3xf32>");
  check("nn.softmax %x0 {axis = 1 : i64}", {"tensor<3x0xf32>"}, "tensor<3x0xf32>");
  check("nn.gather %x0, %x1 {axis = 0 : i64}", {"tensor<4x3xf32>", "tensor<0xi64>"}, "tensor<0x3xf32>");
  check("nn.matmul %x0, %x1", {"tensor<0x4xf32>", "tensor<4x3xf32>"}, "tensor<0x3xf32>");
  check("nn.conv %x0, %x1 {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>}",
        {"tensor<0x2x5xf32>", "tensor<3x2x2xf32>"}, "tensor<0x3x4xf32>");
  check("nn.cumsum %x0 {axis = 0 : i64}", {"tensor<0xf32>"}, "tensor<0xf32>");
  check("nn.reverse_sequence %x0, %x1 {batch_axis = 0 : i64, time_axis = 1 : i64}",
        {"tensor<2x0xf32>", "tensor<2xi64>"}, "tensor<2x0xf32>");
}

TEST(EmptyTensor, NothingInNeutralOut) {
  for (std::string kind : {"sum", "prod", "max", "min", "l1", "mean", "log_sum_exp"})
    check("nn.reduce " + kind + " %x0 {axes = array<i64: 0>}", {"tensor<0x3xf32>"}, "tensor<3xf32>");
  check("nn.reduce max %x0 {axes = array<i64: 0>}", {"tensor<0x3xi8>"}, "tensor<3xi8>");
  check("nn.matmul %x0, %x1", {"tensor<2x0xf32>", "tensor<0x3xf32>"}, "tensor<2x3xf32>");
  check("nn.matmul %x0, %x1, %x2", {"tensor<2x0xf32>", "tensor<0x3xf32>", "tensor<3xf32>"}, "tensor<2x3xf32>");
  check("nn.attention %x0, %x1, %x2 {scale = 1.0}",
        {"tensor<1x2x3x4xf32>", "tensor<1x2x0x4xf32>", "tensor<1x2x0x5xf32>"}, "tensor<1x2x3x5xf32>");
  check("nn.pad constant %x0 {low = array<i64: 1>, high = array<i64: 1>}", {"tensor<0xf32>"}, "tensor<2xf32>");
  check("nn.concat %x0, %x1 {axis = 0 : i64}", {"tensor<0x3xf32>", "tensor<2x3xf32>"}, "tensor<2x3xf32>");
  check("nn.scatter_elements replace %x0, %x1, %x2 {axis = 0 : i64}",
        {"tensor<3xf32>", "tensor<0xi64>", "tensor<0xf32>"}, "tensor<3xf32>");
}
