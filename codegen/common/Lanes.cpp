//===- Lanes.cpp - formulas over scalars and vectors ----------------------===//

#include "codegen/common/Lanes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace fettle::codegen {

static arith::FastMathFlagsAttr contract(Lanes x) {
  return arith::FastMathFlagsAttr::get(x.type().getContext(), arith::FastMathFlags::contract);
}

Type Lanes::typeWith(Type element) const {
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    return VectorType::get(vector.getShape(), element);
  return element;
}

static Value emitSplat(ImplicitLocOpBuilder &b, Type type, TypedAttr scalar) {
  if (auto vector = dyn_cast<VectorType>(type))
    return arith::ConstantOp::create(b, DenseElementsAttr::get(vector, Attribute(scalar)));
  return arith::ConstantOp::create(b, scalar);
}

Value emitConstant(ImplicitLocOpBuilder &b, Type type, double v) {
  Type element = getElementTypeOrSelf(type);
  if (isa<FloatType>(element))
    return emitSplat(b, type, b.getFloatAttr(element, v));
  return emitIntegerConstant(b, type, int64_t(v));
}

Value emitIntegerConstant(ImplicitLocOpBuilder &b, Type type, int64_t v) {
  Type element = getElementTypeOrSelf(type);
  if (element.isIndex())
    return emitSplat(b, type, b.getIndexAttr(v));
  APInt bits(element.getIntOrFloatBitWidth(), uint64_t(v), /*isSigned=*/true, /*implicitTrunc=*/true);
  return emitSplat(b, type, b.getIntegerAttr(element, bits));
}

Lanes Lanes::constant(double v) const { return {*b, emitConstant(*b, type(), v)}; }
Lanes Lanes::integerConstant(int64_t v) const { return {*b, emitIntegerConstant(*b, type(), v)}; }

Lanes Lanes::bitsConstant(uint64_t bits) const {
  auto floatType = cast<FloatType>(element());
  APFloat v(floatType.getFloatSemantics(), APInt(floatType.getWidth(), bits));
  return {*b, emitSplat(*b, type(), b->getFloatAttr(floatType, v))};
}

Lanes Lanes::asBits() const {
  return {*b, arith::BitcastOp::create(*b, typeWith(b->getIntegerType(width())), value)};
}

Lanes Lanes::asFloat() const {
  Type target = width() == 64 ? Type(b->getF64Type()) : width() == 32 ? Type(b->getF32Type()) : Type(b->getF16Type());
  return {*b, arith::BitcastOp::create(*b, typeWith(target), value)};
}

template <typename FloatOp, typename IntegerOp> static Lanes emitBinary(Lanes x, Lanes y) {
  ImplicitLocOpBuilder &b = x.builder();
  if (x.isFloat())
    return {b, FloatOp::create(b, x, y, contract(x))};
  return {b, IntegerOp::create(b, Value(x), Value(y))};
}

Lanes operator+(Lanes x, Lanes y) { return emitBinary<arith::AddFOp, arith::AddIOp>(x, y); }
Lanes operator-(Lanes x, Lanes y) { return emitBinary<arith::SubFOp, arith::SubIOp>(x, y); }
Lanes operator*(Lanes x, Lanes y) { return emitBinary<arith::MulFOp, arith::MulIOp>(x, y); }
Lanes operator/(Lanes x, Lanes y) { return {x.builder(), arith::DivFOp::create(x.builder(), Value(x), Value(y))}; }
Lanes operator-(Lanes x) {
  if (x.isFloat())
    return {x.builder(), arith::NegFOp::create(x.builder(), Value(x))};
  return x.integerConstant(0) - x;
}
Lanes operator&(Lanes x, Lanes y) { return {x.builder(), arith::AndIOp::create(x.builder(), Value(x), Value(y))}; }
Lanes operator|(Lanes x, Lanes y) { return {x.builder(), arith::OrIOp::create(x.builder(), Value(x), Value(y))}; }
Lanes operator^(Lanes x, Lanes y) { return {x.builder(), arith::XOrIOp::create(x.builder(), Value(x), Value(y))}; }
Lanes operator<<(Lanes x, int64_t bits) {
  return {x.builder(), arith::ShLIOp::create(x.builder(), Value(x), Value(x.integerConstant(bits)))};
}
Lanes operator>>(Lanes x, int64_t bits) {
  return {x.builder(), arith::ShRSIOp::create(x.builder(), Value(x), Value(x.integerConstant(bits)))};
}
Lanes shiftRightLogical(Lanes x, int64_t bits) {
  return {x.builder(), arith::ShRUIOp::create(x.builder(), Value(x), Value(x.integerConstant(bits)))};
}

static Lanes emitCompare(arith::CmpFPredicate ofFloats, arith::CmpIPredicate ofIntegers, Lanes x, Lanes y) {
  ImplicitLocOpBuilder &b = x.builder();
  if (x.isFloat())
    return {b, arith::CmpFOp::create(b, ofFloats, Value(x), Value(y))};
  return {b, arith::CmpIOp::create(b, ofIntegers, Value(x), Value(y))};
}

Lanes operator<(Lanes x, Lanes y) { return emitCompare(arith::CmpFPredicate::OLT, arith::CmpIPredicate::slt, x, y); }
Lanes operator<=(Lanes x, Lanes y) { return emitCompare(arith::CmpFPredicate::OLE, arith::CmpIPredicate::sle, x, y); }
Lanes operator>(Lanes x, Lanes y) { return emitCompare(arith::CmpFPredicate::OGT, arith::CmpIPredicate::sgt, x, y); }
Lanes operator>=(Lanes x, Lanes y) { return emitCompare(arith::CmpFPredicate::OGE, arith::CmpIPredicate::sge, x, y); }
Lanes operator==(Lanes x, Lanes y) { return emitCompare(arith::CmpFPredicate::OEQ, arith::CmpIPredicate::eq, x, y); }
Lanes operator!=(Lanes x, Lanes y) { return emitCompare(arith::CmpFPredicate::UNE, arith::CmpIPredicate::ne, x, y); }
Lanes isNan(Lanes x) { return emitCompare(arith::CmpFPredicate::UNO, arith::CmpIPredicate::ne, x, x); }

Lanes select(Lanes condition, Lanes x, Lanes y) {
  return {x.builder(), arith::SelectOp::create(x.builder(), Value(condition), Value(x), Value(y))};
}

Lanes exactMul(Lanes x, Lanes y) { return {x.builder(), arith::MulFOp::create(x.builder(), Value(x), Value(y))}; }
Lanes exactAdd(Lanes x, Lanes y) { return {x.builder(), arith::AddFOp::create(x.builder(), Value(x), Value(y))}; }
Lanes exactSub(Lanes x, Lanes y) { return {x.builder(), arith::SubFOp::create(x.builder(), Value(x), Value(y))}; }

Lanes abs(Lanes x) { return {x.builder(), math::AbsFOp::create(x.builder(), Value(x))}; }
Lanes sqrt(Lanes x) { return {x.builder(), math::SqrtOp::create(x.builder(), Value(x))}; }
Lanes floor(Lanes x) { return {x.builder(), math::FloorOp::create(x.builder(), Value(x))}; }
Lanes ceil(Lanes x) { return {x.builder(), math::CeilOp::create(x.builder(), Value(x))}; }
Lanes trunc(Lanes x) { return {x.builder(), math::TruncOp::create(x.builder(), Value(x))}; }
Lanes roundEven(Lanes x) { return {x.builder(), math::RoundEvenOp::create(x.builder(), Value(x))}; }
Lanes copySign(Lanes magnitude, Lanes sign) {
  return {sign.builder(), math::CopySignOp::create(sign.builder(), Value(magnitude), Value(sign))};
}

// x86 `max(a, b)` is `a > b ? a : b`: written this way round it is one instruction and gives x when x is NaN.
Lanes atLeast(Lanes x, double low) {
  Lanes bound = x.constant(low);
  return select(bound > x, bound, x);
}
Lanes atMost(Lanes x, double high) {
  Lanes bound = x.constant(high);
  return select(bound < x, bound, x);
}

// max(x, y) gives y when either is NaN; a NaN in x is put back.
Lanes maximum(Lanes x, Lanes y) {
  Lanes larger = select(x > y, x, y);
  return x.isFloat() ? select(isNan(x), x, larger) : larger;
}
Lanes minimum(Lanes x, Lanes y) {
  Lanes smaller = select(x < y, x, y);
  return x.isFloat() ? select(isNan(x), x, smaller) : smaller;
}

Lanes polynomial(Lanes x, ArrayRef<double> coefficients) {
  Lanes sum = x.constant(coefficients.back());
  for (double coefficient : llvm::reverse(coefficients.drop_back()))
    sum = mulAdd(sum, x, coefficient);
  return sum;
}

Lanes toFloat(Lanes x, Type element) {
  unsigned width = element.getIntOrFloatBitWidth();
  if (width == x.width())
    return x;
  if (width > x.width())
    return {x.builder(), arith::ExtFOp::create(x.builder(), x.typeWith(element), Value(x))};
  return {x.builder(), arith::TruncFOp::create(x.builder(), x.typeWith(element), Value(x))};
}

} // namespace fettle::codegen
