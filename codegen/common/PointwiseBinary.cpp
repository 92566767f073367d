//===- PointwiseBinary.cpp - nn.binary on scalars and vectors -------------===//

#include "codegen/common/PointwiseFamilies.h"
#include "codegen/common/VectorMath.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using fettle::nn::BinaryKind;

namespace fettle::codegen {

template <typename OpTy> static Lanes create(Lanes x, Lanes y) {
  return {x.builder(), OpTy::create(x.builder(), Value(x), Value(y))};
}

static Lanes emitFloatBinary(BinaryKind kind, Lanes x, Lanes y) {
  ImplicitLocOpBuilder &b = x.builder();
  switch (kind) {
  // One IEEE operation each, never fused with a neighbour: quantized results depend on the last bit.
  case BinaryKind::add: return exactAdd(x, y);
  case BinaryKind::sub: return exactSub(x, y);
  case BinaryKind::mul: return exactMul(x, y);
  case BinaryKind::div: {
    // A constant divisor may become a product.
    auto flags = arith::FastMathFlagsAttr::get(b.getContext(), arith::FastMathFlags::arcp | arith::FastMathFlags::contract);
    return {b, arith::DivFOp::create(b, Value(x), Value(y), flags)};
  }
  case BinaryKind::mod: {
    Lanes r(b, emitFmod(b, x, y));
    Lanes hasOtherSign = create<arith::XOrIOp>(r < 0.0, y < 0.0);
    return select(create<arith::AndIOp>(r != 0.0, hasOtherSign), r + y, r);
  }
  case BinaryKind::fmod: return {b, emitFmod(b, x, y)};
  case BinaryKind::pow: return {b, emitPow(b, x, y)};
  case BinaryKind::min: return minimum(x, y);
  case BinaryKind::max: return maximum(x, y);
  case BinaryKind::prelu: return select(x < 0.0, x * y, x);
  case BinaryKind::logical_and: return create<arith::AndIOp>(x != 0.0, y != 0.0);
  case BinaryKind::logical_or: return create<arith::OrIOp>(x != 0.0, y != 0.0);
  case BinaryKind::logical_xor: return create<arith::XOrIOp>(x != 0.0, y != 0.0);
  case BinaryKind::bitwise_and: return (x.asBits() & y.asBits()).asFloat();
  case BinaryKind::bitwise_or: return (x.asBits() | y.asBits()).asFloat();
  case BinaryKind::bitwise_xor: return (x.asBits() ^ y.asBits()).asFloat();
  case BinaryKind::shift_left:
  case BinaryKind::shift_right: return x; // the verifier refuses shifts of floats
  }
  llvm_unreachable("all kinds covered");
}

// Division by zero gives 0 and the one overflow (lowest / -1) wraps; the hardware would trap on both.
static Lanes divideIntegers(Lanes x, Lanes y, bool isUnsigned, bool wantsRemainder) {
  Lanes zero = x.integerConstant(0), one = x.integerConstant(1);
  Lanes isZero = y == zero;
  if (isUnsigned) {
    Lanes divisor = select(isZero, one, y);
    Lanes result = wantsRemainder ? create<arith::RemUIOp>(x, divisor) : create<arith::DivUIOp>(x, divisor);
    return select(isZero, zero, result);
  }
  // x / -1 is -x, which wraps as it should.
  Lanes isMinusOne = y == x.integerConstant(-1);
  Lanes divisor = select(create<arith::OrIOp>(isZero, isMinusOne), one, y);
  if (wantsRemainder)
    return select(isZero, zero, create<arith::RemSIOp>(x, divisor));
  Lanes quotient = create<arith::DivSIOp>(x, divisor);
  return select(isZero, zero, select(isMinusOne, -quotient, quotient));
}

/// Square and multiply over the bits of the exponent, modulo 2^width; a negative exponent leaves only +-1.
static Lanes integerPower(Lanes base, Lanes exponent, bool isUnsignedExponent) {
  ImplicitLocOpBuilder &b = base.builder();
  Lanes one = base.integerConstant(1), zero = base.integerConstant(0);
  Value from = arith::ConstantIndexOp::create(b, 0), step = arith::ConstantIndexOp::create(b, 1);
  Value to = arith::ConstantIndexOp::create(b, exponent.width());
  auto loop = scf::ForOp::create(b, from, to, step, ValueRange{Value(one), Value(base), Value(exponent)});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Lanes product(b, loop.getRegionIterArg(0)), square(b, loop.getRegionIterArg(1)), bits(b, loop.getRegionIterArg(2));
    Lanes bit = bits & bits.integerConstant(1);
    Lanes next = select(bit != bits.integerConstant(0), product * square, product);
    scf::YieldOp::create(b, ValueRange{Value(next), Value(square * square), Value(shiftRightLogical(bits, 1))});
  }
  Lanes power(b, loop.getResult(0));
  if (isUnsignedExponent)
    return power;
  Lanes isOdd = (exponent & exponent.integerConstant(1)) != exponent.integerConstant(0);
  Lanes ofMinusOne = select(isOdd, base, one);
  Lanes isMinusOne = base == base.integerConstant(-1);
  Lanes reciprocal = select(base == one, one, select(isMinusOne, ofMinusOne, zero));
  return select(exponent < exponent.integerConstant(0), reciprocal, power);
}

static Lanes emitPower(Lanes x, Lanes y, Type element, Type exponentElement) {
  ImplicitLocOpBuilder &b = x.builder();
  if (x.isFloat()) {
    Lanes exponent = emitCast(y, exponentElement, x.element());
    return {b, emitPow(b, x, exponent)};
  }
  if (!y.isFloat())
    return integerPower(x, y, isUnsignedElement(exponentElement));
  // Integers to a real power: what comes within rounding of an integer is that integer.
  Type wide = b.getF64Type();
  Lanes power(b, emitPow(b, emitCast(x, element, wide), toFloat(y, wide)));
  Lanes nearest = roundEven(power);
  Lanes isNear = abs(power - nearest) <= abs(power) * 1e-12;
  return emitCast(select(isNear, nearest, power), wide, element);
}

static Lanes shift(Lanes x, Lanes y, bool left, bool isUnsigned) {
  Lanes zero = x.integerConstant(0);
  Lanes limit = x.integerConstant(x.width());
  Lanes isInside(x.builder(), arith::CmpIOp::create(x.builder(), arith::CmpIPredicate::ult, Value(y), Value(limit)));
  Lanes amount = select(isInside, y, zero);
  if (left)
    return select(isInside, create<arith::ShLIOp>(x, amount), zero);
  if (isUnsigned)
    return select(isInside, create<arith::ShRUIOp>(x, amount), zero);
  return select(isInside, create<arith::ShRSIOp>(x, amount), x >> (x.width() - 1));
}

Lanes emitBinary(BinaryKind kind, Lanes x, Lanes y, Type element, Type exponentElement) {
  if (kind == BinaryKind::pow)
    return emitPower(x, y, element, exponentElement);
  if (x.isFloat())
    return emitFloatBinary(kind, x, y);
  bool isUnsigned = isUnsignedElement(element);
  Lanes zero = x.integerConstant(0);
  switch (kind) {
  case BinaryKind::add: return x + y;
  case BinaryKind::sub: return x - y;
  case BinaryKind::mul: return x * y;
  case BinaryKind::div: return divideIntegers(x, y, isUnsigned, /*wantsRemainder=*/false);
  case BinaryKind::fmod: return divideIntegers(x, y, isUnsigned, /*wantsRemainder=*/true);
  case BinaryKind::mod: {
    Lanes r = divideIntegers(x, y, isUnsigned, /*wantsRemainder=*/true);
    if (isUnsigned)
      return r;
    Lanes hasOtherSign = create<arith::AndIOp>(r != zero, (r ^ y) < zero);
    return select(hasOtherSign, r + y, r);
  }
  case BinaryKind::min: return isUnsigned ? create<arith::MinUIOp>(x, y) : create<arith::MinSIOp>(x, y);
  case BinaryKind::max: return isUnsigned ? create<arith::MaxUIOp>(x, y) : create<arith::MaxSIOp>(x, y);
  case BinaryKind::prelu: return isUnsigned ? x : select(x < zero, x * y, x);
  case BinaryKind::logical_and: return create<arith::AndIOp>(x != zero, y != zero);
  case BinaryKind::logical_or: return create<arith::OrIOp>(x != zero, y != zero);
  case BinaryKind::logical_xor: return create<arith::XOrIOp>(x != zero, y != zero);
  case BinaryKind::bitwise_and: return x & y;
  case BinaryKind::bitwise_or: return x | y;
  case BinaryKind::bitwise_xor: return x ^ y;
  case BinaryKind::shift_left: return shift(x, y, /*left=*/true, isUnsigned);
  case BinaryKind::shift_right: return shift(x, y, /*left=*/false, isUnsigned);
  case BinaryKind::pow: break;
  }
  llvm_unreachable("pow is handled above");
}

} // namespace fettle::codegen
