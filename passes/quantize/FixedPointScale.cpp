//===- FixedPointScale.cpp - a real factor as multiplier and shift --------===//
//
// Problem. NPUs scale integers by integers: x times multiplier, shifted right. A factor
// of a network is a quotient of scales, s = a / b, both floats.
//
// Example. a / b = 0.75 / 1 = (0.75 2^31) 2^-31: multiplier 1610612736, shift 31.
//
// How. With a = A 2^i and b = B 2^j, where A and B are integers of the same 53 bits'
// length, A / B lies between 1/2 and 2. 32 steps of long division in base two give 31
// digits from the leading one on and the next, by which they are rounded to nearest, halves up; the
// quotient is never rounded to a double in between. If rounding carries into a 32nd digit, the multiplier is 2^30
// and the shift one less. Factors too small for shift 62 lose the multiplier's last digits.
//
// Why this choice. It is what frexp, a product with 2^31 and rounding give where the quotient is exact, as
// compilers for TOSA do it: MLIR, mlir/lib/Dialect/Tosa/Utils/QuantUtils.cpp, computeMultiplierAndShift;
// TOSA 1.0, "Integer scaling" (multiplier in 2^30..2^31 - 1, shift in 2..62).
//
//===----------------------------------------------------------------------===//

#include "passes/quantize/FixedPointScale.h"
#include <algorithm>
#include <cmath>

namespace fettle {

std::optional<FixedPointScale> FixedPointScale::ofRatio(double numerator, double denominator) {
  if (!(numerator >= 0) || !(denominator > 0) || !std::isfinite(numerator) || !std::isfinite(denominator))
    return std::nullopt;
  if (numerator == 0)
    return FixedPointScale{0, 31};
  int numeratorExponent, denominatorExponent;
  auto rest = uint64_t(std::ldexp(std::frexp(numerator, &numeratorExponent), 53));
  auto divisor = uint64_t(std::ldexp(std::frexp(denominator, &denominatorExponent), 53));
  int exponent = numeratorExponent - denominatorExponent; // the factor is rest / divisor 2^exponent
  if (rest >= divisor)
    ++exponent;
  else
    rest *= 2;
  // Now rest / divisor is in [1, 2), and half of it times 2^exponent is the factor.
  int64_t digits = 0;
  for (int i = 0; i < 32; ++i) {
    bool digit = rest >= divisor;
    digits = 2 * digits + digit;
    rest = 2 * (digit ? rest - divisor : rest);
  }
  int64_t multiplier = (digits + 1) / 2, shift = 31 - exponent;
  if (multiplier == int64_t(1) << 31) {
    multiplier /= 2;
    --shift;
  }
  if (shift < 2)
    return std::nullopt;
  if (shift > 62) {
    multiplier >>= std::min<int64_t>(31, shift - 62);
    shift = 62;
  }
  return FixedPointScale{int32_t(multiplier), int8_t(shift)};
}

} // namespace fettle
