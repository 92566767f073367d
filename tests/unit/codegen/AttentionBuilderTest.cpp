//===- AttentionBuilderTest.cpp - fused attention -------------------------===//

#include "tests/unit/codegen/RunKernel.h"
#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"

using namespace fettle;
using namespace fettle::test;

namespace {
struct Case {
  int64_t batches, heads, keyHeads, queries, keys, depth, width;
  const char *mask = ""; ///< shape, or empty
  const char *attributes = "";
};
} // namespace

static std::string text(const Case &c) {
  std::string q = llvm::formatv("tensor<{0}x{1}x{2}x{3}xf32>", c.batches, c.heads, c.queries, c.depth);
  std::string k = llvm::formatv("tensor<{0}x{1}x{2}x{3}xf32>", c.batches, c.keyHeads, c.keys, c.depth);
  std::string v = llvm::formatv("tensor<{0}x{1}x{2}x{3}xf32>", c.batches, c.keyHeads, c.keys, c.width);
  std::string o = llvm::formatv("tensor<{0}x{1}x{2}x{3}xf32>", c.batches, c.heads, c.queries, c.width);
  bool masked = *c.mask != 0;
  std::string m = masked ? "tensor<" + std::string(c.mask) + "xf32>" : "";
  return "func.func @f(%q: " + q + ", %k: " + k + ", %v: " + v + (masked ? ", %m: " + m : "") + ") -> " + o +
         " {\n  %0 = nn.attention %q, %k, %v" + (masked ? ", %m" : "") + " {scale = 0.3 : f64" + c.attributes +
         "} : (" + q + ", " + k + ", " + v + (masked ? ", " + m : "") + ") -> " + o + "\n  return %0 : " + o + "\n}";
}

TEST(AttentionBuilder, ShapesWithTails) {
  for (Case c : {Case{1, 1, 1, 1, 1, 1, 1}, Case{1, 2, 2, 5, 7, 8, 8}, Case{2, 3, 3, 17, 33, 16, 16},
                 Case{1, 1, 1, 40, 40, 20, 24}, Case{1, 2, 2, 1, 50, 64, 64}, Case{1, 1, 1, 197, 197, 64, 64},
                 Case{2, 1, 1, 3, 100, 5, 70}})
    expectMatchesReference(text(c), codegen::buildAttention);
}

TEST(AttentionBuilder, FewQueryRows) {
  for (Case c :
       {Case{1, 4, 2, 1, 37, 8, 8}, Case{2, 2, 2, 2, 100, 64, 64, "100"}, Case{1, 2, 2, 3, 19, 20, 70, "", ", causal"},
        Case{1, 1, 1, 1, 20000, 16, 16}, Case{1, 1, 1, 3, 6000, 8, 24, "", ", causal"}, Case{1, 2, 1, 1, 5, 1, 1}})
    expectMatchesReference(text(c), codegen::buildAttention);
}

TEST(AttentionBuilder, GroupedHeads) {
  expectMatchesReference(text({2, 6, 2, 9, 21, 16, 16}), codegen::buildAttention);
}

TEST(AttentionBuilder, MasksCausalAndSoftcap) {
  for (const char *mask : {"2x3x9x21", "2x1x1x21", "9x21", "1x3x9x1", "1"})
    expectMatchesReference(text({2, 3, 3, 9, 21, 16, 16, mask}), codegen::buildAttention);
  expectMatchesReference(text({1, 2, 2, 21, 21, 16, 16, "", ", causal"}), codegen::buildAttention);
  expectMatchesReference(text({1, 2, 2, 9, 21, 16, 16, "", ", causal"}), codegen::buildAttention);
  // More queries than keys: the first rows see nothing and give zeros.
  expectMatchesReference(text({1, 2, 2, 21, 9, 16, 16, "", ", causal"}), codegen::buildAttention);
  expectMatchesReference(text({1, 2, 2, 9, 21, 16, 16, "21", ", softcap = 1.5 : f64"}), codegen::buildAttention);
}

TEST(AttentionBuilder, SeveralBlocksOfKeys) {
  for (Case c : {Case{1, 2, 2, 37, 700, 64, 64}, Case{1, 1, 1, 300, 300, 64, 64, "", ", causal"},
                 Case{1, 1, 1, 20, 600, 40, 24, "600"}, Case{1, 1, 1, 6, 40, 600, 520}})
    expectMatchesReference(text(c), codegen::buildAttention);
}

TEST(AttentionBuilder, OtherVectorWidths) {
  for (const char *target : {"cpu:x86-64-v2", "cpu:x86-64-v3"}) {
    MatchOptions options;
    options.target = target;
    expectMatchesReference(text({1, 2, 2, 19, 37, 20, 20}), codegen::buildAttention, options);
  }
}

// Heads cut out of one packed projection and merged again, with the output bias.
TEST(AttentionBuilder, PackedProjection) {
  expectMatchesReference(R"(
    func.func @f(%p: tensor<2x19x96xf32>, %bias: tensor<32xf32>) -> tensor<2x19x32xf32> {
      %0 = nn.reshape %p : (tensor<2x19x96xf32>) -> tensor<2x19x3x4x8xf32>
      %1 = nn.transpose %0 {perm = array<i64: 2, 0, 3, 1, 4>} : (tensor<2x19x3x4x8xf32>) -> tensor<3x2x4x19x8xf32>
      %q0 = nn.slice %1 {starts = array<i64: 0, 0, 0, 0, 0>, sizes = array<i64: 1, 2, 4, 19, 8>, steps = array<i64: 1, 1, 1, 1, 1>} : (tensor<3x2x4x19x8xf32>) -> tensor<1x2x4x19x8xf32>
      %k0 = nn.slice %1 {starts = array<i64: 1, 0, 0, 0, 0>, sizes = array<i64: 1, 2, 4, 19, 8>, steps = array<i64: 1, 1, 1, 1, 1>} : (tensor<3x2x4x19x8xf32>) -> tensor<1x2x4x19x8xf32>
      %v0 = nn.slice %1 {starts = array<i64: 2, 0, 0, 0, 0>, sizes = array<i64: 1, 2, 4, 19, 8>, steps = array<i64: 1, 1, 1, 1, 1>} : (tensor<3x2x4x19x8xf32>) -> tensor<1x2x4x19x8xf32>
      %q = nn.reshape %q0 : (tensor<1x2x4x19x8xf32>) -> tensor<2x4x19x8xf32>
      %k = nn.reshape %k0 : (tensor<1x2x4x19x8xf32>) -> tensor<2x4x19x8xf32>
      %v = nn.reshape %v0 : (tensor<1x2x4x19x8xf32>) -> tensor<2x4x19x8xf32>
      %a = nn.attention %q, %k, %v {scale = 0.35 : f64} : (tensor<2x4x19x8xf32>, tensor<2x4x19x8xf32>, tensor<2x4x19x8xf32>) -> tensor<2x4x19x8xf32>
      %t = nn.transpose %a {perm = array<i64: 0, 2, 1, 3>} : (tensor<2x4x19x8xf32>) -> tensor<2x19x4x8xf32>
      %r = nn.reshape %t : (tensor<2x19x4x8xf32>) -> tensor<2x19x32xf32>
      %o = nn.binary add %r, %bias : (tensor<2x19x32xf32>, tensor<32xf32>) -> tensor<2x19x32xf32>
      return %o : tensor<2x19x32xf32>
    })",
                         codegen::buildAttention);
}

// Keys that come transposed ([d, t]) are read against their stride.
TEST(AttentionBuilder, TransposedKeys) {
  expectMatchesReference(R"(
    func.func @f(%q: tensor<1x2x5x8xf32>, %kt: tensor<1x2x8x11xf32>, %v: tensor<1x2x11x8xf32>) -> tensor<1x2x5x8xf32> {
      %k = nn.transpose %kt {perm = array<i64: 0, 1, 3, 2>} : (tensor<1x2x8x11xf32>) -> tensor<1x2x11x8xf32>
      %a = nn.attention %q, %k, %v {scale = 0.35 : f64} : (tensor<1x2x5x8xf32>, tensor<1x2x11x8xf32>, tensor<1x2x11x8xf32>) -> tensor<1x2x5x8xf32>
      return %a : tensor<1x2x5x8xf32>
    })",
                         codegen::buildAttention);
}
