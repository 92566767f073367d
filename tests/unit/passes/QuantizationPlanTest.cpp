//===- QuantizationPlanTest.cpp - which values become integers -------------===//

#include "ir/profile/ValueNames.h"
#include "passes/quantize/QuantizationPlan.h"
#include "tests/unit/passes/FunctionTest.h"

using namespace mlir;

namespace fettle::test {

class Plan : public FunctionTest {
protected:
  void parse(const std::string &text) {
    FunctionTest::parse(text);
    plan.emplace(function);
  }
  /// "a b | c": groups of values, then "a>op" for each reader of integers.
  std::string describe() {
    ValueNames names(function);
    std::string text;
    llvm::SmallDenseSet<Value> done;
    for (Value value : plan->values())
      if (done.insert(value).second) {
        text += text.empty() ? "" : " | ";
        std::vector<std::string> members;
        for (Value member : plan->sharing(value)) {
          done.insert(member);
          members.push_back(names.nameOf(member).str());
        }
        text += llvm::join(members, " ");
      }
    return text;
  }
  bool reads(StringRef value, StringRef reader) {
    ValueNames names(function);
    for (OpOperand &use : names.find(value).getUses())
      if (use.getOwner() == names.find(reader).getDefiningOp())
        return plan->readsIntegers(use);
    ADD_FAILURE() << reader.str() << " does not read " << value.str();
    return false;
  }

  std::optional<QuantizationPlan> plan;
};

TEST_F(Plan, OfAResidualBlockIsIntegersOnly) {
  parse(R"(func.func @f(%x: tensor<1x4x8x8xf32> {nn.name = "x"}) -> tensor<1x4x4x4xf32> {
    %w = nn.constant dense<1.0> : tensor<4x4x1x1xf32>
    %0 = nn.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>}
        : (tensor<1x4x8x8xf32>, tensor<4x4x1x1xf32>) -> tensor<1x4x8x8xf32> loc("c0")
    %1 = nn.unary relu %0 : (tensor<1x4x8x8xf32>) -> tensor<1x4x8x8xf32> loc("r0")
    %2 = nn.conv %1, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>}
        : (tensor<1x4x8x8xf32>, tensor<4x4x1x1xf32>) -> tensor<1x4x8x8xf32> loc("c1")
    %3 = nn.binary add %2, %1 : (tensor<1x4x8x8xf32>, tensor<1x4x8x8xf32>) -> tensor<1x4x8x8xf32> loc("a1")
    %4 = nn.pool max_pool %3 {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>}
        : (tensor<1x4x8x8xf32>) -> tensor<1x4x4x4xf32> loc("p1")
    %5 = nn.conv %4, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>}
        : (tensor<1x4x4x4xf32>, tensor<4x4x1x1xf32>) -> tensor<1x4x4x4xf32> loc("c2")
    return %5 : tensor<1x4x4x4xf32>
  })");
  EXPECT_EQ(plan->contractions().size(), 3u);
  EXPECT_EQ(describe(), "x | r0 | a1 p1") << "sums are rounded once, maxima are of one grid with what they are taken of";
  EXPECT_TRUE(reads("r0", "c1"));
  EXPECT_TRUE(reads("r0", "a1"));
  EXPECT_TRUE(reads("a1", "p1"));
  // Without the last contraction nobody wants the sum; without the first, what it makes is no longer made of integers.
  plan.emplace(function, std::vector<std::string>{"c2"});
  EXPECT_EQ(describe(), "x | r0");
  plan.emplace(function, std::vector<std::string>{"c0", "c2"});
  EXPECT_EQ(describe(), "r0");
  EXPECT_TRUE(reads("r0", "c1"));
  EXPECT_FALSE(reads("r0", "a1"));
}

TEST_F(Plan, LeavesFloatOpsTheirFloats) {
  parse(R"(func.func @f(%x: tensor<4x8xf32> {nn.name = "x"}, %y: tensor<8x4xf32> {nn.name = "y"}) -> tensor<4x8xf32> {
    %w = nn.constant dense<1.0> : tensor<8x8xf32>
    %g = nn.constant dense<1.0> : tensor<8xf32>
    %0 = nn.layer_norm %x, %g {axis = 1 : i64, epsilon = 1.0e-5 : f64, operandSegmentSizes = array<i32: 1, 1, 0>}
        : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32> loc("norm")
    %1 = nn.matmul %0, %w : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32> loc("linear")
    %2 = nn.binary add %0, %1 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32> loc("sum")
    %3 = nn.matmul %2, %y : (tensor<4x8xf32>, tensor<8x4xf32>) -> tensor<4x4xf32> loc("scores")
    %4 = nn.matmul %3, %2 : (tensor<4x4xf32>, tensor<4x8xf32>) -> tensor<4x8xf32> loc("mix")
    return %4 : tensor<4x8xf32>
  })");
  EXPECT_EQ(describe(), "norm") << "products of two computed tensors stay in float";
  EXPECT_TRUE(reads("norm", "linear"));
  EXPECT_FALSE(reads("norm", "sum"));
}

TEST_F(Plan, FollowsMovement) {
  parse(R"(func.func @f(%x: tensor<2x3x4xf32> {nn.name = "x"}, %i: tensor<8x4xf32> {nn.name = "i"}) -> tensor<8x4xf32> {
    %w = nn.constant dense<1.0> : tensor<3x4xf32>
    %v = nn.constant dense<1.0> : tensor<4x4xf32>
    %0 = nn.transpose %x {perm = array<i64: 0, 2, 1>} : (tensor<2x3x4xf32>) -> tensor<2x4x3xf32> loc("t")
    %1 = nn.reshape %0 : (tensor<2x4x3xf32>) -> tensor<8x3xf32> loc("r")
    %2 = nn.matmul %1, %w : (tensor<8x3xf32>, tensor<3x4xf32>) -> tensor<8x4xf32> loc("m")
    %3 = nn.concat %2, %i {axis = 0 : i64} : (tensor<8x4xf32>, tensor<8x4xf32>) -> tensor<16x4xf32> loc("c")
    %4 = nn.matmul %3, %v : (tensor<16x4xf32>, tensor<4x4xf32>) -> tensor<16x4xf32> loc("n")
    %5 = nn.slice %4 {starts = array<i64: 0, 0>, sizes = array<i64: 8, 4>, steps = array<i64: 1, 1>} : (tensor<16x4xf32>) -> tensor<8x4xf32> loc("s")
    return %5 : tensor<8x4xf32>
  })");
  EXPECT_EQ(describe(), "x t r | i m c");
}

TEST_F(Plan, LeavesOtherTypesAlone) {
  parse(R"(func.func @f(%x: tensor<4x8xf16>, %y: tensor<4x8xf32>) -> (tensor<4x8xf16>, tensor<4x8xf32>) {
    %w = nn.constant dense<1.0> : tensor<8x8xf16>
    %c = nn.constant dense<1.0> : tensor<4x8xf32>
    %v = nn.constant dense<1.0> : tensor<8x8xf32>
    %0 = nn.matmul %x, %w : (tensor<4x8xf16>, tensor<8x8xf16>) -> tensor<4x8xf16>
    %1 = nn.matmul %c, %v : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
    return %0, %1 : tensor<4x8xf16>, tensor<4x8xf32>
  })");
  EXPECT_TRUE(plan->contractions().empty());
  EXPECT_TRUE(plan->values().empty());
}

} // namespace fettle::test
