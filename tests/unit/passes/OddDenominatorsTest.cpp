//===- OddDenominatorsTest.cpp - factors that leave no ties ---------------===//

#include "passes/quantize/OddDenominators.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

namespace fettle::test {

TEST(OddDenominators, NoMultipleIsNearATie) {
  std::mt19937 random(7);
  for (int round = 0; round < 20; ++round) {
    double factor = std::exp2(-1 - 12 * std::uniform_real_distribution()(random));
    std::optional<int64_t> denominator = commonOddDenominator({factor}, 1);
    ASSERT_TRUE(denominator);
    EXPECT_LE(double(*denominator), std::max(512.0, 1 / factor)) << "the smaller, the further from ties";
    int64_t numerator = numeratorAbove(factor, *denominator);
    EXPECT_GE(double(numerator) / double(*denominator), factor);
    EXPECT_LE(double(numerator) / double(*denominator), factor * (1 + 1.0 / 256));
    for (int64_t sum = 0; sum < 1 << 18; ++sum) {
      double value = double(sum) * double(numerator) / double(*denominator), toTie = std::fabs(value - std::floor(value) - 0.5);
      ASSERT_GE(toTie, 0.499999 / double(*denominator)) << factor << " " << sum;
    }
  }
}

TEST(OddDenominators, SeveralFactorsShareOne) {
  std::optional<int64_t> denominator = commonOddDenominator({0.0011, 0.0047, 0.0013}, 9);
  ASSERT_TRUE(denominator);
  EXPECT_EQ(*denominator % 9, 0);
  EXPECT_EQ(*denominator % 2, 1);
  for (double factor : {0.0011, 0.0047, 0.0013}) {
    double chosen = double(numeratorAbove(factor, *denominator)) / double(*denominator);
    EXPECT_GE(chosen, factor);
    EXPECT_LE(chosen, factor * (1 + 1.0 / 256));
  }
}

TEST(OddDenominators, FactorsAboveOneAndOutOfReach) {
  EXPECT_EQ(commonOddDenominator({3.0}, 1), 1);
  EXPECT_EQ(commonOddDenominator({1.0 / 1023}, 1), 1021) << "1 / 1019 is more than a 256th above";
  EXPECT_FALSE(commonOddDenominator({1e-7}, 1));
  EXPECT_FALSE(oddFractionBelow(0));
  EXPECT_FALSE(oddFractionBelow(1e-9));
  EXPECT_FALSE(oddFractionBelow(NAN));
}

TEST(OddDenominators, OfRatios) {
  auto expectFraction = [](double ratio, int64_t numerator, int64_t denominator) {
    std::optional<Fraction> fraction = oddFractionBelow(ratio);
    ASSERT_TRUE(fraction);
    EXPECT_EQ(fraction->numerator, numerator) << ratio;
    EXPECT_EQ(fraction->denominator, denominator) << ratio;
  };
  expectFraction(1, 1, 1);
  expectFraction(1.01, 1, 1);
  expectFraction(2.0 / 3, 2, 3);
  expectFraction(0.5, 32, 65); // 1 / 2 itself has ties
  expectFraction(1.0 / 64, 1, 65);
  EXPECT_EQ(oddDenominatorOf(float(0.3f * 7 / 9) / 0.3f), 9);
  EXPECT_EQ(oddDenominatorOf(4), 1);
  EXPECT_FALSE(oddDenominatorOf(0.5)) << "no odd one";
  EXPECT_FALSE(oddDenominatorOf(0.7312345));
}

} // namespace fettle::test
