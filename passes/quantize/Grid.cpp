//===- Grid.cpp - the 256 numbers that a tensor may hold -------------------===//
//
// A grid has two errors: rounding, which grows with its step (step^2 / 12 for each
// element inside), and clipping, which grows as its ends move inwards. Example:
// 10,000 elements spread like a normal distribution of deviation 1, and one of 40.
// From -4 to 40 the step is 0.17 and every element pays for the one; from -4 to 4
// the step is 0.03, and the mean square error falls from 0.0025 to 0.00008 + 0.13
// for the outlier, shared by all: whether to clip is a matter of how many there
// are, and the histogram knows. So the ends are searched: coarsely over both, then
// finer around the best. The error is computed per bin, all elements of a bin
// standing in its middle, which is exact up to the width of a bin (1/8 of a step
// with 2048 bins). Cost: candidates times bins, independent of the data.
//
// Source: the mean-square search is folklore; the divergence is that of S. Migacz,
// "8-bit inference with TensorRT" (2017), for both ends at once.
//
//===----------------------------------------------------------------------===//

#include "passes/quantize/Grid.h"
#include <algorithm>
#include <cfloat>
#include <cmath>

namespace fettle {

static constexpr double levels = 255;

double Grid::round(double value) const {
  double steps = std::nearbyint(value / scale) + double(zeroPoint);
  return (std::clamp(steps, 0.0, levels) - double(zeroPoint)) * scale;
}

Grid gridOver(double low, double high) {
  low = std::min(low, 0.0);
  high = std::max(high, 0.0);
  Grid grid;
  double step = (high - low) / levels;
  if (step == 0)
    return grid;
  grid.scale = static_cast<float>(std::clamp<double>(step, FLT_MIN, FLT_MAX));
  grid.zeroPoint = static_cast<int64_t>(std::clamp(std::nearbyint(-low / grid.scale), 0.0, levels));
  return grid;
}

double gridError(const TensorStatistics &statistics, const Grid &grid) {
  double sum = 0, count = 0;
  for (size_t i = 0; i < statistics.histogram.size(); ++i) {
    if (!statistics.histogram[i])
      continue;
    double value = statistics.binCenter(i), error = value - grid.round(value);
    sum += double(statistics.histogram[i]) * error * error;
    count += double(statistics.histogram[i]);
  }
  return sum / count;
}

namespace {
/// A choice of ends, as shares of the way from zero to the measured ones.
struct Ends {
  double low = 1, high = 1;
};
} // namespace

/// The ends with the least `cost`. An end that lies at zero is not searched.
template <typename Cost> static Grid searchEnds(const TensorStatistics &statistics, Cost cost) {
  const double low = std::min(statistics.min, 0.0), high = std::max(statistics.max, 0.0);
  Ends best;
  double bestCost = INFINITY;
  auto tryEnds = [&](Ends ends) {
    double value = cost(gridOver(low * ends.low, high * ends.high));
    if (value < bestCost) {
      bestCost = value;
      best = ends;
    }
  };
  // 16 x 16 coarse, then three rounds around the best, each with a third of the step.
  constexpr int coarse = 16;
  for (int i = 0; i < (low < 0 ? coarse : 1); ++i)
    for (int j = 0; j < (high > 0 ? coarse : 1); ++j)
      tryEnds({1 - double(i) / coarse, 1 - double(j) / coarse});
  double reach = 1.0 / coarse;
  for (int round = 0; round < 3; ++round) {
    reach /= 3;
    Ends center = best;
    for (int i = -2; i <= 2; ++i)
      for (int j = -2; j <= 2; ++j)
        tryEnds({std::clamp(center.low + i * reach, 0.01, 1.0), std::clamp(center.high + j * reach, 0.01, 1.0)});
  }
  return gridOver(low * best.low, high * best.high);
}

/// The value below which `share` of the elements lie.
static double quantile(const TensorStatistics &statistics, double share) {
  double wanted = share * double(statistics.count()), below = 0;
  for (size_t i = 0; i < statistics.histogram.size(); ++i) {
    double here = double(statistics.histogram[i]);
    if (below + here >= wanted && here > 0)
      return statistics.min + (double(i) + (wanted - below) / here) * statistics.binWidth();
    below += here;
  }
  return statistics.max;
}

/// Kullback-Leibler divergence of what `grid` leaves of the histogram from the histogram: each
/// level spreads its elements evenly over the bins that it covers and that are not empty.
static double divergence(const TensorStatistics &statistics, const Grid &grid) {
  double mass[256] = {}, bins[256] = {}, total = 0;
  auto levelOf = [&](size_t bin) {
    return static_cast<int>(grid.round(statistics.binCenter(bin)) / grid.scale + double(grid.zeroPoint) + 0.5);
  };
  for (size_t i = 0; i < statistics.histogram.size(); ++i)
    if (double count = double(statistics.histogram[i])) {
      mass[levelOf(i)] += count;
      ++bins[levelOf(i)];
      total += count;
    }
  double sum = 0;
  for (size_t i = 0; i < statistics.histogram.size(); ++i)
    if (double count = double(statistics.histogram[i]))
      sum += count / total * std::log(count * bins[levelOf(i)] / mass[levelOf(i)]);
  return sum;
}

Grid chooseGrid(const TensorStatistics &statistics, const GridOptions &options) {
  switch (options.method) {
  case GridMethod::MinMax:
    return gridOver(statistics.min, statistics.max);
  case GridMethod::Percentile: {
    double share = options.percentile / 100;
    return gridOver(quantile(statistics, 1 - share), quantile(statistics, share));
  }
  case GridMethod::Entropy:
    return searchEnds(statistics, [&](const Grid &grid) { return divergence(statistics, grid); });
  case GridMethod::Mse:
    return searchEnds(statistics, [&](const Grid &grid) { return gridError(statistics, grid); });
  }
  return {};
}

} // namespace fettle
