//===- Rescale.cpp - the rule tosa ----------------------------------------===//
//
// The product of 32-bit integers is below 2^62, what rounding adds below 2^61 + 2^30:
// everything is exact in 64 bits until the shift.
//
//===----------------------------------------------------------------------===//

#include "ir/reference/eval/Elements.h"
#include "ir/reference/eval/Eval.h"
#include "ir/reference/eval/Strided.h"
#include <algorithm>

using namespace mlir;

namespace fettle::reference {

/// value multiplier 2^-shift, rounded.
static int64_t applyScale(int64_t value, int64_t multiplier, int64_t shift, bool roundsTwice) {
  shift = std::clamp<int64_t>(shift, 2, 62);
  int64_t round = int64_t(1) << (shift - 1);
  if (roundsTwice && shift > 31)
    round += value >= 0 ? int64_t(1) << 30 : -(int64_t(1) << 30);
  return (value * multiplier + round) >> shift; // arithmetic on every compiler we build with
}

Results evaluateOp(nn::RescaleOp op, Operands operands) {
  HostTensor result(op.getOutput().getType());
  std::array<Shape, 1> strides = {broadcastStrides(operands[1].shape(), result.shape())};
  IntegerReader input(operands[0]), multiplier(operands[1]), shift(operands[2]);
  IntegerWriter write(result);
  int64_t low = lowestInteger(result.elementType()), high = highestInteger(result.elementType());
  int64_t from = op.getInputZeroPoint(), to = op.getOutputZeroPoint();
  forEachIndex(result.shape(), strides, [&](int64_t i, const std::array<int64_t, 1> &at) {
    int64_t scaled = applyScale(input[i] - from, multiplier[at[0]], shift[at[0]], op.getDoubleRound());
    write.set(i, std::clamp(scaled + to, low, high));
  });
  return {result};
}

} // namespace fettle::reference
