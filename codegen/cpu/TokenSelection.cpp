//===- TokenSelection.cpp - the k smallest of a row of numbers ------------===//
//
// Problem. Of a row of keys the k smallest are wanted as flags, ties to the lower index; their order is not.
//
// How. The k-th smallest key is the largest number of which fewer than k keys are smaller. It is found two bits at a
// time from the top, as if keys were unsigned: the largest pair of bits stays that has fewer than k keys below it.
// Of 3 5 5 9 and k = 2:
//   0100: 1 key below, stays    1000: 3 keys, too many    1100: 4    then    0101: 1, stays    0110: 3    0111: 3
//   -> 5, and one tie is to be taken.
//
// Cost. 48 n / lanes compares and adds without a branch that depends on data, whatever k is. A sort takes n log n
// unpredictable ones, ranks by counting n^2 / lanes. A step waits for the counts of the one before, with few keys longer
// than it counts: bit by bit, half the work for twice the steps, matching 14 to 28 tokens took a tenth more time.
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
  // How many keys are below each of `bounds`.
  auto countBelow = [&](ArrayRef<Value> bounds) {
    CarriedValues inLanes;
    for (Value bound : bounds)
      inLanes.push_back(vector::BroadcastOp::create(b, vectorType, bound));
    CarriedValues start(bounds.size(), noneInLanes);
    CarriedValues counts = emitFor(b, 0, extent, lanes, start, [&](Value i, ValueRange carried) {
      Lanes here(b, vector::LoadOp::create(b, vectorType, keys, i));
      CarriedValues next;
      for (auto [bound, count] : llvm::zip_equal(inLanes, carried)) {
        Value isBelow = here < Lanes(b, bound);
        next.push_back(Lanes(b, count) + Lanes(b, arith::ExtUIOp::create(b, vectorType, isBelow)));
      }
      return next;
    });
    for (Value &count : counts)
      count = vector::ReductionOp::create(b, vector::CombiningKind::ADD, count);
    return counts;
  };
  // `found` and `bits` are unsigned; a key is what is left of such a number without its highest bit's turn.
  Value firstBit = emitIntegerConstant(b, element, int64_t(1) << (bits - 2));
  CarriedValues found =
      emitFor(b, 0, bits, 2, {none, firstBit, none}, [&](Value, ValueRange carried) -> CarriedValues {
        Lanes number(b, carried[0]), bit(b, carried[1]), below(b, carried[2]);
        Lanes candidates[] = {number | bit, number | (bit << 1), number | bit | (bit << 1)};
        SmallVector<Value> bounds;
        for (Lanes candidate : candidates)
          bounds.push_back(candidate ^ highestBit);
        for (auto [candidate, counted] : llvm::zip_equal(candidates, countBelow(bounds))) {
          Lanes count(b, counted), stays = count < count.integerConstant(k);
          number = select(stays, candidate, number);
          below = select(stays, count, below);
        }
        return {number, shiftRightLogical(bit, 2), below};
      });
  Lanes below(b, found[2]);
  return {Lanes(b, found[0]) ^ highestBit, below.integerConstant(k) - below};
}

} // namespace fettle::codegen
