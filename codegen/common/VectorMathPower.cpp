//===- VectorMathPower.cpp - pow and fmod ---------------------------------===//

#include "codegen/common/Lanes.h"
#include "codegen/common/VectorMath.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace fettle::codegen {

/// The value of a constant scalar or splat.
static std::optional<double> constantOf(Value value) {
  FloatAttr scalar;
  if (matchPattern(value, m_Constant(&scalar)))
    return scalar.getValueAsDouble();
  SplatElementsAttr splat;
  if (matchPattern(value, m_Constant(&splat)) && isa<FloatType>(splat.getElementType()))
    return splat.getSplatValue<FloatAttr>().getValueAsDouble();
  return std::nullopt;
}

/// Networks raise to a known power nearly always: 2, 3, 1/2.
static std::optional<Lanes> simplePower(Lanes x, double exponent) {
  if (exponent == 1.0)
    return x;
  if (exponent == 2.0)
    return x * x;
  if (exponent == 3.0)
    return x * x * x;
  if (exponent == -1.0)
    return 1.0 / x;
  if (exponent == -2.0)
    return 1.0 / (x * x);
  return std::nullopt;
}

// pow(x, y) = exp(y log |x|), with the sign of x where y is an odd integer.
static Lanes power(Lanes x, Lanes y) {
  ImplicitLocOpBuilder &b = x.builder();
  Lanes a = abs(x);
  Lanes logarithm(b, emitLog(b, a));
  Lanes magnitude(b, emitExp(b, y * logarithm));
  // 0 * inf is NaN above, but 1^y and x^0 are 1.
  magnitude = select(a == 1.0, 1.0, select(y == 0.0, 1.0, magnitude));
  Lanes half = y * 0.5;
  Lanes isIntegral = trunc(y) == y;
  Lanes odd = select(trunc(half) == half, 0.0, select(isIntegral, 1.0, y.constant(0.0)));
  Lanes isInfinite = a == std::numeric_limits<double>::infinity();
  Lanes signedValue = select(odd == 1.0, copySign(magnitude, x), magnitude);
  Lanes hasValue = select(x < 0.0, select(isIntegral, 1.0, select(isInfinite, 1.0, y.constant(0.0))), x.constant(1.0)) == 1.0;
  hasValue = {b, arith::OrIOp::create(b, Value(hasValue), Value(y == 0.0))};
  return select(hasValue, signedValue, std::numeric_limits<double>::quiet_NaN());
}

Value emitPow(ImplicitLocOpBuilder &b, Value base, Value exponent) {
  Lanes x(b, base), y(b, exponent);
  if (std::optional<double> known = constantOf(exponent))
    if (std::optional<Lanes> result = simplePower(x, *known))
      return *result;
  Type wide = b.getF64Type();
  return toFloat(power(toFloat(x, wide), toFloat(y, wide)), x.element());
}

// r = x - trunc(x / y) y. For f32 all of it is exact in f64 up to the stated quotient, but the division may round
// up to an integer: one step back puts that right. For f64 y is cut into halves so that the products stay exact.
static Lanes remainder(Lanes x, Lanes y) {
  Lanes a = abs(x), d = abs(y);
  Lanes quotient = trunc(a / d);
  Lanes high = (d.asBits() & d.asBits().integerConstant(int64_t(0xfffffffff8000000ULL))).asFloat();
  Lanes low = exactSub(d, high);
  Lanes r = exactSub(exactSub(a, exactMul(quotient, high)), exactMul(quotient, low));
  r = select(r < 0.0, exactAdd(r, d), r);
  r = select(r >= d, exactSub(r, d), r);
  // A finite x is its own remainder by infinity.
  r = select(d == std::numeric_limits<double>::infinity(), a, r);
  r = select(a < std::numeric_limits<double>::infinity(), r, std::numeric_limits<double>::quiet_NaN());
  return copySign(r, x);
}

Value emitFmod(ImplicitLocOpBuilder &b, Value x, Value y) {
  Lanes dividend(b, x), divisor(b, y);
  Type wide = b.getF64Type();
  return toFloat(remainder(toFloat(dividend, wide), toFloat(divisor, wide)), dividend.element());
}

} // namespace fettle::codegen
