//===- Pointwise.cpp - scalar and vector code of elementwise ops ----------===//

#include "codegen/common/Pointwise.h"
#include "codegen/common/Kernel.h"
#include "codegen/common/PointwiseFamilies.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace fettle::codegen {

static bool isSingleElement(Value value) { return !value || cast<RankedTensorType>(value.getType()).getNumElements() == 1; }

static Type elementOf(Value value) { return getElementTypeOrSelf(value.getType()); }

bool isPointwise(Operation *op) {
  if (isa<nn::UnaryOp, nn::BinaryOp, nn::CompareOp, nn::SelectOp, nn::ClampOp, nn::CastOp, nn::RescaleOp>(op))
    return true;
  if (auto quantize = dyn_cast<nn::QuantizeOp>(op))
    return isSingleElement(quantize.getScale()) && isSingleElement(quantize.getZeroPoint());
  if (auto dequantize = dyn_cast<nn::DequantizeOp>(op))
    return isSingleElement(dequantize.getScale()) && isSingleElement(dequantize.getZeroPoint());
  return false;
}

Value emitPointwise(ImplicitLocOpBuilder &b, Operation *op, ValueRange operands) {
  auto lanes = [&](unsigned i) { return Lanes(b, operands[i]); };
  Value zeroPoint = operands.size() > 2 ? operands[2] : Value();
  return TypeSwitch<Operation *, Value>(op)
      .Case([&](nn::UnaryOp unary) -> Value {
        return emitUnary(unary.getKind(), lanes(0), elementOf(unary.getInput()), unary.getAlpha().convertToDouble(),
                         unary.getBeta().convertToDouble());
      })
      .Case([&](nn::BinaryOp binary) -> Value {
        return emitBinary(binary.getKind(), lanes(0), lanes(1), elementOf(binary.getLhs()), elementOf(binary.getRhs()));
      })
      .Case([&](nn::CompareOp compare) -> Value {
        return emitCompare(compare.getKind(), lanes(0), lanes(1), elementOf(compare.getLhs()));
      })
      .Case([&](nn::SelectOp) -> Value { return select(lanes(0), lanes(1), lanes(2)); })
      .Case([&](nn::ClampOp clamp) -> Value {
        return emitClamp(lanes(0), elementOf(clamp.getInput()), clamp.getLow().convertToDouble(),
                         clamp.getHigh().convertToDouble());
      })
      .Case([&](nn::CastOp castOp) -> Value {
        return emitCast(lanes(0), elementOf(castOp.getInput()), elementOf(castOp.getOutput()), castOp.getFlushes());
      })
      .Case([&](nn::QuantizeOp quantize) -> Value {
        return emitQuantize(lanes(0), lanes(1), zeroPoint, elementOf(quantize.getOutput()));
      })
      .Case([&](nn::DequantizeOp dequantize) -> Value {
        return emitDequantize(lanes(0), lanes(1), zeroPoint, elementOf(dequantize.getInput()),
                              elementOf(dequantize.getOutput()));
      })
      .Case([&](nn::RescaleOp rescale) -> Value { return emitRescale(rescale, lanes(0), lanes(1), lanes(2)); })
      .Default([](Operation *) { return Value(); });
}

Lanes emitCompare(nn::CompareKind kind, Lanes x, Lanes y, Type element) {
  if (isUnsignedElement(element)) {
    // Unsigned order is signed order with the top bits flipped.
    Lanes top = x.integerConstant(int64_t(uint64_t(1) << (x.width() - 1)));
    x = x ^ top;
    y = y ^ top;
  }
  switch (kind) {
  case nn::CompareKind::eq: return x == y;
  case nn::CompareKind::lt: return x < y;
  case nn::CompareKind::le: return x <= y;
  case nn::CompareKind::gt: return x > y;
  case nn::CompareKind::ge: return x >= y;
  }
  llvm_unreachable("all kinds covered");
}

Lanes emitClamp(Lanes x, Type element, double low, double high) {
  if (x.isFloat()) {
    if (low != -std::numeric_limits<double>::infinity())
      x = atLeast(x, low);
    return high != std::numeric_limits<double>::infinity() ? atMost(x, high) : x;
  }
  ImplicitLocOpBuilder &b = x.builder();
  bool isUnsigned = isUnsignedElement(element);
  double least = isUnsigned ? 0.0 : -std::ldexp(1.0, x.width() - 1);
  double limit = std::ldexp(1.0, isUnsigned ? x.width() : x.width() - 1); // one past the largest
  // A bound beyond the type's range on its own side does nothing; beyond the other side everything meets it.
  auto bound = [&](double v) {
    if (v >= limit)
      return x.integerConstant(isUnsigned ? -1 : int64_t((uint64_t(1) << (x.width() - 1)) - 1));
    return x.integerConstant(v < 0 ? int64_t(std::max(v, least)) : int64_t(uint64_t(v)));
  };
  if (low > least) {
    Lanes v = bound(low);
    x = isUnsigned ? Lanes(b, arith::MaxUIOp::create(b, Value(x), Value(v))) : Lanes(b, arith::MaxSIOp::create(b, Value(x), Value(v)));
  }
  if (high < limit) {
    Lanes v = bound(std::max(high, least));
    x = isUnsigned ? Lanes(b, arith::MinUIOp::create(b, Value(x), Value(v))) : Lanes(b, arith::MinSIOp::create(b, Value(x), Value(v)));
  }
  return x;
}

} // namespace fettle::codegen
