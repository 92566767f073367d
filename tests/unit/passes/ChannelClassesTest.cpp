//===- ChannelClassesTest.cpp - channels that can be scaled together -------===//

#include "ir/profile/ValueNames.h"
#include "passes/quantize/ChannelClasses.h"
#include "passes/quantize/Passes.h"
#include "tests/unit/passes/FunctionTest.h"

using namespace mlir;

namespace fettle::test {

class Classes : public FunctionTest {
protected:
  /// "values < producers > consumers + constants" of each class.
  std::string describe() {
    ValueNames names(function);
    QuantizationPlan plan(function);
    std::vector<std::string> texts;
    for (const ChannelClass &channels : findChannelClasses(plan)) {
      std::vector<std::string> values, producers, consumers;
      for (auto [value, axis] : channels.values)
        values.push_back((names.nameOf(value) + "." + Twine(axis)).str());
      for (Operation *op : channels.producers)
        producers.push_back(names.nameOf(op->getResult(0)).str());
      for (Operation *op : channels.consumers)
        consumers.push_back(names.nameOf(op->getResult(0)).str());
      for (Value value : channels.cuts)
        producers.push_back(("cut " + names.nameOf(value)).str());
      for (auto *list : {&values, &producers, &consumers})
        llvm::sort(*list);
      texts.push_back(llvm::join(values, " ") + " < " + llvm::join(producers, " ") + " > " + llvm::join(consumers, " ") +
                      " + " + std::to_string(channels.constants.size()));
    }
    return llvm::join(texts, "\n");
  }
  /// Channel c of each value reaches as far as 1 + 30 c.
  void expectEqualizedIsTheSame() {
    ValueNames names(function);
    QuantizationPlan plan(function);
    Profile profile;
    for (const ChannelClass &channels : findChannelClasses(plan))
      for (auto [value, axis] : channels.values) {
        ChannelStatistics &statistics = profile.channels[names.nameOf(value).str()];
        for (int64_t c = 0; c < channels.channels; ++c) {
          statistics.low.push_back(0);
          statistics.high.push_back(1 + 30 * c);
          statistics.meanSquare.push_back(1 + c * c);
        }
      }
    std::string before, after;
    llvm::raw_string_ostream(before) << *module;
    expectPreserved(
        *module, [&](OpPassManager &passes) { passes.nest<func::FuncOp>().addPass(createEqualizeChannelsPass(profile)); }, 1e-5);
    llvm::raw_string_ostream(after) << *module;
    EXPECT_NE(before, after) << "nothing was equalized";
  }
};

TEST_F(Classes, OfConvolutionsWithReluBetween) {
  parse(R"(func.func @f(%x: tensor<1x3x4x4xf32> {nn.name = "x"}) -> tensor<1x2x4x4xf32> {
    %w0 = nn.constant dense<[[[[1.0]],[[2.0]],[[-3.0]]],[[[-1.0]],[[0.5]],[[2.0]]]]> : tensor<2x3x1x1xf32>
    %b0 = nn.constant dense<[0.25, -0.5]> : tensor<2xf32>
    %w1 = nn.constant dense<[[[[1.0,2.0]]],[[[-3.0,1.0]]]]> : tensor<2x1x1x2xf32>
    %w2 = nn.constant dense<[[[[1.0]],[[-2.0]]],[[[3.0]],[[0.5]]]]> : tensor<2x2x1x1xf32>
    %0 = nn.conv %x, %w0, %b0 {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>}
        : (tensor<1x3x4x4xf32>, tensor<2x3x1x1xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32> loc("c0")
    %1 = nn.unary relu %0 : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32> loc("r0")
    %2 = nn.conv %1, %w1 {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 1>, dilations = array<i64: 1, 1>, groups = 2}
        : (tensor<1x2x4x4xf32>, tensor<2x1x1x2xf32>) -> tensor<1x2x4x4xf32> loc("d1")
    %3 = nn.pool max_pool %2 {kernel = array<i64: 2, 2>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 1, 1>, dilations = array<i64: 1, 1>}
        : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32> loc("p1")
    %4 = nn.conv %3, %w2 {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>}
        : (tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32>) -> tensor<1x2x4x4xf32> loc("c2")
    return %4 : tensor<1x2x4x4xf32>
  })");
  EXPECT_EQ(describe(), "c0.1 r0.1 < c0 > d1 + 0\n"
                        "d1.1 p1.1 < d1 > c2 + 0");
  expectEqualizedIsTheSame();
}

TEST_F(Classes, OfAResidualSpine) {
  parse(R"(func.func @f(%x: tensor<1x3x4xf32> {nn.name = "x"}) -> tensor<1x2xf32> {
    %we = nn.constant dense<[[1.0, 2.0], [-1.0, 0.5], [0.25, 3.0], [1.5, -2.0]]> : tensor<4x2xf32>
    %cls = nn.constant dense<[[[0.5, -0.25]]]> : tensor<1x1x2xf32>
    %pos = nn.constant dense<0.125> : tensor<f32>
    %w = nn.constant dense<[[1.0, 2.0], [-1.0, 0.5]]> : tensor<2x2xf32>
    %b = nn.constant dense<[0.5, 1.0]> : tensor<2xf32>
    %e = nn.matmul %x, %we : (tensor<1x3x4xf32>, tensor<4x2xf32>) -> tensor<1x3x2xf32> loc("embed")
    %0 = nn.concat %cls, %e {axis = 1 : i64} : (tensor<1x1x2xf32>, tensor<1x3x2xf32>) -> tensor<1x4x2xf32> loc("tokens")
    %1 = nn.binary add %0, %pos : (tensor<1x4x2xf32>, tensor<f32>) -> tensor<1x4x2xf32> loc("spine")
    %2 = nn.matmul %1, %w, %b : (tensor<1x4x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x4x2xf32> loc("fc1")
    %3 = nn.unary gelu %2 : (tensor<1x4x2xf32>) -> tensor<1x4x2xf32> loc("gelu")
    %4 = nn.matmul %3, %w, %b : (tensor<1x4x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x4x2xf32> loc("fc2")
    %5 = nn.binary add %1, %4 : (tensor<1x4x2xf32>, tensor<1x4x2xf32>) -> tensor<1x4x2xf32> loc("sum")
    %6 = nn.reduce mean %5 {axes = array<i64: 1>} : (tensor<1x4x2xf32>) -> tensor<1x2xf32> loc("mean")
    %7 = nn.matmul %6, %w, %b : (tensor<1x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x2xf32> loc("head")
    return %7 : tensor<1x2xf32>
  })");
  EXPECT_EQ(describe(), "embed.2 fc2.2 mean.1 spine.2 sum.2 tokens.2 < embed fc2 > fc1 head + 2")
      << "the input, and what is behind a GELU, cannot be scaled";
  expectEqualizedIsTheSame();
}

TEST_F(Classes, OfLayerNorms) {
  parse(R"(func.func @f(%x: tensor<3x2xf32> {nn.name = "x"}) -> tensor<3x2xf32> {
    %g = nn.constant dense<[1.0, 3.0]> : tensor<2xf32>
    %b = nn.constant dense<[-0.5, 2.0]> : tensor<2xf32>
    %w = nn.constant dense<[[1.0, 2.0], [-1.0, 0.5]]> : tensor<2x2xf32>
    %0 = nn.layer_norm %x, %g, %b {axis = 1 : i64, epsilon = 1.0e-5 : f64, operandSegmentSizes = array<i32: 1, 1, 1>}
        : (tensor<3x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<3x2xf32> loc("norm")
    %1 = nn.matmul %0, %w {transpose_rhs} : (tensor<3x2xf32>, tensor<2x2xf32>) -> tensor<3x2xf32> loc("m")
    return %1 : tensor<3x2xf32>
  })");
  EXPECT_EQ(describe(), "norm.1 < norm > m + 0");
  expectEqualizedIsTheSame();
}

TEST_F(Classes, AreCutBeforeDepthwiseConvolutions) {
  parse(R"(func.func @f(%x: tensor<1x2x4xf32> {nn.name = "x"}) -> tensor<1x2x4xf32> {
    %w = nn.constant dense<[[[8.0, 16.0]], [[-3.0, 0.5]]]> : tensor<2x1x2xf32>
    %d = nn.constant dense<[[[1.0], [2.0]], [[-3.0], [0.5]]]> : tensor<2x2x1xf32>
    %0 = nn.unary silu %x : (tensor<1x2x4xf32>) -> tensor<1x2x4xf32> loc("silu")
    %1 = nn.conv %0, %w {strides = array<i64: 1>, pads = array<i64: 0, 1>, dilations = array<i64: 1>, groups = 2}
        : (tensor<1x2x4xf32>, tensor<2x1x2xf32>) -> tensor<1x2x4xf32> loc("depthwise")
    %2 = nn.unary silu %1 : (tensor<1x2x4xf32>) -> tensor<1x2x4xf32> loc("silu2")
    %3 = nn.conv %2, %d {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>}
        : (tensor<1x2x4xf32>, tensor<2x2x1xf32>) -> tensor<1x2x4xf32> loc("dense")
    return %3 : tensor<1x2x4xf32>
  })");
  EXPECT_EQ(describe(), "silu.1 < cut silu > depthwise + 0") << "weights that channels share would get coarser";
  expectEqualizedIsTheSame();
}

TEST_F(Classes, AreNotCutBehindAClip) {
  parse(R"(func.func @f(%x: tensor<1x2x4xf32> {nn.name = "x"}) -> tensor<1x2x4xf32> {
    %w = nn.constant dense<[[[1.0]], [[-3.0]]]> : tensor<2x1x1xf32>
    %0 = nn.clamp %x {low = 0.0, high = 6.0} : (tensor<1x2x4xf32>) -> tensor<1x2x4xf32> loc("clip")
    %1 = nn.conv %0, %w {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, groups = 2}
        : (tensor<1x2x4xf32>, tensor<2x1x1xf32>) -> tensor<1x2x4xf32> loc("depthwise")
    return %1 : tensor<1x2x4xf32>
  })");
  EXPECT_EQ(describe(), "");
}

TEST_F(Classes, EndWhereScalingWouldShow) {
  // A result of the function, a product of two tensors, a clip that is not at zero.
  for (StringRef between : {"nn.unary sigmoid %0 : (tensor<3x2xf32>) -> tensor<3x2xf32>",
                            "nn.binary mul %0, %0 : (tensor<3x2xf32>, tensor<3x2xf32>) -> tensor<3x2xf32>",
                            "nn.clamp %0 {low = 0.0, high = 6.0} : (tensor<3x2xf32>) -> tensor<3x2xf32>",
                            "nn.softmax %0 {axis = 1 : i64} : (tensor<3x2xf32>) -> tensor<3x2xf32>"}) {
    parse(R"(func.func @f(%x: tensor<3x2xf32>) -> tensor<3x2xf32> {
      %w = nn.constant dense<[[1.0, 2.0], [-1.0, 0.5]]> : tensor<2x2xf32>
      %0 = nn.matmul %x, %w : (tensor<3x2xf32>, tensor<2x2xf32>) -> tensor<3x2xf32>
      %1 = )" + between.str() + R"(
      %2 = nn.matmul %1, %w : (tensor<3x2xf32>, tensor<2x2xf32>) -> tensor<3x2xf32>
      return %2 : tensor<3x2xf32>
    })");
    EXPECT_EQ(describe(), "") << between.str();
  }
  parse(R"(func.func @f(%x: tensor<3x2xf32>) -> (tensor<3x2xf32>, tensor<3x2xf32>) {
    %w = nn.constant dense<[[1.0, 2.0], [-1.0, 0.5]]> : tensor<2x2xf32>
    %0 = nn.matmul %x, %w : (tensor<3x2xf32>, tensor<2x2xf32>) -> tensor<3x2xf32>
    %1 = nn.matmul %0, %w : (tensor<3x2xf32>, tensor<2x2xf32>) -> tensor<3x2xf32>
    return %0, %1 : tensor<3x2xf32>, tensor<3x2xf32>
  })");
  EXPECT_EQ(describe(), "");
}

} // namespace fettle::test
