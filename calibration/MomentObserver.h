//===- MomentObserver.h - what a product gets, beside what it should give --===//
#ifndef FETTLE_CALIBRATION_MOMENTOBSERVER_H
#define FETTLE_CALIBRATION_MOMENTOBSERVER_H

#include "ir/profile/Profile.h"
#include "passes/quantize/ContractionRows.h"
#include <Eigen/Core>

namespace fettle::calibration {

/// Sees the input of a product with weights in a student, and what its result should be, and sums up means and products.
/// Memory: width * (width + outputs), whatever the number of samples.
class MomentObserver {
public:
  /// `rows` are of one group; `rowsPerSample` of them are taken from each sample, or all if there are fewer.
  MomentObserver(const ContractionRows &rows, int64_t rowsPerSample);

  /// `target` [positions, outputs]. Which rows are taken follows from `sample` alone.
  void see(int64_t sample, llvm::ArrayRef<float> input, llvm::ArrayRef<float> target);

  /// At least one sample was seen.
  ProductMoments take();

private:
  using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  void addProducts();

  ContractionRows rows;
  int64_t rowsPerSample, seen = 0, numPending = 0;
  std::vector<float> row;
  Rows inputs, targets; ///< not yet in the sums
  Eigen::VectorXd inputSums, targetSums;
  Eigen::MatrixXd products; ///< of inputs with inputs, upper triangle
  Eigen::MatrixXd cross;    ///< of targets with inputs
};

} // namespace fettle::calibration

#endif
