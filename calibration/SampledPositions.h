//===- SampledPositions.h - which rows of a tensor are looked at -----------===//
#ifndef FETTLE_CALIBRATION_SAMPLEDPOSITIONS_H
#define FETTLE_CALIBRATION_SAMPLEDPOSITIONS_H

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace fettle::calibration {

/// The `i`-th of `count` positions out of `positions` that are taken of a sample: one out of each of `count` stretches of equal
/// length, at an offset that moves with the sample by the golden ratio: all positions get their turn.
inline int64_t sampledPosition(int64_t sample, int64_t i, int64_t count, int64_t positions) {
  const double stretch = double(positions) / double(count);
  double whole;
  const double offset = std::modf(double(sample) * 0.6180339887498949, &whole) * stretch;
  return std::min(int64_t(double(i) * stretch + offset), positions - 1);
}

} // namespace fettle::calibration

#endif
