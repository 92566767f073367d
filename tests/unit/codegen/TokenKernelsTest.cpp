//===- TokenKernelsTest.cpp - compiled ops that reduce tokens -------------===//
//
// Two kinds of numbers. Eighths have squares whose sums are exact in f32, so that costs tie as they should, often; with
// sizes, whose factors are rounded, uniform numbers keep costs apart.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/codegen/RunKernel.h"
#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace mlir;
using namespace fettle;
using namespace fettle::test;

static const char *const targets[] = {"cpu:native", "cpu:x86-64-v2", "cpu:x86-64-v3", "cpu:x86-64-v4"};

static HostTensor roundedTo(HostTensor tensor, double unit) {
  for (int64_t i = 0; i < tensor.numElements(); ++i)
    tensor.setDouble(i, std::round(tensor.doubleAt(i) / unit) * unit);
  return tensor;
}

static void expectEqualRuns(const std::string &text, StringRef target,
                            llvm::function_ref<HostTensor(RankedTensorType, unsigned)> operand,
                            const MatchOptions &tolerance = {0, 0}) {
  SCOPED_TRACE(text + target.str());
  KernelRun kernel(text, codegen::buildSequential, target);
  ASSERT_TRUE(kernel.built());
  std::vector<HostTensor> operands;
  for (auto [i, type] : llvm::enumerate(kernel.inputTypes()))
    operands.push_back(operand(type, i));
  std::vector<HostTensor> actual = kernel.run(operands), expected = kernel.reference(operands);
  for (auto [own, right] : llvm::zip_equal(actual, expected))
    expectClose(own, right, tolerance);
}

static std::string matchTokens(int n, int t, int d, StringRef attributes, bool hasSizes, StringRef element = "f32") {
  return llvm::formatv(
      "func.func @f(%x: tensor<{0}x{1}x{2}x{3}>{4}) -> tensor<{0}x{1}xi32> {{\n"
      "  %0 = nn.match_tokens %x{5} {{{6}} : (tensor<{0}x{1}x{2}x{3}>{7}) -> tensor<{0}x{1}xi32>\n"
      "  return %0 : tensor<{0}x{1}xi32>\n}",
      n, t, d, element, hasSizes ? llvm::formatv(", %s: tensor<{0}x{1}x{2}>", n, t, element).str() : "",
      hasSizes ? ", %s" : "", attributes, hasSizes ? llvm::formatv(", tensor<{0}x{1}x{2}>", n, t, element).str() : "");
}

struct TokenShape {
  int n, t, d;
};

TEST(TokenKernels, MatchTokens) {
  int turn = 0;
  for (TokenShape shape :
       {TokenShape{1, 65, 32}, {3, 14, 5}, {1, 37, 19}, {3, 2, 16}, {1, 3, 0}, {1, 131, 7}, {2, 64, 8}})
    for (int protect : {0, 1, 2})
      for (int reach : {0, 1, 5}) {
        ++turn;
        int most = (shape.t - protect) / 2, remove = turn % 4 == 0 ? 0 : turn % 4 == 1 ? most : (most + 1) / 2;
        std::string attributes =
            llvm::formatv("remove = {0} : i64, protect = {1} : i64, reach = {2} : i64", remove, protect, reach);
        expectEqualRuns(matchTokens(shape.n, shape.t, shape.d, attributes, false), targets[turn % 3],
                        [&](RankedTensorType type, unsigned) { return roundedTo(randomTensor(type, turn), 0.125); });
        double unit = turn % 2 ? 1 : 1e-6; // small counts, zeros among them; or anything
        expectEqualRuns(matchTokens(shape.n, shape.t, shape.d, attributes, true), targets[turn / 3 % 4],
                        [&](RankedTensorType type, unsigned i) {
                          return i == 0 ? randomTensor(type, turn) : roundedTo(randomTensor(type, turn, 0, 3), unit);
                        });
      }
}

TEST(TokenKernels, MatchTokensOfEqualTokens) {
  for (const char *target : targets)
    for (bool hasSizes : {false, true})
      expectEqualRuns(matchTokens(1, 41, 24, "remove = 13 : i64, protect = 1 : i64", hasSizes), target,
                      [&](RankedTensorType type, unsigned i) {
                        HostTensor tensor = roundedTo(randomTensor(type, 7), 0.125);
                        int64_t row = i == 0 ? 24 : 1;
                        for (int64_t k = 0; k < tensor.numElements(); ++k)
                          tensor.setDouble(k, i == 0 ? tensor.doubleAt(k / row % 5 * row + k % row) : 1);
                        return tensor;
                      });
}

TEST(TokenKernels, MatchTokensOfOtherFloats) {
  for (const char *element : {"f64", "f16", "bf16"})
    for (const char *target : targets)
      expectEqualRuns(matchTokens(2, 29, 21, "remove = 6 : i64, protect = 1 : i64", false, element), target,
                      [&](RankedTensorType type, unsigned) { return roundedTo(randomTensor(type, 3), 0.125); });
}

TEST(TokenKernels, CostsThatAreNoNumbers) {
  for (const char *reach : {"0", "3"})
    expectEqualRuns(matchTokens(1, 23, 8, (llvm::Twine("remove = 11 : i64, reach = ") + reach + " : i64").str(), false),
                    "cpu:native", [&](RankedTensorType type, unsigned) {
                      HostTensor tensor = roundedTo(randomTensor(type, 3), 0.125);
                      for (int64_t i = 0; i < tensor.numElements(); i += 40)
                        tensor.setDouble(i, i % 80 ? NAN : INFINITY);
                      return tensor;
                    });
}

static std::string dropTokens(int n, int t, int keep, int protect, StringRef element) {
  return llvm::formatv("func.func @f(%x: tensor<{0}x{1}x{2}>) -> tensor<{0}x{1}xi32> {{\n"
                       "  %0 = nn.drop_tokens %x {{keep = {3} : i64, protect = {4} : i64} : (tensor<{0}x{1}x{2}>) -> "
                       "tensor<{0}x{1}xi32>\n"
                       "  return %0 : tensor<{0}x{1}xi32>\n}",
                       n, t, element, keep, protect);
}

TEST(TokenKernels, DropTokens) {
  for (const char *element : {"f32", "f64", "f16"})
    for (int protect : {0, 1, 2})
      for (int keep : {protect, 5, 20, 37})
        for (double unit : {1e-6, 0.5}) // the second ties often
          expectEqualRuns(dropTokens(3, 37, keep, protect, element), targets[(keep + protect) % 4],
                          [&](RankedTensorType type, unsigned) {
                            HostTensor tensor = roundedTo(randomTensor(type, keep, -2, 2), unit);
                            tensor.setDouble(5, NAN);
                            tensor.setDouble(7, -INFINITY);
                            tensor.setDouble(9, -0.0);
                            tensor.setDouble(11, 0.0);
                            return tensor;
                          });
}

static std::string mergeTokens(int n, int t, int c, int tokens, bool hasSizes, StringRef element = "f32") {
  std::string sizes = llvm::formatv("tensor<{0}x{1}x{2}>", n, t, element),
              input = llvm::formatv("tensor<{0}x{1}x{2}x{3}>", n, t, c, element),
              assignment = llvm::formatv("tensor<{0}x{1}xi32>", n, t),
              output = llvm::formatv("tensor<{0}x{1}x{2}x{3}>", n, tokens, c, element),
              newSizes = llvm::formatv("tensor<{0}x{1}x{2}>", n, tokens, element);
  return llvm::formatv("func.func @f(%x: {0}, %a: {1}{2}) -> ({3}, {4}) {{\n"
                       "  %0, %1 = nn.merge_tokens %x, %a{5} {{tokens = {6} : i64} : ({0}, {1}{7}) -> ({3}, {4})\n"
                       "  return %0, %1 : {3}, {4}\n}",
                       input, assignment, hasSizes ? ", %s: " + sizes : "", output, newSizes, hasSizes ? ", %s" : "",
                       tokens, hasSizes ? ", " + sizes : "");
}

/// Numbers of tokens, some twice and some never, -1 among them; tokens; sizes.
static HostTensor mergeOperand(RankedTensorType type, unsigned i, int tokens) {
  if (i == 1)
    return randomTensor(type, tokens, -1, tokens);
  HostTensor tensor = randomTensor(type, i, i == 0 ? -2 : 0, i == 0 ? 2 : 3);
  return i == 0 ? tensor : roundedTo(tensor, 1);
}

TEST(TokenKernels, MergeTokens) {
  int turn = 0;
  for (TokenShape shape :
       {TokenShape{1, 65, 128}, {3, 14, 5}, {1, 37, 19}, {2, 2, 16}, {1, 5, 0}, {2, 300, 301}, {1, 9, 1}})
    for (int tokens : {1, shape.t / 2, shape.t})
      for (bool hasSizes : {false, true})
        expectEqualRuns(mergeTokens(shape.n, shape.t, shape.d, tokens, hasSizes), targets[turn++ % 4],
                        [&](RankedTensorType type, unsigned i) { return mergeOperand(type, i, tokens); }, {1e-5, 1e-6});
  for (const char *element : {"f64", "f16", "bf16"})
    expectEqualRuns(mergeTokens(2, 21, 23, 12, true, element), targets[turn++ % 4],
                    [&](RankedTensorType type, unsigned i) { return mergeOperand(type, i, 12); },
                    {element[0] == 'b' ? 1e-2 : 2e-3, 1e-6});
}

TEST(TokenKernels, MergingNothingChangesNothing) {
  for (const char *target : targets)
    for (bool hasSizes : {false, true})
      expectEqualRuns(mergeTokens(2, 33, 37, 33, hasSizes), target, [&](RankedTensorType type, unsigned i) {
        HostTensor tensor = randomTensor(type, i, 0.1, 3);
        for (int64_t k = 0; i == 1 && k < tensor.numElements(); ++k)
          tensor.setInteger(k, k % 33);
        return tensor;
      });
}

TEST(TokenKernels, UnmergeTokens) {
  for (const char *element : {"f32", "f64", "f16"})
    for (TokenShape shape : {TokenShape{1, 65, 128}, {3, 14, 5}, {1, 37, 19}, {1, 1, 1}})
      for (int tokens : {0, 1, shape.t}) // the image's own tokens
        expectEqualRuns(
            llvm::formatv(
                "func.func @f(%x: tensor<{0}x{1}x{2}x{3}>, %a: tensor<{0}x{4}xi32>) -> tensor<{0}x{4}x{2}x{3}> {{\n"
                "  %0 = nn.unmerge_tokens %x, %a : (tensor<{0}x{1}x{2}x{3}>, tensor<{0}x{4}xi32>) -> "
                "tensor<{0}x{4}x{2}x{3}>\n"
                "  return %0 : tensor<{0}x{4}x{2}x{3}>\n}",
                shape.n, tokens, shape.d, element, shape.t),
            targets[tokens % 4],
            [&](RankedTensorType type, unsigned i) { return randomTensor(type, i, -2, i == 0 ? 2 : tokens + 1); });
}

TEST(TokenKernels, SequencesThatAreTooLongForTheStackAreRefused) {
  EXPECT_FALSE(KernelRun(matchTokens(1, 70000, 1, "remove = 1 : i64", false), codegen::buildSequential).built());
  EXPECT_FALSE(KernelRun(dropTokens(1, 70000, 1, 0, "f32"), codegen::buildSequential).built());
  EXPECT_FALSE(KernelRun(mergeTokens(1, 70000, 1, 1, false), codegen::buildSequential).built());
  expectEqualRuns(dropTokens(1, 64 * 1024, 40000, 0, "f64"), "cpu:native",
                  [](RankedTensorType type, unsigned) { return roundedTo(randomTensor(type, 1), 1e-3); });
}
