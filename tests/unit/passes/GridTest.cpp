//===- GridTest.cpp - scales and zero points -------------------------------===//

#include "passes/quantize/Grid.h"
#include <cmath>
#include <gtest/gtest.h>

namespace fettle::test {

/// A histogram of 2048 bins from `min` to `max` with `density` as its shape.
static TensorStatistics spread(double min, double max, double (*density)(double)) {
  TensorStatistics statistics{min, max, std::vector<int64_t>(2048, 0)};
  for (size_t i = 0; i < statistics.histogram.size(); ++i)
    statistics.histogram[i] = std::llround(1e6 * density(statistics.binCenter(i)));
  return statistics;
}
static double normal(double x) { return std::exp(-x * x / 2); }

TEST(Grid, HoldsZeroAndBothEnds) {
  for (auto [low, high] : {std::pair(-1.0, 3.0), {0.0, 6.0}, {2.0, 6.0}, {-5.0, -1.0}, {-1e-3, 1e3}, {-3e38, 3e38}}) {
    Grid grid = gridOver(low, high);
    EXPECT_EQ(grid.round(0), 0);
    EXPECT_GE(grid.zeroPoint, 0);
    EXPECT_LE(grid.zeroPoint, 255);
    EXPECT_NEAR(grid.low(), std::min(low, 0.0), grid.scale);
    EXPECT_NEAR(grid.high(), std::max(high, 0.0), grid.scale);
  }
  EXPECT_EQ(gridOver(0, 0).scale, 1);
  EXPECT_GT(gridOver(0, 1e-44).scale, 0);
  EXPECT_EQ(gridOver(0, 255).round(12.4), 12);
  EXPECT_EQ(gridOver(0, 255).round(300), 255);
}

TEST(Grid, MinMaxClipsNothing) {
  TensorStatistics statistics = spread(-2, 9, normal);
  Grid grid = chooseGrid(statistics, {GridMethod::MinMax});
  EXPECT_NEAR(grid.low(), -2, grid.scale);
  EXPECT_NEAR(grid.high(), 9, grid.scale);
}

TEST(Grid, PercentileLeavesItsShareOutside) {
  // Flat from 0 to 100: the share is the end.
  TensorStatistics statistics = spread(0, 100, [](double) { return 1.0; });
  Grid grid = chooseGrid(statistics, {GridMethod::Percentile, 90});
  EXPECT_NEAR(grid.high(), 90, 1);
  EXPECT_EQ(grid.zeroPoint, 0) << "ten per cent lie below 10, but zero is of every grid";
}

TEST(Grid, MseIsTheLeastOfAllEnds) {
  TensorStatistics statistics = spread(-12, 12, normal);
  Grid chosen = chooseGrid(statistics, {GridMethod::Mse});
  double error = gridError(statistics, chosen), best = error;
  for (double low = 0.5; low <= 12; low += 0.05)
    for (double high = 0.5; high <= 12; high += 0.05)
      best = std::min(best, gridError(statistics, gridOver(-low, high)));
  EXPECT_LT(error, 1.02 * best);
  // The literature's value for 8 bits and a normal distribution is 3.9 deviations.
  EXPECT_NEAR(chosen.high(), 3.9, 0.3);
  EXPECT_LT(error, gridError(statistics, chooseGrid(statistics, {GridMethod::MinMax})));
}

TEST(Grid, MseKeepsAnOutlierThatMatters) {
  TensorStatistics statistics = spread(0, 100, normal);
  statistics.histogram.back() = statistics.count() / 20;
  Grid grid = chooseGrid(statistics, {GridMethod::Mse});
  EXPECT_GT(grid.high(), 90);
}

TEST(Grid, EntropyClipsALongTail) {
  TensorStatistics statistics = spread(-40, 40, normal);
  statistics.histogram.front() = statistics.histogram.back() = 1;
  Grid grid = chooseGrid(statistics, {GridMethod::Entropy});
  EXPECT_LT(grid.high(), 20);
  EXPECT_GT(grid.high(), 2);
}

} // namespace fettle::test
