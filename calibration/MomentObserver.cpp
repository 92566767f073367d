//===- MomentObserver.cpp - what a product gets, beside what it should give -===//

#include "calibration/MomentObserver.h"
#include "calibration/SampledPositions.h"

namespace fettle::calibration {

/// Rows whose products are summed at once: enough for products of matrices to be fast.
static constexpr int64_t maxPending = 256;

MomentObserver::MomentObserver(const ContractionRows &rows, int64_t rowsPerSample)
    : rows(rows), rowsPerSample(std::min(rowsPerSample, rows.positions())), row(rows.width()), inputs(maxPending, rows.width()),
      targets(maxPending, rows.outputs()), inputSums(Eigen::VectorXd::Zero(rows.width())),
      targetSums(Eigen::VectorXd::Zero(rows.outputs())), products(Eigen::MatrixXd::Zero(rows.width(), rows.width())),
      cross(Eigen::MatrixXd::Zero(rows.outputs(), rows.width())) {
  // Eigen orders sums by the sizes of caches; the result shall not depend on the machine.
  Eigen::setCpuCacheSizes(32 << 10, 1 << 20, 8 << 20);
}

void MomentObserver::see(int64_t sample, llvm::ArrayRef<float> input, llvm::ArrayRef<float> target) {
  for (int64_t i = 0; i < rowsPerSample; ++i) {
    const int64_t position = sampledPosition(sample, i, rowsPerSample, rows.positions());
    rows.gather(input, position, row.data());
    for (int64_t column = 0; column < rows.width(); ++column)
      inputs(numPending, column) = row[column];
    for (int64_t output = 0; output < rows.outputs(); ++output)
      targets(numPending, output) = target[position * rows.outputs() + output];
    ++seen;
    if (++numPending == maxPending)
      addProducts();
  }
}

void MomentObserver::addProducts() {
  if (numPending == 0)
    return;
  auto x = inputs.topRows(numPending), y = targets.topRows(numPending);
  inputSums += x.colwise().sum().transpose();
  targetSums += y.colwise().sum().transpose();
  products.selfadjointView<Eigen::Upper>().rankUpdate(x.transpose());
  cross.noalias() += y.transpose() * x;
  numPending = 0;
}

ProductMoments MomentObserver::take() {
  addProducts();
  const double count = double(seen);
  ProductMoments moments;
  moments.width = rows.width();
  moments.outputs = rows.outputs();
  const Eigen::VectorXd mean = inputSums / count, targetMean = targetSums / count;
  auto add = [](std::vector<float> &list, double value) { list.push_back(static_cast<float>(value)); };
  for (double value : mean)
    add(moments.mean, value);
  for (double value : targetMean)
    add(moments.targetMean, value);
  for (int64_t i = 0; i < rows.width(); ++i)
    for (int64_t j = i; j < rows.width(); ++j)
      add(moments.covariance, products(i, j) / count - mean[i] * mean[j]);
  for (int64_t output = 0; output < rows.outputs(); ++output)
    for (int64_t column = 0; column < rows.width(); ++column)
      add(moments.cross, cross(output, column) / count - targetMean[output] * mean[column]);
  return moments;
}

} // namespace fettle::calibration
