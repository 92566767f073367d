//===- Bf16ContractionTest.cpp - products of bf16, summed up in f32 -------===//
//
// Products of two bf16 are exact in f32: results differ from ir/reference by the
// order of additions alone, as those of f32 do. Shapes reach each way of reading
// words: whole, patched, halves of odd runs. Targets without the instruction widen.
//
//===----------------------------------------------------------------------===//

#include "codegen/artifact/HostSupport.h"
#include "codegen/cpu/CompileModule.h"
#include "tests/unit/codegen/RunKernel.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace fettle;
using namespace fettle::test;

namespace {

/// %0 is the product's f32; an epilogue of a bias, a residual in bf16 and a rounding for the next product follows.
std::string function(llvm::StringRef op, llvm::ArrayRef<int64_t> input, llvm::ArrayRef<int64_t> weight, llvm::ArrayRef<int64_t> out,
                     llvm::StringRef attributes, bool rounds) {
  std::string x = tensor(input, "bf16"), w = tensor(weight, "bf16"), b = tensor({out.back()}, "f32");
  std::string sums = tensor(out, "f32"), rounded = tensor(out, "bf16");
  std::string text = llvm::formatv("func.func @f(%x: {0}, %w: {1} {{test.weight}, %b: {2} {{test.weight}, %r: {3}) -> {4} {{\n"
                                   "  %0 = nn.{5} %x, %w, %b {{f32_sums{6}} : ({0}, {1}, {2}) -> {7}\n",
                                   x, w, b, rounded, rounds ? rounded : sums, op, attributes, sums);
  if (!rounds)
    return text + "  return %0 : " + sums + "\n}";
  return text + llvm::formatv("  %1 = nn.cast %r : ({0}) -> {1}\n  %2 = nn.binary add %0, %1 : ({1}, {1}) -> {1}\n"
                              "  %3 = nn.cast %2 {{flushes} : ({1}) -> {0}\n  return %3 : {0}\n}",
                              rounded, sums)
                    .str();
}

std::string product(int64_t m, int64_t k, int64_t n, bool rounds = false) {
  return function("matmul", {m, k}, {k, n}, {m, n}, "", rounds);
}

struct Convolution {
  int64_t n, h, w, c, o, r, s;
  int64_t stride = 1, padLow = 0, padHigh = 0, dilation = 1, groups = 1;
  std::string text(bool rounds) const {
    auto extent = [&](int64_t x, int64_t k) { return (x + padLow + padHigh - (k - 1) * dilation - 1) / stride + 1; };
    return function("conv", {n, h, w, c}, {o, c / groups, r, s}, {n, extent(h, r), extent(w, s), o},
                    llvm::formatv(", strides = array<i64: {0}, {0}>, pads = array<i64: {1}, {1}, {2}, {2}>, "
                                  "dilations = array<i64: {3}, {3}>, groups = {4} : i64, channels_last",
                                  stride, padLow, padHigh, dilation, groups)
                        .str(),
                    rounds);
  }
};

const char *const targets[] = {"cpu:native", "cpu:x86-64-v4+bf16", "cpu:x86-64-v4", "cpu:x86-64-v3"};

bool runsHere(llvm::StringRef name) {
  CpuTarget target = llvm::cantFail(parseCpuTarget(name));
  llvm::Error missing = codegen::checkHost(target.triple, llvm::cantFail(codegen::requiredFeatures(target)));
  return !llvm::errorToBool(std::move(missing));
}

void expectSums(llvm::StringRef text, bool rounds, unsigned seed = 1) {
  for (const char *target : targets) {
    if (!runsHere(target))
      continue;
    SCOPED_TRACE(target);
    MatchOptions options;
    options.target = target;
    options.seed = seed;
    if (rounds)
      options.relative = options.absolute = 1.0 / 128; // a step of bf16 where a sum falls between two
    expectMatchesReference(text, codegen::buildContraction, options);
  }
}

} // namespace

TEST(Bf16Contraction, ProductsOfEveryAspect) {
  for (int64_t k : {1, 2, 3, 4, 5, 7, 8, 24, 51, 96})
    expectSums(product(7, k, 21, k % 2), k % 2);
  for (int64_t m : {1, 2, 13, 33})
    for (int64_t n : {1, 16, 31, 96})
      expectSums(product(m, 20, n, m % 2), m % 2);
}

TEST(Bf16Contraction, Convolutions) {
  Convolution shapes[] = {
      {1, 9, 9, 8, 20, 3, 3, 1, 1, 1},        // same padding
      {1, 9, 9, 5, 20, 3, 3, 1, 1, 1},        // odd channels
      {2, 8, 30, 16, 32, 3, 3, 1, 1, 1},      // several spans of a row
      {1, 15, 15, 3, 16, 7, 7, 2, 3, 3},      // stem: words over two taps
      {1, 16, 16, 3, 24, 3, 3, 2, 0, 1},      // asymmetric padding
      {1, 11, 8, 1, 8, 10, 4, 2, 4, 4},       // one channel
      {1, 9, 9, 1, 8, 1, 1, 2},               // less than a word
      {1, 9, 9, 2, 8, 3, 3, 1, 1, 1},         // a word for each tap
      {1, 10, 10, 8, 40, 1, 1},               // pointwise
      {2, 9, 9, 8, 33, 1, 1, 2},              // pointwise with stride
      {1, 12, 12, 6, 10, 3, 3, 1, 2, 2, 2},   // dilated
      {1, 12, 12, 3, 10, 3, 3, 1, 2, 2, 2},   // dilated, odd
      {1, 6, 6, 8, 12, 3, 3, 1, 1, 1, 1, 2},  // two groups
      {1, 6, 6, 12, 36, 3, 3, 1, 1, 1, 1, 4}, // four groups of three channels
      {1, 3, 3, 4, 4, 3, 3, 1, 2, 2},         // more padding than input on some rows
      {1, 4, 4, 3, 5, 2, 2, 3, 1, 4},         // windows wholly outside the input
      {1, 4, 4, 8, 5, 2, 2, 3, 1, 4},
      {1, 20, 60, 1, 20, 20, 20, 10},         // a wide window without padding
      {1, 20, 60, 5, 20, 3, 20, 10},
      {1, 20, 60, 6, 20, 3, 20, 10},
  };
  bool rounds = false;
  for (const Convolution &shape : shapes) {
    expectSums(shape.text(rounds), rounds);
    rounds = !rounds;
  }
}

TEST(Bf16Contraction, RandomConvolutions) {
  std::mt19937 generator(7);
  auto oneOf = [&](int64_t low, int64_t high) { return low + int64_t(generator() % (high - low + 1)); };
  for (unsigned round = 0; round < 30; ++round) {
    Convolution shape{oneOf(1, 2), oneOf(1, 17), oneOf(1, 40), oneOf(1, 20), oneOf(1, 40), oneOf(1, 5), oneOf(1, 5)};
    shape.stride = oneOf(1, 3);
    shape.dilation = oneOf(1, 2);
    shape.padLow = oneOf(0, 4);
    shape.padHigh = oneOf(0, 4);
    shape.groups = oneOf(1, 3);
    shape.c *= shape.groups;
    shape.o *= shape.groups;
    auto fits = [&](int64_t x, int64_t k) { return x + shape.padLow + shape.padHigh >= (k - 1) * shape.dilation + 1; };
    if (!fits(shape.h, shape.r) || !fits(shape.w, shape.s))
      continue;
    bool rounds = oneOf(0, 1);
    expectSums(shape.text(rounds), rounds, round);
  }
}

/// What register tiles do not take: a wide window with padding.
TEST(Bf16Contraction, LoopsTakeTheRest) {
  std::string text = Convolution{1, 3, 40, 4, 6, 1, 19, 1, 3, 3}.text(/*rounds=*/false);
  EXPECT_FALSE(KernelRun(text, codegen::buildContraction).built());
  expectMatchesReference(text, codegen::buildLoops);
}

/// An odd run ends with half a word: what is beside it is neither read nor multiplied, be it infinite.
TEST(Bf16Contraction, InfinitiesStayWhereTheyAre) {
  for (int64_t k : {1, 3, 5, 6}) {
    KernelRun run(product(2, k, 20), codegen::buildContraction);
    ASSERT_TRUE(run.built());
    std::vector<HostTensor> operands;
    for (mlir::RankedTensorType type : run.inputTypes())
      operands.push_back(randomTensor(type, 1, 0.5, 1));
    operands[0].setDouble(k - 1, INFINITY); // last of the first row
    HostTensor sums = run.run(operands)[0];
    for (int64_t i = 0; i < 20; ++i) {
      EXPECT_EQ(sums.doubleAt(i), INFINITY) << "k " << k << ", column " << i;
      EXPECT_TRUE(std::isfinite(sums.doubleAt(20 + i))) << "k " << k << ", column " << i;
    }
  }
}

/// The object of a product of bf16 for `targetName`.
static std::string objectFor(llvm::StringRef targetName) {
  mlir::MLIRContext context;
  context.loadDialect<nn::NnDialect, mlir::func::FuncDialect>();
  codegen::loadCodegenDialects(context);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(R"(
func.func @main(%x: tensor<8x64xbf16>) -> tensor<8x64xf32> {
  %w = nn.constant dense<0.5> : tensor<64x64xbf16>
  %0 = nn.kernel(%a = %x, %b = %w) attributes {kind = "matmul"} : (tensor<8x64xbf16>, tensor<64x64xbf16>) -> tensor<8x64xf32> {
    %1 = nn.matmul %a, %b {f32_sums} : (tensor<8x64xbf16>, tensor<64x64xbf16>) -> tensor<8x64xf32>
    nn.yield %1 : tensor<8x64xf32>
  }
  return %0 : tensor<8x64xf32>
})",
                                                       &context);
  return llvm::cantFail(codegen::compileModule({*module}, llvm::cantFail(parseCpuTarget(targetName)), {})).objects.front();
}

/// Whether `matches` accepts what stands at some multiple of `step` bytes.
static bool holds(const std::string &object, llvm::function_ref<bool(const unsigned char *)> matches, size_t step) {
  for (size_t at = 0; at + 8 <= object.size(); at += step)
    if (matches(reinterpret_cast<const unsigned char *>(object.data()) + at))
      return true;
  return false;
}

TEST(Bf16Contraction, TakesTheInstructionWhereThereIsOne) {
  // EVEX.512.F3.0F38.W0 52: vdpbf16ps. Four bytes of prefix, then the opcode.
  auto isDot = [](const unsigned char *code) { return code[0] == 0x62 && (code[1] & 7) == 2 && (code[2] & 0x83) == 2 && (code[3] & 0x60) == 0x40 && code[4] == 0x52; };
  EXPECT_TRUE(holds(objectFor("cpu:x86-64-v4+bf16"), isDot, 1));
  EXPECT_FALSE(holds(objectFor("cpu:x86-64-v4"), isDot, 1));
  // BFDOT (vector, or by element): 0 1 1 01110 01 0 Rm 111111 Rn Rd, 0 1 0 01111 01 L M Rm 1111 H 0 Rn Rd.
  auto isBfdot = [](const unsigned char *code) {
    uint32_t word = uint32_t(code[0]) | uint32_t(code[1]) << 8 | uint32_t(code[2]) << 16 | uint32_t(code[3]) << 24;
    return (word & 0xffe0fc00) == 0x6e40fc00 || (word & 0xffc0f400) == 0x4f40f000;
  };
  EXPECT_TRUE(holds(objectFor("cpu:aarch64+bf16"), isBfdot, 4));
  EXPECT_FALSE(holds(objectFor("cpu:aarch64"), isBfdot, 4));
}
