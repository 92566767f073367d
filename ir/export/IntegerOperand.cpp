//===- IntegerOperand.cpp - an 8-bit operand with its zero point ----------===//
//
// ConvInteger and MatMulInteger are imported as products of operands in 32 bits from which the zero points have been
// subtracted. Here the way is gone back: cast(q) - cast(z) is q with zero point z. Of weights no more than the
// difference may be left (a folded constant); if it spans at most 255, say [-130, 90], it is q = w + 130 with zero
// point 130.
//
//===----------------------------------------------------------------------===//

#include "ir/export/IntegerOperand.h"

using namespace mlir;

namespace fettle {

static bool isByte(Type element) { return isa<IntegerType>(element) && element.getIntOrFloatBitWidth() == 8; }

/// The 8-bit tensor that `value` widens; null if there is none.
static Value narrowSource(Value value) {
  auto cast = value.getDefiningOp<nn::CastOp>();
  return cast && isByte(typeOf(cast.getInput()).getElementType()) ? Value(cast.getInput()) : Value();
}

static HostTensor shifted(const HostTensor &wide, Type element, int64_t offset) {
  HostTensor result(RankedTensorType::get(wide.shape(), element));
  for (int64_t i = 0, count = wide.numElements(); i < count; ++i)
    result.setInteger(i, wide.integerAt(i) + offset);
  return result;
}

static std::optional<IntegerOperand> fromConstant(NodeWriter &writer, const HostTensor &tensor) {
  int64_t low = 0, high = 0; // so that a zero point in range exists
  for (int64_t i = 0, count = tensor.numElements(); i < count; ++i) {
    low = std::min(low, tensor.integerAt(i));
    high = std::max(high, tensor.integerAt(i));
  }
  Type i8 = IntegerType::get(writer.context(), 8), u8 = IntegerType::get(writer.context(), 8, IntegerType::Unsigned);
  if (low >= -128 && high <= 127)
    return IntegerOperand{writer.constant(shifted(tensor, i8, 0)), {}};
  if (high - low > 255)
    return std::nullopt;
  return IntegerOperand{writer.constant(shifted(tensor, u8, -low)),
                        low == 0 ? Term() : writer.scalar(double(-low), u8)};
}

/// z of cast(q) - z as a scalar of q's type; omitted if that does not hold it.
static Term narrowZeroPoint(NodeWriter &writer, Value zeroPoint, Type element) {
  if (typeOf(zeroPoint).getNumElements() != 1)
    return {};
  if (Value source = narrowSource(zeroPoint); source && typeOf(source).getElementType() == element)
    return writer.reshape(writer.term(source), {});
  std::optional<HostTensor> known = knownTensor(zeroPoint);
  if (!known)
    return {};
  int64_t value = known->integerAt(0), low = element.isUnsignedInteger() ? 0 : -128;
  return value >= low && value <= low + 255 ? writer.scalar(double(value), element) : Term();
}

std::optional<IntegerOperand> asIntegerOperand(NodeWriter &writer, Value value, int64_t zeroPoint) {
  Type element = typeOf(value).getElementType();
  if (isByte(element))
    return IntegerOperand{writer.term(value), zeroPoint == 0 ? Term() : writer.scalar(double(zeroPoint), element)};
  if (!element.isInteger(32) && !element.isInteger(16))
    return std::nullopt;
  if (std::optional<HostTensor> known = knownTensor(value))
    return fromConstant(writer, *known);
  if (Value source = narrowSource(value))
    return IntegerOperand{writer.term(source), {}};
  auto difference = value.getDefiningOp<nn::BinaryOp>();
  Value source =
      difference && difference.getKind() == nn::BinaryKind::sub ? narrowSource(difference.getLhs()) : Value();
  if (!source || typeOf(source).getShape() != typeOf(value).getShape())
    return std::nullopt;
  Term point = narrowZeroPoint(writer, difference.getRhs(), typeOf(source).getElementType());
  if (!point)
    return std::nullopt;
  return IntegerOperand{writer.term(source), point};
}

} // namespace fettle
