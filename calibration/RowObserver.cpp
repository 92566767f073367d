//===- RowObserver.cpp - second moments of a contraction's inputs ----------===//

#include "calibration/RowObserver.h"
#include "calibration/SampledPositions.h"
#include <algorithm>
#include <cmath>

namespace fettle::calibration {

/// Products of steps are below 2^16, so that 256 of them are summed exactly in a float: the result is
/// the same in any order of additions, on any machine.
static constexpr int64_t maxPending = 256;

RowObserver::RowObserver(const ContractionRows &rows, const Grid &grid, int64_t rowsPerSample)
    : rows(rows), grid(grid), rowsPerSample(std::min(rowsPerSample, rows.positions())),
      row(rows.groups() * rows.width()), studentRow(row.size()), pending(std::min(maxPending, std::max<int64_t>(64, rowsPerSample)), row.size()),
      sums(Eigen::VectorXd::Zero(row.size())), roundedSums(Eigen::VectorXd::Zero(row.size())),
      products(rows.groups(), Eigen::MatrixXd::Zero(rows.width(), rows.width())) {
  // Eigen orders sums by the sizes of caches; the result shall not depend on the machine.
  Eigen::setCpuCacheSizes(32 << 10, 1 << 20, 8 << 20);
}

void RowObserver::see(int64_t sample, llvm::ArrayRef<float> teacher, llvm::ArrayRef<float> student) {
  const float perStep = 1 / grid.scale, low = float(-grid.zeroPoint), high = float(255 - grid.zeroPoint);
  for (int64_t i = 0; i < rowsPerSample; ++i) {
    const int64_t position = sampledPosition(sample, i, rowsPerSample, rows.positions());
    rows.gather(teacher, position, row.data());
    if (missing.empty())
      studentRow = row;
    else
      rows.gather(student, position, studentRow.data());
    for (size_t column = 0; column < row.size(); ++column) {
      float steps = std::min(std::max(std::nearbyint(studentRow[column] * perStep), low), high);
      pending(numPending, column) = steps;
      sums[column] += row[column];
      roundedSums[column] += steps;
    }
    if (!missing.empty())
      for (size_t column = 0; column < row.size(); ++column)
        differences(numPending, column) = double(row[column]) - double(pending(numPending, column)) * grid.scale;
    ++seen;
    if (++numPending == pending.rows())
      addProducts();
  }
}

void RowObserver::addProducts() {
  if (numPending == 0)
    return;
  const int64_t width = rows.width();
  Eigen::MatrixXf batch(width, width);
  for (int64_t group = 0; group < rows.groups(); ++group) {
    auto part = pending.block(0, group * width, numPending, width);
    batch.setZero();
    batch.selfadjointView<Eigen::Upper>().rankUpdate(part.transpose());
    products[group].triangularView<Eigen::Upper>() += batch.cast<double>();
    if (!missing.empty())
      missing[group].noalias() += differences.block(0, group * width, numPending, width).transpose() * part.cast<double>();
  }
  numPending = 0;
}

RowStatistics RowObserver::take() {
  addProducts();
  RowStatistics statistics;
  statistics.scale = grid.scale;
  statistics.zeroPoint = grid.zeroPoint;
  statistics.groups = rows.groups();
  statistics.width = rows.width();
  const double count = double(std::max<int64_t>(1, seen)), scale = grid.scale;
  for (int64_t column = 0; column < sums.size(); ++column) {
    statistics.mean.push_back(static_cast<float>(sums[column] / count));
    statistics.roundedMean.push_back(static_cast<float>(roundedSums[column] / count * scale));
  }
  for (int64_t group = 0; group < rows.groups(); ++group) {
    auto mean = roundedSums.segment(group * rows.width(), rows.width()) / count;
    for (int64_t i = 0; i < rows.width(); ++i)
      for (int64_t j = i; j < rows.width(); ++j)
        statistics.covariance.push_back(
            static_cast<float>((products[group](i, j) / count - mean[i] * mean[j]) * scale * scale));
    if (missing.empty())
      continue;
    auto lacking = sums.segment(group * rows.width(), rows.width()) / count - mean * scale;
    for (int64_t i = 0; i < rows.width(); ++i)
      for (int64_t j = 0; j < rows.width(); ++j)
        statistics.missing.push_back(static_cast<float>((missing[group](i, j) / count - lacking[i] * mean[j]) * scale));
  }
  return statistics;
}

} // namespace fettle::calibration
