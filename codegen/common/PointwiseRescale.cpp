//===- PointwiseRescale.cpp - integers times multiplier and shift ---------===//

#include "codegen/common/PointwiseFamilies.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace fettle::codegen {

static Lanes bound(Lanes x, int64_t low, int64_t high) {
  ImplicitLocOpBuilder &b = x.builder();
  Lanes least(b, arith::MaxSIOp::create(b, Value(x), Value(x.integerConstant(low))));
  return {b, arith::MinSIOp::create(b, Value(least), Value(x.integerConstant(high)))};
}

Lanes emitRescale(nn::RescaleOp op, Lanes x, Lanes multiplier, Lanes shift) {
  ImplicitLocOpBuilder &b = x.builder();
  // Both factors are 32 bits until they are multiplied: machines multiply those faster than 64.
  x = resizeInteger(x, 32, isUnsignedElement(getElementTypeOrSelf(op.getInput().getType())));
  if (op.getInputZeroPoint() != 0)
    x = x - x.integerConstant(int64_t(op.getInputZeroPoint()));
  Lanes product = resizeInteger(x, 64, false) * resizeInteger(multiplier, 64, false);
  shift = resizeInteger(bound(shift, 2, 62), 64, false);
  Lanes one = product.integerConstant(1), zero = product.integerConstant(0);
  Lanes round(b, arith::ShLIOp::create(b, Value(one), Value(shift - one)));
  if (op.getDoubleRound()) {
    Lanes step = product.integerConstant(int64_t(1) << 30);
    Lanes outwards = select(x < x.integerConstant(0), zero - step, step);
    round = round + select(shift > shift.integerConstant(31), outwards, zero);
  }
  Lanes scaled(b, arith::ShRSIOp::create(b, Value(product + round), Value(shift)));
  auto element = cast<IntegerType>(getElementTypeOrSelf(op.getOutput().getType()));
  if (op.getOutputZeroPoint() != 0)
    scaled = scaled + scaled.integerConstant(int64_t(op.getOutputZeroPoint()));
  int64_t low = element.isUnsigned() ? 0 : -(int64_t(1) << (element.getWidth() - 1));
  return resizeInteger(bound(scaled, low, low + (int64_t(1) << element.getWidth()) - 1), element.getWidth(), false);
}

} // namespace fettle::codegen
