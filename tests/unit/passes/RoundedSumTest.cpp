//===- RoundedSumTest.cpp - what is added up before it is rounded ----------===//

#include "ir/profile/ValueNames.h"
#include "passes/quantize/RoundedSum.h"
#include "tests/unit/passes/FunctionTest.h"

using namespace mlir;

namespace fettle::test {

class SumBehind : public FunctionTest {
protected:
  /// "products; number of bytes" of the value with this name, or "none". Bytes are what dequantize made.
  std::string describe(StringRef name) {
    ValueNames names(function);
    auto sum = RoundedSum::of(
        names.find(name), [](OpOperand &use) { return bool(use.get().getDefiningOp<nn::DequantizeOp>()); },
        [](Operation *op) { return isa<nn::MatMulOp>(op); });
    if (!sum)
      return "none";
    std::string text;
    for (Operation *op : sum->products)
      text += names.nameOf(op->getResult(0)).str() + " ";
    return text + "; " + std::to_string(sum->bytes.size());
  }
};

TEST_F(SumBehind, ProductsBytesAndNothingElse) {
  parse(R"(func.func @f(%x: tensor<4x4xui8>, %f: tensor<4x4xf32>) -> () {
    %s = nn.constant dense<0.5> : tensor<f32>
    %w = nn.constant dense<1.0> : tensor<4x4xf32>
    %d = nn.dequantize %x, %s : (tensor<4x4xui8>, tensor<f32>) -> tensor<4x4xf32> loc("d")
    %a = nn.matmul %d, %w : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32> loc("a")
    %b = nn.matmul %d, %w : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32> loc("b")
    %r = nn.unary relu %b : (tensor<4x4xf32>) -> tensor<4x4xf32> loc("r")
    %ab = nn.binary add %a, %r : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32> loc("ab")
    %abd = nn.binary sub %ab, %d : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32> loc("abd")
    %t = nn.transpose %b {perm = array<i64: 1, 0>} : (tensor<4x4xf32>) -> tensor<4x4xf32> loc("t")
    %at = nn.binary add %a, %t : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32> loc("at")
    %m = nn.reduce mean %d {axes = array<i64: 1>} : (tensor<4x4xf32>) -> tensor<4xf32> loc("m")
    %e = nn.unary exp %a : (tensor<4x4xf32>) -> tensor<4x4xf32> loc("e")
    %af = nn.binary add %a, %f : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32> loc("af")
    %aa = nn.binary add %a, %a : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32> loc("aa")
    return
  })");
  EXPECT_EQ(describe("r"), "b ; 0");
  EXPECT_EQ(describe("abd"), "a b ; 1");
  EXPECT_EQ(describe("t"), "b ; 0");
  EXPECT_EQ(describe("at"), "none") << "channels of a beside rows of b";
  EXPECT_EQ(describe("m"), "none") << "a mean";
  EXPECT_EQ(describe("e"), "none");
  EXPECT_EQ(describe("af"), "none") << "a float";
  EXPECT_EQ(describe("aa"), "none") << "one product twice";
}

} // namespace fettle::test
