//===- PointwiseCast.cpp - conversions between element types --------------===//

#include "codegen/common/PointwiseFamilies.h"
#include "codegen/common/Kernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace fettle::codegen {

Lanes resizeInteger(Lanes x, unsigned width, bool isUnsigned) {
  ImplicitLocOpBuilder &b = x.builder();
  if (width == x.width())
    return x;
  Type type = x.typeWith(b.getIntegerType(width));
  if (width < x.width())
    return {b, arith::TruncIOp::create(b, type, Value(x))};
  if (isUnsigned)
    return {b, arith::ExtUIOp::create(b, type, Value(x))};
  return {b, arith::ExtSIOp::create(b, type, Value(x))};
}

Lanes roundToBf16(Lanes x) {
  Lanes bits = x.asBits();
  // Half of the last kept bit, less one where that bit is even.
  Lanes isOdd = shiftRightLogical(bits, 16) & bits.integerConstant(1);
  Lanes rounded = (bits + bits.integerConstant(0x7fff) + isOdd) & bits.integerConstant(0xffff0000);
  // The carry could turn a NaN into an infinity; the quiet bit keeps it one.
  Lanes quiet = (bits | bits.integerConstant(0x00400000)) & bits.integerConstant(0xffff0000);
  return select(isNan(x), quiet, rounded).asFloat();
}

Value narrowToBf16(Lanes x) {
  Lanes high = resizeInteger(shiftRightLogical(roundToBf16(x).asBits(), 16), 16, /*isUnsigned=*/true);
  return arith::BitcastOp::create(x.builder(), high.typeWith(x.builder().getBF16Type()), Value(high));
}

// f64 to f32 with the last bit odd where anything was lost, so that rounding once more, to f16 or bf16, cannot err.
static Lanes narrowToOdd(Lanes x) {
  ImplicitLocOpBuilder &b = x.builder();
  Lanes narrow = toFloat(x, b.getF32Type());
  Lanes back = toFloat(narrow, b.getF64Type());
  Lanes bits = narrow.asBits();
  Lanes one = bits.integerConstant(1);
  Lanes isEven = (bits & one) == bits.integerConstant(0);
  Lanes neighbour = select(abs(back) < abs(x), bits + one, bits - one);
  Lanes isLossy(b, arith::CmpFOp::create(b, arith::CmpFPredicate::ONE, Value(back), Value(x)));
  Lanes adjusts(b, arith::AndIOp::create(b, Value(isLossy), Value(isEven)));
  return select(adjusts, neighbour, bits).asFloat();
}

/// Rounds a float to the nn element type `to`, in its compute type.
static Lanes castFloat(Lanes x, Type to) {
  ImplicitLocOpBuilder &b = x.builder();
  if (!to.isF16() && !to.isBF16())
    return toFloat(x, to);
  Lanes narrow = x.width() == 64 ? narrowToOdd(x) : x;
  if (to.isBF16())
    return roundToBf16(narrow);
  return toFloat(toFloat(narrow, b.getF16Type()), b.getF32Type());
}

static Lanes floatToInteger(Lanes x, unsigned width, bool isUnsigned) {
  ImplicitLocOpBuilder &b = x.builder();
  x = select(isNan(x), 0.0, x);
  if (isUnsigned)
    x = atLeast(x, 0.0);
  // Every type is converted through one that holds it, 32 or 64 bits wide.
  unsigned through = width + isUnsigned <= 32 ? 32 : 64;
  Type type = x.typeWith(b.getIntegerType(through));
  double limit = std::ldexp(1.0, isUnsigned ? width : width - 1); // one past the largest
  int precision = x.width() == 64 ? 53 : 24;
  int magnitudeBits = isUnsigned ? width : width - 1;
  double largest = magnitudeBits <= precision ? limit - 1 : limit - std::ldexp(1.0, magnitudeBits - precision);
  Lanes inside = isUnsigned ? x : atLeast(x, -limit);
  inside = atMost(inside, largest);
  Lanes converted = isUnsigned && width == 64 ? Lanes(b, arith::FPToUIOp::create(b, type, Value(inside)))
                                              : Lanes(b, arith::FPToSIOp::create(b, type, Value(inside)));
  converted = resizeInteger(converted, width, isUnsigned);
  if (magnitudeBits <= precision)
    return converted;
  int64_t allOnes = isUnsigned ? -1 : int64_t(~uint64_t(0) >> (65 - width));
  return select(x >= limit, converted.integerConstant(allOnes), converted);
}

static Lanes integerToFloat(Lanes x, Type element, bool isUnsigned) {
  ImplicitLocOpBuilder &b = x.builder();
  // Narrow integers are converted from 32 bits: one instruction everywhere.
  if (x.width() < 32)
    return integerToFloat(resizeInteger(x, 32, isUnsigned), element, /*isUnsigned=*/false);
  Type type = x.typeWith(element);
  if (isUnsigned)
    return {b, arith::UIToFPOp::create(b, type, Value(x))};
  return {b, arith::SIToFPOp::create(b, type, Value(x))};
}

Lanes emitCast(Lanes x, Type from, Type to, bool flushes) {
  ImplicitLocOpBuilder &b = x.builder();
  if (flushes && from.isF32() && to.isBF16())
    return toFloat(toFloat(x, to), from); // one instruction where there is one; else KernelLowering.cpp writes it out
  bool fromUnsigned = isUnsignedElement(from);
  if (to.isSignlessInteger(1))
    return x.isFloat() ? x != 0.0 : x != x.integerConstant(0);
  if (auto integer = dyn_cast<IntegerType>(to))
    return x.isFloat() ? floatToInteger(x, integer.getWidth(), integer.isUnsigned())
                       : resizeInteger(x, integer.getWidth(), fromUnsigned);
  if (x.isFloat())
    return castFloat(x, to);
  // Integers are exact in f64 up to 2^53; f16 and bf16 must not be rounded twice.
  bool isShort = to.isF16() || to.isBF16();
  Type through = isShort && x.width() >= 32 ? Type(b.getF64Type()) : computeType(to);
  return castFloat(integerToFloat(x, through, fromUnsigned), to);
}

/// round(x) + zeroPoint, saturated, of an f32 for up to 16 bits in six operations. Bounding first gives the same, since rounding
/// keeps order and leaves the bounds, whole numbers, as they are; then adding 3 * 2^22 puts the whole number, rounded to
/// even, into the low bits of the sum.
static Lanes roundAndSaturate(Lanes x, Value zeroPoint, IntegerType to) {
  ImplicitLocOpBuilder &b = x.builder();
  unsigned width = to.getWidth();
  bool isUnsigned = to.isUnsigned();
  double least = isUnsigned ? 0 : -std::ldexp(1.0, width - 1), most = std::ldexp(1.0, isUnsigned ? width : width - 1) - 1;
  Lanes low = x.constant(least), high = x.constant(most), shift = x.constant(0);
  if (zeroPoint) {
    shift = integerToFloat({b, zeroPoint}, x.element(), isUnsigned);
    low = exactSub(low, shift);
    high = exactSub(high, shift);
  }
  // NaN becomes 0. Comparisons with it fail, which is 0 already where that is the least value.
  if (!isUnsigned)
    x = select(isNan(x), exactSub(x.constant(0), shift), x);
  x = select(x > low, x, low);
  x = select(x < high, x, high);
  Lanes bits = exactAdd(x, x.constant(3 << 22)).asBits();
  if (zeroPoint)
    bits = bits + resizeInteger({b, zeroPoint}, 32, isUnsigned);
  return resizeInteger(bits, width, isUnsigned);
}

Lanes emitQuantize(Lanes x, Lanes scale, Value zeroPoint, Type to) {
  ImplicitLocOpBuilder &b = x.builder();
  auto integer = cast<IntegerType>(to);
  unsigned width = integer.getWidth();
  bool isUnsigned = integer.isUnsigned();
  Lanes scaled(b, arith::DivFOp::create(b, Value(x), Value(scale)));
  if (width <= 16 && scaled.width() == 32)
    return roundAndSaturate(scaled, zeroPoint, integer);
  scaled = toFloat(scaled, b.getF64Type()); // holds every 32-bit integer
  Lanes rounded = roundEven(scaled);
  if (zeroPoint)
    rounded = exactAdd(rounded, integerToFloat({b, zeroPoint}, rounded.element(), isUnsigned));
  return floatToInteger(rounded, width, isUnsigned);
}

Lanes emitDequantize(Lanes x, Lanes scale, Value zeroPoint, Type from, Type to) {
  ImplicitLocOpBuilder &b = x.builder();
  bool isUnsigned = isUnsignedElement(from);
  unsigned wide = x.width() < 32 ? 32 : 64;
  Lanes difference = zeroPoint ? resizeInteger(x, wide, isUnsigned) - resizeInteger({b, zeroPoint}, wide, isUnsigned) : x;
  return exactMul(integerToFloat(difference, scale.element(), isUnsigned && !zeroPoint), scale);
}

} // namespace fettle::codegen
