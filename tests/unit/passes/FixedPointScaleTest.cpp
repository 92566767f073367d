//===- FixedPointScaleTest.cpp - multipliers and shifts -------------------===//

#include "passes/quantize/FixedPointScale.h"
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <random>

using namespace fettle;

namespace {
void expectScale(double numerator, double denominator, int64_t multiplier, int shift) {
  auto scale = FixedPointScale::ofRatio(numerator, denominator);
  ASSERT_TRUE(scale.has_value()) << numerator << " / " << denominator;
  EXPECT_EQ(scale->multiplier, multiplier) << numerator << " / " << denominator;
  EXPECT_EQ(scale->shift, shift) << numerator << " / " << denominator;
}
} // namespace

TEST(FixedPointScale, PowersOfTwoAndSimpleFractions) {
  expectScale(1, 1, 1 << 30, 30);
  expectScale(0.75, 1, 1610612736, 31);
  expectScale(1, 4, 1 << 30, 32);
  expectScale(3, 8, 1610612736, 32);
  expectScale(1, 3, 1431655765, 32); // 1431655765.33
  expectScale(2, 3, 1431655765, 31);
  expectScale(0, 5, 0, 31);
}

TEST(FixedPointScale, RoundingMayCarry) {
  // 1 - 2^-33 has 32 ones and more behind the point.
  expectScale(1 - std::ldexp(1, -33), 1, 1 << 30, 30);
  expectScale(1 - std::ldexp(1, -31), 1, (int64_t(1) << 31) - 1, 31);
}

TEST(FixedPointScale, EndsOfTheShift) {
  expectScale(std::ldexp(1, 28), 1, 1 << 30, 2);
  expectScale(std::ldexp(1, -32), 1, 1 << 30, 62);
  expectScale(std::ldexp(3, -36), 1, 3 << 26, 62); // one digit of 2^30 fewer for each power below
  expectScale(std::ldexp(1, -62), 1, 1, 62);
  expectScale(std::ldexp(1, -63), 1, 0, 62);
  expectScale(5e-324, 1, 0, 62);
  for (double bad : {std::ldexp(1, 29), -1.0, double(INFINITY), double(NAN)})
    EXPECT_FALSE(FixedPointScale::ofRatio(bad, 1)) << bad;
  for (double bad : {0.0, -1.0, double(INFINITY), double(NAN)})
    EXPECT_FALSE(FixedPointScale::ofRatio(1, bad)) << bad;
}

// The nearest of 31 bits, checked in 128: |a 2^k / b - m| <= 1/2 is |a 2^(k + 1) - 2 m b| <= b.
TEST(FixedPointScale, IsTheNearest) {
  std::mt19937_64 generator(1);
  for (int round = 0; round < 100000; ++round) {
    auto a = float((generator() >> 40) + 1), b = float((generator() >> 40) + 1);
    if (a / b >= float(1 << 29))
      continue;
    FixedPointScale scale = FixedPointScale::ofRatio(a, b).value();
    ASSERT_GE(scale.multiplier, 1 << 30);
    __int128 difference = (__int128(a) << (scale.shift + 1)) - 2 * __int128(scale.multiplier) * __int128(b);
    ASSERT_LE(difference < 0 ? -difference : difference, __int128(b)) << a << " / " << b;
  }
}

TEST(FixedPointScale, TakesWhatTosaDefines) {
  FixedPointScale scale{1 << 30, 30}; // 1
  EXPECT_TRUE(scale.takes((1 << 29) - 1));
  EXPECT_FALSE(scale.takes(1 << 29));
  EXPECT_TRUE((FixedPointScale{1 << 30, 33}).takes(int64_t(1) << 31));
}
