//===- WinogradBuilderTest.cpp - convolutions with fewer products ---------===//

#include "codegen/cpu/WinogradPlan.h"
#include "tests/unit/codegen/RunKernel.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace fettle;
using namespace fettle::test;

namespace {

/// F(2x2, 3x3) and F(4x4, 3x3), and their like.
constexpr KernelBuilder forms[] = {codegen::buildWinogradForm<0>, codegen::buildWinogradForm<1>};
constexpr llvm::StringLiteral targets[] = {"cpu:native", "cpu:x86-64-v4", "cpu:x86-64-v3", "cpu:x86-64-v2"};

/// A convolution, channels last; pads as in ONNX: top, left, bottom, right.
struct Convolution {
  int64_t n, h, w, c, o;
  std::array<int64_t, 4> pads = {1, 1, 1, 1};
  bool hasBias = true, hasResidual = false;
  std::array<int64_t, 2> window = {3, 3};
  int64_t stride = 1, dilation = 1, groups = 1;
  llvm::StringRef element = "f32";

  /// Of the output along an axis.
  int64_t extent(int64_t axis) const { return ((axis ? w : h) + pads[axis] + pads[axis + 2] - (window[axis] - 1) * dilation - 1) / stride + 1; }
  std::string text(bool weightIsConstant = true) const {
    std::string x = tensor({n, h, w, c}, element), k = tensor({o, c / groups, window[0], window[1]}, element), b = tensor({o}, element);
    std::string y = tensor({n, extent(0), extent(1), o}, element);
    std::string weight = weightIsConstant ? " {test.weight}" : "";
    std::string text = "func.func @f(%x: " + x + ", %w: " + k + weight + (hasBias ? ", %b: " + b + " {test.weight}" : "") +
                       (hasResidual ? ", %r: " + y : "") + ") -> " + y + " {\n";
    text += llvm::formatv("  %0 = nn.conv %x, %w{0} {{strides = array<i64: {1}, {1}>, pads = array<i64: {2}, {3}, {4}, {5}>, "
                          "dilations = array<i64: {6}, {6}>, groups = {7} : i64, channels_last} : ({8}, {9}{10}) -> {11}\n",
                          hasBias ? ", %b" : "", stride, pads[0], pads[1], pads[2], pads[3], dilation, groups, x, k, hasBias ? ", " + b : "", y);
    if (!hasResidual)
      return text + "  return %0 : " + y + "\n}";
    text += llvm::formatv("  %1 = nn.binary add %0, %r : ({0}, {0}) -> {0}\n  %2 = nn.unary relu %1 : ({0}) -> {0}\n", y);
    return text + "  return %2 : " + y + "\n}";
  }
};

llvm::SmallVector<HostTensor> randomOperands(const KernelRun &run) {
  llvm::SmallVector<HostTensor> operands;
  for (mlir::RankedTensorType type : run.inputTypes())
    operands.push_back(randomTensor(type, operands.size() + 1, -2, 2));
  return operands;
}

/// The largest distance from `exact`.
double largestError(const HostTensor &actual, const std::vector<double> &exact) {
  double largest = 0;
  for (size_t i = 0; i < exact.size(); ++i)
    largest = std::max(largest, std::abs(actual.doubleAt(i) - exact[i]));
  return largest;
}

codegen::ConvolutionShape shapeOf(int64_t pixels, int64_t c, int64_t o) {
  return {1, pixels, pixels, c, pixels, pixels, o, 3, 3, 1, 1, 1, 1, 1, 1, 1};
}

TEST(WinogradBuilder, MatchesTheReference) {
  const Convolution cases[] = {
      {1, 12, 12, 16, 32},                             // whole tiles, whole vectors
      {2, 9, 7, 20, 40, {1, 1, 1, 1}, true, true},     // odd extents, a batch, tails of vectors, a residual stream
      {1, 8, 9, 5, 3, {0, 0, 0, 0}},                   // no padding, less than a vector
      {1, 7, 10, 33, 50, {0, 1, 1, 0}, false, true},   // padding on two sides, no bias
      {3, 5, 4, 17, 70, {2, 2, 1, 0}, true, true},     // more padding than a window needs; a panel moved back
      {1, 1, 1, 8, 24},                                // one pixel
      {1, 2, 40, 24, 16, {1, 1, 1, 1}, false},         // patches larger than the input is high
      {1, 30, 31, 64, 16, {1, 1, 1, 1}, true, true},   // several blocks
      {2, 23, 1, 20, 40, {2, 0, 2, 0}, true, true, {5, 1}},   // one dimension
      {1, 1, 41, 33, 24, {0, 2, 0, 2}, true, false, {1, 5}},  // the other
      {1, 6, 9, 16, 20, {1, 0, 1, 0}, false, true, {3, 1}},   // of several columns, each for itself
      {1, 7, 6, 24, 17, {0, 1, 0, 1}, true, false, {1, 3}},
      {2, 13, 17, 20, 24, {2, 2, 2, 2}, true, true, {3, 3}, 1, 2}, // taps two apart: four tiles between each other
      {1, 12, 12, 16, 16, {5, 5, 5, 5}, true, false, {3, 3}, 1, 5}, // tiles of which nothing lies in the output
      {1, 50, 1, 16, 20, {6, 0, 6, 0}, true, false, {5, 1}, 1, 3},
  };
  for (llvm::StringRef target : targets)
    for (const Convolution &convolution : cases) {
      SCOPED_TRACE(target.str());
      MatchOptions options;
      options.target = target;
      options.low = -1;
      options.high = 1;
      options.absolute += 0x1p-23 * convolution.window[0] * convolution.window[1] * convolution.c; // of a sum of products up to 1
      for (KernelBuilder form : forms)
        expectMatchesReference(convolution.text(), form, options);
    }
}

TEST(WinogradBuilder, LargerWindowsHaveOneForm) {
  for (llvm::StringRef target : targets)
    for (std::array<int64_t, 2> window : {std::array<int64_t, 2>{5, 5}, {3, 5}, {5, 3}}) {
      MatchOptions options;
      options.target = target;
      options.absolute = 1e-4;
      Convolution convolution{1, 11, 10, 18, 24, {2, 2, 2, 2}, true, true, window};
      expectMatchesReference(convolution.text(), forms[0], options);
      EXPECT_FALSE(KernelRun(convolution.text(), forms[1]).built());
    }
}

// Sequences come with one spatial dimension; a dilation of a lone tap says nothing.
TEST(WinogradBuilder, Sequences) {
  for (auto [window, dilation] : {std::pair<int64_t, int64_t>{3, 1}, {5, 1}, {5, 3}}) {
    int64_t pad = window / 2 * dilation;
    std::string x = tensor({2, 37, 20}), k = tensor({24, 20, window}), y = tensor({2, 37, 24});
    std::string text = llvm::formatv("func.func @f(%x: {0}, %w: {1} {{test.weight}) -> {2} {{\n"
                                     "  %0 = nn.conv %x, %w {{strides = array<i64: 1>, pads = array<i64: {3}, {3}>, dilations = array<i64: {4}>, "
                                     "groups = 1 : i64, channels_last} : ({0}, {1}) -> {2}\n  return %0 : {2}\n}",
                                     x, k, y, pad, dilation);
    MatchOptions options;
    options.absolute = 1e-4;
    for (KernelBuilder form : forms)
      expectMatchesReference(text, form, options);
  }
}

TEST(WinogradBuilder, ResultsDoNotDependOnHowTilesAreCut) {
  for (const Convolution &convolution : {Convolution{1, 27, 27, 40, 100, {1, 1, 1, 1}, true, true}, Convolution{2, 60, 62, 64, 32}}) {
    for (KernelBuilder form : forms) {
      KernelRun run(convolution.text(), form);
      ASSERT_TRUE(run.built());
      EXPECT_GE(run.tiles(), 3);
      auto operands = randomOperands(run);
      HostTensor oneByOne = run.run(operands).front();
      for (int64_t tiles : {int64_t(2), run.tiles() - 1, run.tiles()})
        EXPECT_EQ(run.run(operands, tiles).front().bytes(), oneByOne.bytes()) << tiles;
    }
  }
}

TEST(WinogradBuilder, ErrorsAreLikeThoseOfTheDirectAlgorithm) {
  constexpr int64_t pixels = 14, outputs = 32;
  for (std::array<int64_t, 2> window : {std::array<int64_t, 2>{3, 3}, {5, 1}, {5, 5}})
    for (int64_t channels : {4, 32, 256}) {
      auto [height, width] = window;
      Convolution convolution{1, pixels, pixels, channels, outputs, {height / 2, width / 2, height / 2, width / 2}, false, false, window};
      KernelRun small(convolution.text(), forms[0]), large(convolution.text(), forms[1]), direct(convolution.text(), codegen::buildContraction);
      ASSERT_TRUE(small.built() && direct.built());
      auto operands = randomOperands(direct);
      auto input = [&](int64_t y, int64_t x, int64_t c) {
        bool isInside = y >= 0 && y < pixels && x >= 0 && x < pixels;
        return isInside ? operands[0].doubleAt((y * pixels + x) * channels + c) : 0;
      };
      std::vector<double> exact;
      for (int64_t y = 0; y < pixels; ++y)
        for (int64_t x = 0; x < pixels; ++x)
          for (int64_t o = 0; o < outputs; ++o) {
            double sum = 0;
            for (int64_t tap = 0; tap < height * width; ++tap)
              for (int64_t c = 0; c < channels; ++c)
                sum += input(y + tap / width - height / 2, x + tap % width - width / 2, c) * operands[1].doubleAt((o * channels + c) * height * width + tap);
            exact.push_back(sum);
          }
      double errorOfDirect = largestError(direct.run(operands).front(), exact);
      SCOPED_TRACE(convolution.text());
      EXPECT_LE(largestError(small.run(operands).front(), exact), 2 * errorOfDirect);
      if (large.built())
        EXPECT_LE(largestError(large.run(operands).front(), exact), 5 * errorOfDirect);
    }
}

TEST(WinogradBuilder, RefusesOtherConvolutions) {
  auto isBuilt = [](const Convolution &convolution, bool weightIsConstant = true) {
    bool isSmall = KernelRun(convolution.text(weightIsConstant), forms[0]).built();
    EXPECT_EQ(isSmall, KernelRun(convolution.text(weightIsConstant), forms[1]).built());
    return isSmall;
  };
  Convolution base{1, 12, 12, 16, 16}, strided = base, grouped = base, wide = base, half = base;
  strided.stride = 2;
  grouped.groups = 2;
  wide.window = {7, 7};
  half.element = "f16";
  EXPECT_TRUE(isBuilt(base));
  for (const Convolution &other : {strided, grouped, wide, half})
    EXPECT_FALSE(isBuilt(other)) << other.text();
  EXPECT_FALSE(isBuilt(base, /*weightIsConstant=*/false));
}

TEST(WinogradPlan, TakesTheFormThatIsFastest) {
  CpuTarget target = llvm::cantFail(parseCpuTarget("cpu:x86-64-v4"));
  auto outputOf = [&](int64_t pixels, int64_t c, int64_t o, int64_t batch = 1) {
    codegen::ConvolutionShape shape = shapeOf(pixels, c, o);
    shape.n = batch;
    auto form = codegen::worthwhileForm(shape, target);
    return form ? form->y.output : 0;
  };
  EXPECT_EQ(outputOf(56, 64, 64), 4);
  EXPECT_EQ(outputOf(8, 64, 64), 4);
  EXPECT_EQ(outputOf(14, 256, 256), 2); // the weights of the larger form take longer to come than the products to compute
  EXPECT_EQ(outputOf(7, 512, 512), 0);  // and here those of either
  EXPECT_EQ(outputOf(32, 3, 8), 0);     // the transforms take longer than the products
  codegen::ConvolutionShape sequence{1, 512, 1, 256, 512, 1, 512, 5, 1, 1, 1, 2, 0, 1, 1, 1}, apart = shapeOf(28, 128, 128);
  EXPECT_EQ(codegen::worthwhileForm(sequence, target)->y.output, 4);
  EXPECT_EQ(codegen::worthwhileForm(sequence, target)->x.output, 1);
  apart.dilationX = apart.dilationY = apart.padX = apart.padY = 2;
  EXPECT_TRUE(codegen::worthwhileForm(apart, target).has_value());
  for (int64_t pixels : {8, 14, 56})
    for (int64_t channels : {16, 64, 256})
      EXPECT_EQ(outputOf(pixels, channels, channels, /*batch=*/8), outputOf(pixels, channels, channels)) << pixels << ", " << channels;
}

TEST(WinogradPlan, BlocksFitTheStackAndTheirRegisterTiles) {
  for (llvm::StringRef name : {"cpu:x86-64-v2", "cpu:x86-64-v3", "cpu:x86-64-v4", "cpu:aarch64"}) {
    CpuTarget target = llvm::cantFail(parseCpuTarget(name));
    for (int64_t pixels : {1, 4, 7, 13, 28, 112})
      for (int64_t c : {1, 16, 24, 64, 250, 512})
        for (int64_t o : {1, 16, 40, 256})
          for (codegen::WinogradForm form : codegen::winogradForms(shapeOf(56, 64, 64))) {
            auto plan = codegen::WinogradPlan::choose(form, shapeOf(pixels, c, o), target, /*panelVectors=*/0);
            ASSERT_TRUE(mlir::succeeded(plan));
            int64_t lanes = target.vectorBytes / 4, panelColumns = plan->product.vectors * lanes;
            EXPECT_LE(plan->product.rows, plan->fewestTiles());
            EXPECT_LE(4 * form.positions() * (plan->rowStride + plan->positionStride + plan->mostTiles() * panelColumns), 512 * 1024);
            EXPECT_GE(plan->positionStride, plan->mostTiles() * plan->rowStride);
            EXPECT_LE((plan->parts - 1) * panelColumns, o);
          }
  }
  CpuTarget target = llvm::cantFail(parseCpuTarget("cpu:x86-64-v4"));
  for (codegen::WinogradForm form : codegen::winogradForms(shapeOf(56, 64, 64)))
    EXPECT_TRUE(mlir::failed(codegen::WinogradPlan::choose(form, shapeOf(56, 1 << 14, 64), target, /*panelVectors=*/0)));
}

} // namespace
