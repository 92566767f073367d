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
  void see(int64_t sample, llvm::ArrayRef<float> input) { see(sample, input, input); }
  /// The rows that are rounded are a student's; the means beside those of the rounded ones are its teacher's. For all samples, or none.
  void seeBoth(int64_t sample, llvm::ArrayRef<float> teacher, llvm::ArrayRef<float> student) {
    if (missing.empty()) {
      missing.assign(size_t(rows.groups()), Eigen::MatrixXd::Zero(rows.width(), rows.width()));
      differences.resize(pending.rows(), pending.cols());
    }
    see(sample, teacher, student);
  }

  RowStatistics take();

private:
  void see(int64_t sample, llvm::ArrayRef<float> teacher, llvm::ArrayRef<float> student);
  void addProducts();

  ContractionRows rows;
  Grid grid;
  int64_t rowsPerSample, seen = 0;
  std::vector<float> row, studentRow;
  /// Rounded rows in steps of the grid, not yet in `products`: integers, so that sums of their
  /// products are exact in float for as many rows as fit.
  Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> pending;
  int64_t numPending = 0;
  Eigen::VectorXd sums, roundedSums;
  std::vector<Eigen::MatrixXd> products; ///< of each group, upper triangle
  /// Teachers' rows less the rounded ones of students, of those pending, and their products with the latter, of each group; if there are teachers.
  Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> differences;
  std::vector<Eigen::MatrixXd> missing;
};

} // namespace fettle::calibration

#endif
