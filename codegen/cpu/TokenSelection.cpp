//===- TokenSelection.cpp - the k smallest of a row of numbers ------------===//
//
// Problem. Of a row of keys the k smallest are wanted as flags, ties to the lower index; their order is not.
//
// How. The k-th smallest key is the largest number of which fewer than k keys are smaller. It is found bit by bit from
// the top, as if keys were unsigned: a bit stays set where fewer than k keys lie below. Of 3 5 5 9 and k = 2:
//   1000: 3 keys below, too many    0100: 1, stays    0110: 3    0101: 1, stays    -> 5, and one tie is to be taken.
//
// Cost. One pass over the keys for each of their bits, a compare and an add for each vector: 32 n / lanes steps without
// a branch that depends on data, whatever k is. A sort takes n log n unpredictable ones, ranks by counting n^2 / lanes.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/TokenSelection.h"
#include "codegen/cpu/LoopEmitter.h"

using namespace mlir;

namespace fettle::codegen {

Lanes emitOrderedKeys(Lanes x) {
  Lanes bits = (x + 0.0).asBits(); // -0 becomes 0
  // Below zero a larger magnitude is the smaller number.
  int64_t magnitude = APInt::getSignedMaxValue(bits.width()).getSExtValue();
  return bits ^ ((bits >> (bits.width() - 1)) & bits.integerConstant(magnitude));
}

Value SmallestKeys::emitTake(ImplicitLocOpBuilder &b, Value key, Value &ties) const {
  Lanes left(b, ties), at(b, key), last(b, bound);
  Lanes isTie = (at == last) & (left > left.integerConstant(0));
  ties = left - Lanes(b, arith::ExtUIOp::create(b, left.type(), isTie));
  return (at < last) | isTie;
}

SmallestKeys emitSmallestKeys(ImplicitLocOpBuilder &b, Value keys, int64_t extent, int64_t k, int64_t lanes) {
  auto element = cast<IntegerType>(cast<MemRefType>(keys.getType()).getElementType());
  auto vectorType = VectorType::get(lanes, element);
  int64_t bits = element.getWidth(), lowest = APInt::getSignedMinValue(bits).getSExtValue();
  Value none = emitIntegerConstant(b, element, 0), noneInLanes = emitIntegerConstant(b, vectorType, 0);
  Lanes highestBit(b, emitIntegerConstant(b, element, lowest));
  auto countBelow = [&](Value bound) -> Value {
    Value bounds = vector::BroadcastOp::create(b, vectorType, bound);
    Value counts = emitFor(b, 0, extent, lanes, noneInLanes, [&](Value i, ValueRange carried) -> CarriedValues {
      Lanes here(b, vector::LoadOp::create(b, vectorType, keys, i));
      Value isBelow = here < Lanes(b, bounds);
      return {Lanes(b, carried[0]) + Lanes(b, arith::ExtUIOp::create(b, vectorType, isBelow))};
    })[0];
    return vector::ReductionOp::create(b, vector::CombiningKind::ADD, counts);
  };
  // `found` and `bit` are unsigned; a key is what is left of such a number without its highest bit's turn.
  CarriedValues found =
      emitFor(b, 0, bits, 1, {none, highestBit, none}, [&](Value, ValueRange carried) -> CarriedValues {
        Lanes number(b, carried[0]), bit(b, carried[1]), below(b, carried[2]);
        Lanes candidate = number | bit;
        Lanes count(b, countBelow(candidate ^ highestBit));
        Lanes stays = count < count.integerConstant(k);
        return {select(stays, candidate, number), shiftRightLogical(bit, 1), select(stays, count, below)};
      });
  Lanes below(b, found[2]);
  return {Lanes(b, found[0]) ^ highestBit, below.integerConstant(k) - below};
}

} // namespace fettle::codegen
