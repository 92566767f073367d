//===- RowObserver.h - second moments of a contraction's inputs ------------===//
#ifndef FETTLE_CALIBRATION_ROWOBSERVER_H
#define FETTLE_CALIBRATION_ROWOBSERVER_H

#include "passes/quantize/ContractionRows.h"
#include "passes/quantize/Grid.h"
#include <Eigen/Core>

namespace fettle::calibration {

/// Sees the input tensor of a contraction, takes some of its rows, rounds them to a grid and
/// sums up means and products. Memory: groups * width^2, whatever the number of samples.
class RowObserver {
public:
  /// `rowsPerSample` rows of each tensor, or all if there are fewer.
  RowObserver(const ContractionRows &rows, const Grid &grid, int64_t rowsPerSample);

  /// Which rows are taken follows from `sample` alone.
  void see(int64_t sample, llvm::ArrayRef<float> input);

  RowStatistics take();

private:
  void addProducts();

  ContractionRows rows;
  Grid grid;
  int64_t rowsPerSample, seen = 0;
  std::vector<float> row;
  /// Rounded rows in steps of the grid, not yet in `products`: integers, so that sums of their
  /// products are exact in float for as many rows as fit.
  Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> pending;
  int64_t numPending = 0;
  Eigen::VectorXd sums, roundedSums;
  std::vector<Eigen::MatrixXd> products; ///< of each group, upper triangle
};

} // namespace fettle::calibration

#endif
