//===- Grid.h - the 256 numbers that a tensor may hold ---------------------===//
#ifndef FETTLE_PASSES_QUANTIZE_GRID_H
#define FETTLE_PASSES_QUANTIZE_GRID_H

#include "ir/profile/Profile.h"

namespace fettle {

/// The reals (q - zeroPoint) * scale for q = 0..255. Zero is one of them.
struct Grid {
  float scale = 1; ///< positive and finite
  int64_t zeroPoint = 0;

  double low() const { return -double(zeroPoint) * scale; }
  double high() const { return double(255 - zeroPoint) * scale; }
  /// The number of the grid nearest to `value`.
  double round(double value) const;
};

/// The finest grid that reaches from `low` to `high` (and to zero).
Grid gridOver(double low, double high);

/// How the ends of a grid are chosen. All of them see a histogram, so that their cost
/// does not depend on the data.
enum class GridMethod {
  MinMax,     ///< nothing is clipped
  Percentile, ///< a given share of the elements is not clipped
  Entropy,    ///< least Kullback-Leibler divergence of the rounded histogram from the measured one
  Mse         ///< least mean square error of rounding and clipping together
};

struct GridOptions {
  GridMethod method = GridMethod::Mse;
  double percentile = 99.99; ///< for GridMethod::Percentile
};

Grid chooseGrid(const TensorStatistics &statistics, const GridOptions &options);

/// Mean square error of `grid` on the elements of `statistics`.
double gridError(const TensorStatistics &statistics, const Grid &grid);

} // namespace fettle

#endif
