//===- FixedPointScale.h - a real factor as multiplier and shift ----------===//
#ifndef FETTLE_PASSES_QUANTIZE_FIXEDPOINTSCALE_H
#define FETTLE_PASSES_QUANTIZE_FIXEDPOINTSCALE_H

#include <cstdint>
#include <optional>

namespace fettle {

/// A factor multiplier 2^-shift, as nn.rescale takes it.
struct FixedPointScale {
  int32_t multiplier; ///< 0 or more; from 2^30 on, unless the factor is below 2^-32
  int8_t shift;       ///< 2..62

  /// numerator / denominator, rounded to the nearest of 31 bits without a rounding before. None where it is negative, not
  /// finite, or 2^29 and above.
  static std::optional<FixedPointScale> ofRatio(double numerator, double denominator);

  /// Whether TOSA says what becomes of all values up to `largest` in magnitude.
  bool takes(int64_t largest) const { return largest < int64_t(1) << (shift - 1); }
};

} // namespace fettle

#endif
