//===- ResizedExtent.h - the real length behind an nn.resize --------------===//
#ifndef FETTLE_IR_NN_RESIZEDEXTENT_H
#define FETTLE_IR_NN_RESIZEDEXTENT_H

#include <cmath>
#include <cstdint>

namespace fettle::nn {

/// The length that an axis of nn.resize is scaled to, of which the result's extent
/// may be the whole part; where the scale was made from the extent, the extent itself.
inline double resizedExtent(int64_t input, int64_t output, double scale) {
  double resized = double(input) * scale;
  return std::fabs(resized - double(output)) < 1e-6 * double(output) ? double(output) : resized;
}

} // namespace fettle::nn

#endif
