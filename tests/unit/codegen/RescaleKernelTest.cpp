//===- RescaleKernelTest.cpp - the rule tosa, compiled --------------------===//
//
// nn.rescale behind products of bytes and by itself against ir/reference, bit for
// bit: random shapes, multipliers of 31 bits, shifts over their whole range.
//
//===----------------------------------------------------------------------===//

#include "codegen/artifact/HostSupport.h"
#include "tests/unit/codegen/AnyBuilder.h"
#include "tests/unit/codegen/RunKernel.h"
#include "llvm/Support/FormatVariadic.h"
#include <gtest/gtest.h>
#include <random>

using namespace fettle;
using namespace fettle::test;

namespace {

const char *const targets[] = {"cpu:native", "cpu:x86-64-v4", "cpu:x86-64-v3+vnni", "cpu:x86-64-v3", "cpu:x86-64-v2"};

bool runsHere(llvm::StringRef name) {
  CpuTarget target = llvm::cantFail(parseCpuTarget(name));
  llvm::Error missing = codegen::checkHost(target.triple, llvm::cantFail(codegen::requiredFeatures(target)));
  return !llvm::errorToBool(std::move(missing));
}

class RescaleKernel : public testing::Test {
protected:
  int64_t roll(int64_t low, int64_t high) { return low + int64_t(generator() % uint64_t(high - low + 1)); }

  /// Integers over the whole range of their type, so that some saturate; arguments called "shift" are 2..62, "multiplier"
  /// 0 or more.
  HostTensor operand(mlir::RankedTensorType type, bool isMultiplier, bool isShift) {
    HostTensor tensor(type);
    unsigned width = type.getElementType().getIntOrFloatBitWidth();
    bool isUnsigned = type.getElementType().isUnsignedInteger();
    for (int64_t i = 0; i < tensor.numElements(); ++i) {
      int64_t bits = int64_t(generator() >> (64 - width));
      int64_t value = isUnsigned ? bits : bits - (int64_t(1) << (width - 1));
      // Sums and multipliers of every size.
      if (width == 32)
        value >>= roll(0, 31);
      tensor.setInteger(i, isShift ? roll(2, 62) : isMultiplier ? std::abs(value + (value < 0)) : value);
    }
    return tensor;
  }

  /// On one of the targets, another each time; `names` says what each argument of the function is.
  void expectExact(llvm::StringRef text, llvm::ArrayRef<llvm::StringRef> names, KernelBuilder builder) {
    do
      next = (next + 1) % std::size(targets);
    while (!runsHere(targets[next]));
    SCOPED_TRACE(targets[next]);
    KernelRun kernel(text, builder, targets[next]);
    ASSERT_TRUE(kernel.built()) << text.str();
    std::vector<HostTensor> operands;
    for (auto [type, name] : llvm::zip_equal(kernel.inputTypes(), names))
      operands.push_back(operand(type, name == "multiplier", name == "shift"));
    std::vector<HostTensor> actual = kernel.run(operands), expected = kernel.reference(operands);
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < actual.size(); ++i) {
      SCOPED_TRACE("result " + std::to_string(i) + " of " + text.str());
      expectClose(actual[i], expected[i], {0, 0});
    }
  }

  std::mt19937_64 generator{11};
  size_t next = 0;
};

int64_t zeroPoint(llvm::StringRef element, int64_t value) { return element == "i32" ? 0 : element == "ui8" ? value : value - 128; }

} // namespace

TEST_F(RescaleKernel, LoopsOfItsOwn) {
  const char *elements[] = {"i32", "ui8", "i8"};
  for (llvm::StringRef from : elements)
    for (llvm::StringRef to : elements)
      for (bool twice : {false, true}) {
        int64_t rows = roll(1, 9), columns = roll(1, 70);
        llvm::SmallVector<int64_t> factors;
        if (roll(0, 1))
          factors = {columns};
        std::string text = llvm::formatv("func.func @f(%x: {0}, %m: {1}, %s: {2}) -> {3} {{\n"
                                         "  %0 = nn.rescale %x, %m, %s {{input_zero_point = {4} : i64, output_zero_point = {5} : i64{6}} : "
                                         "({0}, {1}, {2}) -> {3}\n  return %0 : {3}\n}",
                                         tensor({rows, columns}, from), tensor(factors, "i32"), tensor(factors, "i8"),
                                         tensor({rows, columns}, to), zeroPoint(from, 140), zeroPoint(to, 9), twice ? ", double_round" : "");
        expectExact(text, {"x", "multiplier", "shift"}, codegen::buildLoops);
      }
}

TEST_F(RescaleKernel, BehindProducts) {
  for (int round = 0; round < 15; ++round) {
    int64_t m = roll(1, 20), k = roll(1, 70), n = roll(1, 70);
    llvm::StringRef element = roll(0, 1) ? "ui8" : "i8", to = roll(0, 1) ? "ui8" : "i8";
    std::string text = llvm::formatv("func.func @f(%x: {0}, %w: {1} {{test.weight}, %b: {2} {{test.weight}, %m: {2} {{test.weight}, %s: {3} {{test.weight}) -> {4} {{\n"
                                     "  %0 = nn.matmul %x, %w, %b {{zero_point = {6} : i64} : ({0}, {1}, {2}) -> {5}\n"
                                     "  %1 = nn.rescale %0, %m, %s {{output_zero_point = {7} : i64} : ({5}, {2}, {3}) -> {4}\n  return %1 : {4}\n}",
                                     tensor({m, k}, element), tensor({k, n}, "i8"), tensor({n}, "i32"), tensor({n}, "i8"), tensor({m, n}, to),
                                     tensor({m, n}, "i32"), zeroPoint(element, roll(0, 255)), zeroPoint(to, roll(0, 255)));
    expectExact(text, {"x", "w", "b", "multiplier", "shift"}, buildAny);
  }
}

TEST_F(RescaleKernel, BehindConvolutions) {
  for (int round = 0; round < 20; ++round) {
    bool isDepthwise = round % 2;
    int64_t h = roll(1, 12), w = roll(1, 20), c = roll(1, 20), o = roll(1, 40), r = roll(1, 3), stride = roll(1, 2);
    if (isDepthwise)
      c = o = roll(16, 100);
    int64_t oh = (h + 2 - r) / stride + 1, ow = (w + 2 - r) / stride + 1;
    llvm::StringRef element = roll(0, 1) ? "ui8" : "i8", to = roll(0, 1) ? "ui8" : "i8";
    std::string text =
        llvm::formatv("func.func @f(%x: {0}, %w: {1} {{test.weight}, %m: {2} {{test.weight}, %s: {3} {{test.weight}) -> {4} {{\n"
                      "  %0 = nn.conv %x, %w {{strides = array<i64: {6}, {6}>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, "
                      "groups = {7} : i64, channels_last, zero_point = {8} : i64} : ({0}, {1}) -> {5}\n"
                      "  %1 = nn.rescale %0, %m, %s {{output_zero_point = {9} : i64} : ({5}, {2}, {3}) -> {4}\n  return %1 : {4}\n}",
                      tensor({1, h, w, c}, element), tensor({o, isDepthwise ? 1 : c, r, r}, "i8"), tensor({o}, "i32"), tensor({o}, "i8"),
                      tensor({1, oh, ow, o}, to), tensor({1, oh, ow, o}, "i32"), stride, isDepthwise ? c : 1, zeroPoint(element, roll(0, 255)),
                      zeroPoint(to, roll(0, 255)));
    expectExact(text, {"x", "w", "multiplier", "shift"}, buildAny);
  }
}

TEST_F(RescaleKernel, ResidualsAndBounds) {
  for (size_t i = 0; i < std::size(targets); ++i)
    expectExact(R"(func.func @f(%x: tensor<30x24xui8>, %w: tensor<24x40xi8> {test.weight}, %m: tensor<40xi32> {test.weight}, %s: tensor<40xi8> {test.weight},
                              %y: tensor<30x40xui8>, %n: tensor<i32> {test.weight}, %t: tensor<i8> {test.weight}) -> tensor<30x40xui8> {
    %0 = nn.matmul %x, %w {zero_point = 9 : i64} : (tensor<30x24xui8>, tensor<24x40xi8>) -> tensor<30x40xi32>
    %1 = nn.rescale %0, %m, %s : (tensor<30x40xi32>, tensor<40xi32>, tensor<40xi8>) -> tensor<30x40xi32>
    %2 = nn.rescale %y, %n, %t {input_zero_point = 77 : i64} : (tensor<30x40xui8>, tensor<i32>, tensor<i8>) -> tensor<30x40xi32>
    %3 = nn.binary add %1, %2 : (tensor<30x40xi32>, tensor<30x40xi32>) -> tensor<30x40xi32>
    %half = nn.constant dense<1073741824> : tensor<i32>
    %far = nn.constant dense<50> : tensor<i8>
    %4 = nn.rescale %3, %half, %far {output_zero_point = 5 : i64} : (tensor<30x40xi32>, tensor<i32>, tensor<i8>) -> tensor<30x40xui8>
    %5 = nn.clamp %4 {low = 5.0 : f64, high = 200.0 : f64} : (tensor<30x40xui8>) -> tensor<30x40xui8>
    return %5 : tensor<30x40xui8>
  })", {"x", "w", "multiplier", "shift", "y", "multiplier", "shift"}, codegen::buildContraction);
}
