//===- OddDenominators.h - factors that leave no ties ----------------------===//
#ifndef FETTLE_PASSES_QUANTIZE_ODDDENOMINATORS_H
#define FETTLE_PASSES_QUANTIZE_ODDDENOMINATORS_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <optional>

namespace fettle {

struct Fraction {
  int64_t numerator = 1, denominator = 1;
  double value() const { return double(numerator) / double(denominator); }
};

/// The fraction with the least odd denominator that is at most 1 / 64 below `ratio` and not above it.
/// None if `ratio` is not positive or the denominator would be beyond 2^16.
std::optional<Fraction> oddFractionBelow(double ratio);

/// The least odd denominator with which `ratio` is a fraction up to the precision of f32; none below 128.
std::optional<int64_t> oddDenominatorOf(double ratio);

/// The least odd multiple d of the odd number `multipleOf` such that each of `factors` (positive) has some k with
/// k / d at least the factor, and at most 1 / 256 above it. None up to 2^16.
std::optional<int64_t> commonOddDenominator(llvm::ArrayRef<double> factors, int64_t multipleOf);

/// The k of it.
int64_t numeratorAbove(double factor, int64_t denominator);

} // namespace fettle

#endif
