//===- RescaleTest.cpp - the rule tosa ------------------------------------===//

#include "ir/reference/Evaluate.h"
#include "tests/unit/nn/OneOp.h"
#include "llvm/Support/FormatVariadic.h"
#include <algorithm>
#include <gtest/gtest.h>
#include <random>

using namespace fettle;
using namespace fettle::test;

namespace {

constexpr int64_t least = std::numeric_limits<int32_t>::min(), most = std::numeric_limits<int32_t>::max();

/// One element, i32 to i32.
int64_t rescale(int64_t x, int64_t multiplier, int64_t shift, bool twice = false) {
  OneOp op("nn.rescale %0, %1, %2 " + std::string(twice ? "{double_round} " : "") +
               ": (tensor<1xi32>, tensor<i32>, tensor<i8>) -> tensor<1xi32>",
           {llvm::formatv("dense<{0}> : tensor<1xi32>", x).str(), llvm::formatv("dense<{0}> : tensor<i32>", multiplier).str(),
            llvm::formatv("dense<{0}> : tensor<i8>", shift).str()});
  return int64_t(op.values().at(0));
}

/// floor(x) of a quotient of 128-bit integers.
__int128 floorDivide(__int128 numerator, __int128 denominator) {
  __int128 quotient = numerator / denominator;
  return quotient - (numerator % denominator != 0 && (numerator < 0) != (denominator < 0));
}

/// x m / 2^s to the nearest, halves up; saturated. No shift, and nothing that could overflow.
int64_t nearest(int64_t x, int64_t m, int64_t s) {
  __int128 unit = __int128(1) << s;
  __int128 result = floorDivide(2 * __int128(x) * m + unit, 2 * unit);
  return int64_t(std::clamp<__int128>(result, least, most));
}

/// Rounded at 31 bits, away from 0, then at s: floor(((2 x m +- 2^31) + 2^s) / 2^(s + 1)).
int64_t nearestTwice(int64_t x, int64_t m, int64_t s) {
  if (s <= 31)
    return nearest(x, m, s);
  __int128 unit = __int128(1) << s, first = __int128(1) << 31;
  __int128 result = floorDivide(2 * __int128(x) * m + (x >= 0 ? first : -first) + unit, 2 * unit);
  return int64_t(std::clamp<__int128>(result, least, most));
}

} // namespace

TEST(RescaleReference, HalvesGoUp) {
  // Times one half.
  int64_t wanted[] = {-2, -2, -1, -1, 0, 0, 1, 1, 2, 2, 3};
  for (int64_t x = -5; x <= 5; ++x)
    EXPECT_EQ(rescale(x, 1 << 30, 31), wanted[x + 5]) << x;
  // x m / 2^s = 2.5 is 3, -2.5 is -2, with any shift.
  for (int64_t shift = 2; shift <= 60; ++shift) {
    int64_t m = int64_t(1) << std::min<int64_t>(shift - 1, 30), x = int64_t(5) << std::max<int64_t>(shift - 31, 0);
    if (x > most)
      break;
    EXPECT_EQ(rescale(x, m, shift), 3) << shift;
    EXPECT_EQ(rescale(-x, m, shift), -2) << shift;
  }
}

TEST(RescaleReference, TwoRoundings) {
  // With shift 32: 3 2^29 / 2^32 = 0.375 is 0; at 31 bits it is 0.75, rounded to 1, whose half is rounded to 1.
  EXPECT_EQ(rescale(3, 1 << 29, 32), 0);
  EXPECT_EQ(rescale(3, 1 << 29, 32, true), 1);
  EXPECT_EQ(rescale(-3, 1 << 29, 32), 0);
  EXPECT_EQ(rescale(-3, 1 << 29, 32, true), -1);
  // Up to 31 there is nothing to round first.
  EXPECT_EQ(rescale(3, 1 << 29, 31, true), rescale(3, 1 << 29, 31));
}

TEST(RescaleReference, EqualsWideIntegersAtTheEdges) {
  std::vector<int64_t> values = {least, least + 1, -(1 << 30), -3, -1, 0, 1, 2, 5, 1 << 30, most - 1, most};
  std::vector<int64_t> multipliers = {0, 1, 3, (1 << 30) - 1, 1 << 30, (1 << 30) + 1, most - 1, most};
  for (int64_t shift = 2; shift <= 62; ++shift)
    for (int64_t multiplier : multipliers) {
      std::vector<std::string> operands = {
          llvm::formatv("dense<[{0:$[, ]}]> : tensor<12xi32>", llvm::make_range(values.begin(), values.end())).str(),
          llvm::formatv("dense<{0}> : tensor<i32>", multiplier).str(), llvm::formatv("dense<{0}> : tensor<i8>", shift).str()};
      OneOp once("nn.rescale %0, %1, %2 : (tensor<12xi32>, tensor<i32>, tensor<i8>) -> tensor<12xi32>", operands);
      OneOp twice("nn.rescale %0, %1, %2 {double_round} : (tensor<12xi32>, tensor<i32>, tensor<i8>) -> tensor<12xi32>", operands);
      Values one = once.values(), two = twice.values();
      ASSERT_EQ(one.size(), values.size());
      for (size_t i = 0; i < values.size(); ++i) {
        EXPECT_EQ(int64_t(one[i]), nearest(values[i], multiplier, shift)) << values[i] << " " << multiplier << " " << shift;
        EXPECT_EQ(int64_t(two[i]), nearestTwice(values[i], multiplier, shift)) << values[i] << " " << multiplier << " " << shift;
      }
    }
}

TEST(RescaleReference, EqualsWideIntegersAtRandom) {
  std::mt19937_64 generator(3);
  for (int round = 0; round < 300; ++round) {
    auto x = int64_t(int32_t(generator())), m = int64_t(generator() >> 33), s = int64_t(2 + generator() % 61);
    EXPECT_EQ(rescale(x, m, s), nearest(x, m, s)) << x << " " << m << " " << s;
    EXPECT_EQ(rescale(x, m, s, true), nearestTwice(x, m, s)) << x << " " << m << " " << s;
  }
}

TEST(RescaleReference, ZeroPointsAndSaturation) {
  std::vector<std::string> operands = {"dense<[-2147483648, -260, -256, 0, 3, 250, 2147483647]> : tensor<7xi32>",
                                       "dense<1073741824> : tensor<i32>", "dense<31> : tensor<i8>"};
  EXPECT_EQ(OneOp("nn.rescale %0, %1, %2 {output_zero_point = 128 : i64} : (tensor<7xi32>, tensor<i32>, tensor<i8>) -> tensor<7xui8>",
                  operands)
                .values(),
            Values({0, 0, 0, 128, 130, 253, 255}));
  EXPECT_EQ(OneOp("nn.rescale %0, %1, %2 {output_zero_point = -3 : i64} : (tensor<7xi32>, tensor<i32>, tensor<i8>) -> tensor<7xi8>",
                  operands)
                .values(),
            Values({-128, -128, -128, -3, -1, 122, 127}));
  // Bytes of either sign to i32, 2^20 times: shift 10.
  operands = {"dense<[0, 7, 255]> : tensor<3xui8>", "dense<1073741824> : tensor<i32>", "dense<10> : tensor<i8>"};
  EXPECT_EQ(OneOp("nn.rescale %0, %1, %2 {input_zero_point = 7 : i64} : (tensor<3xui8>, tensor<i32>, tensor<i8>) -> tensor<3xi32>",
                  operands)
                .values(),
            Values({-7340032, 0, 260046848}));
  operands[0] = "dense<[-128, -3, 127]> : tensor<3xi8>";
  EXPECT_EQ(OneOp("nn.rescale %0, %1, %2 {input_zero_point = -3 : i64} : (tensor<3xi8>, tensor<i32>, tensor<i8>) -> tensor<3xi32>",
                  operands)
                .values(),
            Values({-131072000, 0, 136314880}));
}

TEST(RescaleReference, MultiplierPerChannel) {
  OneOp op("nn.rescale %0, %1, %2 : (tensor<2x2x2xi32>, tensor<2x1xi32>, tensor<2x1xi8>) -> tensor<2x2x2xi8>",
           {"dense<[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]> : tensor<2x2x2xi32>", "dense<[[1073741824], [1073741824]]> : tensor<2x1xi32>",
            "dense<[[30], [31]]> : tensor<2x1xi8>"});
  EXPECT_EQ(op.values(), Values({1, 2, 2, 2, 5, 6, 4, 4}));
}

TEST(RescaleReference, ShiftsOutsideCountAsTheNearest) {
  EXPECT_EQ(rescale(100, 4, 0), rescale(100, 4, 2));
  EXPECT_EQ(rescale(most, most, 127), rescale(most, most, 62));
  EXPECT_EQ(rescale(100, 4, -128), rescale(100, 4, 2));
}

TEST(RescaleShapes, RefusesWhatTosaHasNot) {
  const char *text = "nn.rescale %0, %1, %2 : ({0}, {1}, {2}) -> {3}";
  auto refused = [&](const char *input, const char *multiplier, const char *shift, const char *output, const char *message) {
    expectRefused(llvm::formatv(text, input, multiplier, shift, output).str(), {input, multiplier, shift}, message);
  };
  refused("tensor<2xf32>", "tensor<i32>", "tensor<i8>", "tensor<2xi8>", "elements are 'f32'");
  refused("tensor<2xi64>", "tensor<i32>", "tensor<i8>", "tensor<2xi8>", "elements are 'i64'");
  refused("tensor<2xi32>", "tensor<i32>", "tensor<i8>", "tensor<2xui32>", "elements are 'ui32'");
  refused("tensor<2xi32>", "tensor<i64>", "tensor<i8>", "tensor<2xi8>", "i32 and i8 of one shape");
  refused("tensor<2xi32>", "tensor<2xi32>", "tensor<i8>", "tensor<2xi8>", "i32 and i8 of one shape");
  refused("tensor<2xi32>", "tensor<3xi32>", "tensor<3xi8>", "tensor<2xi8>", "multiplier");
  refused("tensor<2xi32>", "tensor<i32>", "tensor<i8>", "tensor<3xi8>", "changes the shape");
  expectRefused("nn.rescale %0, %1, %2 {input_zero_point = 1 : i64} : (tensor<2xi32>, tensor<i32>, tensor<i8>) -> tensor<2xi8>",
                {"tensor<2xi32>", "tensor<i32>", "tensor<i8>"}, "only 8-bit integers have one");
  expectRefused("nn.rescale %0, %1, %2 {output_zero_point = 200 : i64} : (tensor<2xi32>, tensor<i32>, tensor<i8>) -> tensor<2xi8>",
                {"tensor<2xi32>", "tensor<i32>", "tensor<i8>"}, "is no value of");
}
