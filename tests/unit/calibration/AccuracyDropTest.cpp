//===- AccuracyDropTest.cpp - intervals hold as often as they say ----------===//

#include "calibration/AccuracyDrop.h"
#include "llvm/ADT/STLExtras.h"
#include <gtest/gtest.h>
#include <random>
#include <vector>

namespace fettle::calibration::test {

/// How often the interval of `count` rows holds the true drop, of rows that lose with probability `lost` and gain with `gained`.
static double coverage(double lost, double gained, int count, LossKind kind, double confidence) {
  constexpr int rounds = 4000;
  std::mt19937 random(7);
  std::uniform_real_distribution<double> uniform;
  int held = 0;
  for (int round = 0; round < rounds; ++round) {
    std::vector<int> losses;
    for (int row = 0; row < count; ++row) {
      double draw = uniform(random);
      losses.push_back(draw < lost ? 1 : draw < lost + gained ? -1 : 0);
    }
    AccuracyDrop drop = estimateDrop(losses, kind, confidence);
    double truth = 100 * (lost - gained);
    held += drop.low <= truth && truth <= drop.high;
  }
  return double(held) / rounds;
}

TEST(AccuracyDrop, IntervalsHoldWhatTheyPromise) {
  // A discrete count cannot hold 95 % exactly; the textbook interval falls to 60 % and less in the first rows.
  for (auto [lost, gained] : {std::pair(0.002, 0.002), {0.005, 0.005}, {0.01, 0.004}, {0.03, 0.01}, {0.2, 0.1}})
    for (int count : {200, 1000}) {
      EXPECT_GE(coverage(lost, gained, count, LossKind::Labelled, 0.95), 0.93) << lost << " " << gained << " " << count;
      EXPECT_GE(coverage(lost + gained, 0, count, LossKind::Agreement, 0.95), 0.91) << lost + gained << " " << count;
      EXPECT_GE(coverage(lost, gained, count, LossKind::Labelled, 0.8), 0.77) << lost << " " << gained << " " << count;
    }
}

TEST(AccuracyDrop, NoDifferingRowIsNoCertainty) {
  std::vector<int> losses(400, 0);
  for (LossKind kind : {LossKind::Labelled, LossKind::Agreement}) {
    AccuracyDrop drop = estimateDrop(losses, kind, 0.95);
    EXPECT_EQ(drop.points, 0);
    EXPECT_GT(drop.high, 0.4);
    EXPECT_LT(drop.high, 1.2);
    EXPECT_LE(drop.low, 0);
  }
}

TEST(AccuracyDrop, LiesWithinItsInterval) {
  std::vector<int> losses(100, 0);
  std::fill_n(losses.begin(), 10, 1);
  std::fill_n(losses.begin() + 10, 4, -1);
  AccuracyDrop drop = estimateDrop(losses, LossKind::Labelled, 0.95);
  EXPECT_DOUBLE_EQ(drop.points, 6);
  EXPECT_NEAR(drop.low, -1.5, 0.4);
  EXPECT_NEAR(drop.high, 13.3, 0.4);
  // More rows, less doubt; all rows lost, no more than all.
  std::vector<int> many;
  for (int i = 0; i < 100; ++i)
    llvm::append_range(many, losses);
  AccuracyDrop surer = estimateDrop(many, LossKind::Labelled, 0.95);
  EXPECT_LT(surer.high - surer.low, (drop.high - drop.low) / 9);
  EXPECT_LE(estimateDrop(std::vector<int>(5, 1), LossKind::Agreement, 0.95).high, 100);
}

} // namespace fettle::calibration::test
