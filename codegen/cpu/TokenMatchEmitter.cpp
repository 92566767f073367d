//===- TokenMatchEmitter.cpp - match_tokens and drop_tokens ---------------===//
//
// match_tokens for one image:
//
//   for each tile of sources:                       4 (2 where registers are few)
//     for each 4 targets:
//       sums of squared differences, lanes along d   register tile: a subtraction and a multiply-add for a vector of a
//       pair sums over lanes, one lane for a pair         times the factor of sizes, and hidden where out of reach
//       lowest cost and its target, lane by lane
//     lowest of the lanes of a source
//   the `remove` cheapest sources, and the new numbers of all tokens
//
// Differences are squared and summed, not expanded to |a|^2 + |b|^2 - 2ab, which is half the work but makes of equal
// tokens a cost of rounding errors: ties would no longer be ties. Tokens are read where they lie, so that a tile needs
// no copy whatever d is. Rows beyond the last are copies of it: of a source they go to places that are not looked at,
// of a target they tie with it and have its number.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Pointwise.h"
#include "codegen/common/PointwiseFamilies.h"
#include "codegen/cpu/RegisterTile.h"
#include "codegen/cpu/SequentialEmitters.h"
#include "codegen/cpu/TokenSelection.h"
#include "codegen/cpu/TransposeLanes.h"
#include "llvm/Support/MathExtras.h"
#include <limits>

using namespace mlir;

namespace fettle::codegen {

static constexpr double infinity = std::numeric_limits<double>::infinity();

static int64_t lanesOf(const CpuTarget &target, Type element) {
  return target.vectorBytes * 8 / computeType(element).getIntOrFloatBitWidth();
}

/// Fills the keys [count, extent) up.
static void padKeys(ImplicitLocOpBuilder &b, Value keys, int64_t count, int64_t extent) {
  Type key = cast<MemRefType>(keys.getType()).getElementType();
  Value highest = emitIntegerConstant(b, key, APInt::getSignedMaxValue(key.getIntOrFloatBitWidth()).getSExtValue());
  emitFor(b, count, extent, 1, [&](Value i) { memref::StoreOp::create(b, highest, keys, i); });
}

static Value toI32(ImplicitLocOpBuilder &b, Value index) {
  return arith::IndexCastOp::create(b, b.getI32Type(), index);
}

/// The tokens [0, count) of a sequence are numbered in their order.
static void numberAll(ImplicitLocOpBuilder &b, Value assignment, Value sequence, int64_t count) {
  emitFor(b, 0, count, 1,
          [&](Value i) { memref::StoreOp::create(b, toI32(b, i), assignment, addIndex(b, sequence, i)); });
}

namespace {

class MatchEmitter {
public:
  MatchEmitter(FlatFrame &frame, nn::MatchTokensOp op, const SequentialBuffers &buffers, const CpuTarget &target);
  void emitImage(Value image);

private:
  using Vectors = SmallVector<Value>; ///< one lane for each pair of a tile, row by row
  /// Row-wise lanes: element p of a tile's vectors is of source p / tileTargets and target p % tileTargets.
  Vectors laneConstants(llvm::function_ref<int32_t(int64_t pair)> valueOf);

  void gatherSizes(Value sequence);
  void emitSources(Value first);
  Vectors emitDistances(ArrayRef<Value> sources, ArrayRef<Value> targets);
  void weigh(Vectors &costs, Value source, Value target);
  void storeCheapest(Value first, ArrayRef<Value> costs, ArrayRef<Value> numbers);
  void emitAssignment(Value sequence, const SmallestKeys &merged);

  Value rowOf(Value place) { return mulIndex(b, addIndex(b, free, place), width); }
  int64_t groups() const { return tileSources * tileTargets / lanes; }
  VectorType floats() { return VectorType::get(lanes, compute); }
  VectorType integers() { return VectorType::get(lanes, b.getI32Type()); }

  ImplicitLocOpBuilder &b;
  const SequentialBuffers &buffers;
  const CpuTarget &target;
  Type element, compute;
  int64_t tokens, width, protect, remove, reach, sources, targets;
  int64_t lanes, tileSources, tileTargets, keyExtent;
  bool hasSizes;
  Value keys, cheapest, sourceSizes, targetSizes; ///< scratch
  Value free;                                     ///< row of the first token that is not protected
};

} // namespace

MatchEmitter::MatchEmitter(FlatFrame &frame, nn::MatchTokensOp op, const SequentialBuffers &buffers,
                           const CpuTarget &target)
    : b(frame.b), buffers(buffers), target(target), element(op.getMetric().getType().getElementType()),
      compute(computeType(element)), tokens(op.getMetric().getType().getDimSize(1)),
      width(op.getMetric().getType().getDimSize(2)), protect(op.getProtect()), remove(op.getRemove()),
      reach(std::min<int64_t>(op.getReach(), tokens)), lanes(lanesOf(target, element)), hasSizes(bool(op.getSizes())) {
  sources = (tokens - protect) / 2;
  targets = tokens - protect - sources;
  tileTargets = std::min<int64_t>(4, lanes);
  tileSources = std::max<int64_t>(target.vectorRegisters >= 32 ? 16 : 8, lanes) / tileTargets;
  keyExtent = llvm::alignTo(sources, std::max(lanes, tileSources));
  if (remove == 0)
    return;
  keys = frame.scratch(b.getIntegerType(compute.getIntOrFloatBitWidth()), keyExtent);
  cheapest = frame.scratch(b.getI32Type(), keyExtent);
  if (hasSizes) {
    sourceSizes = frame.scratch(compute, sources + tileSources);
    targetSizes = frame.scratch(compute, targets + tileTargets);
  }
}

MatchEmitter::Vectors MatchEmitter::laneConstants(llvm::function_ref<int32_t(int64_t)> valueOf) {
  Vectors result;
  for (int64_t group = 0; group < groups(); ++group) {
    SmallVector<int32_t> values;
    for (int64_t lane = 0; lane < lanes; ++lane)
      values.push_back(valueOf(group * lanes + lane));
    result.push_back(arith::ConstantOp::create(b, DenseElementsAttr::get(integers(), ArrayRef<int32_t>(values))));
  }
  return result;
}

/// Sizes of sources and of targets side by side; beyond the last, as of their rows, copies of it.
void MatchEmitter::gatherSizes(Value sequence) {
  auto gather = [&](Value to, int64_t first, int64_t count, int64_t padding) {
    auto copy = [&](Value place, Value i) {
      Value at = addIndex(b, addIndex(b, sequence, first), mulIndex(b, place, 2));
      memref::StoreOp::create(b, emitLoad(b, element, buffers.inputs[1], at), to, i);
    };
    emitFor(b, 0, count, 1, [&](Value i) { copy(i, i); });
    emitFor(b, count, count + padding, 1, [&](Value i) { copy(indexConstant(b, count - 1), i); });
  };
  gather(sourceSizes, protect + 1, sources, tileSources);
  gather(targetSizes, protect, targets, tileTargets);
}

MatchEmitter::Vectors MatchEmitter::emitDistances(ArrayRef<Value> sourceRows, ArrayRef<Value> targetRows) {
  Value zero = emitConstant(b, floats(), 0);
  // One vector of each row at `at`; of a last one that overlaps, the lanes that are new.
  auto step = [&](ValueRange sums, llvm::function_ref<Value(Value row)> load, Value isNew) {
    Vectors others, next;
    for (Value row : targetRows)
      others.push_back(load(row));
    for (auto [i, row] : llvm::enumerate(sourceRows)) {
      Value own = load(row);
      for (auto [j, other] : llvm::enumerate(others)) {
        Value difference = arith::SubFOp::create(b, own, other);
        if (isNew)
          difference = arith::SelectOp::create(b, isNew, difference, zero);
        next.push_back(emitMultiplyAdd(b, target.hasFma, difference, difference, sums[i * others.size() + j]));
      }
    }
    return next;
  };
  auto loadAt = [&](Value at) {
    return [this, at](Value row) { return emitLoad(b, element, buffers.inputs[0], addIndex(b, row, at), lanes); };
  };
  int64_t whole = width / lanes * lanes, rest = width - whole;
  Vectors start(sourceRows.size() * targetRows.size(), zero);
  Vectors sums =
      emitFor(b, 0, whole, lanes, start, [&](Value at, ValueRange sums) { return step(sums, loadAt(at), {}); });
  // Two turns at once are more than the registers hold.
  if (auto loop = sums.front().getDefiningOp<scf::ForOp>())
    forbidUnrolling(loop);
  if (rest > 0 && whole > 0) {
    SmallVector<bool> isNew;
    for (int64_t lane = 0; lane < lanes; ++lane)
      isNew.push_back(lane >= lanes - rest);
    auto mask = DenseElementsAttr::get(VectorType::get(lanes, b.getI1Type()), isNew);
    sums = step(sums, loadAt(indexConstant(b, width - lanes)), arith::ConstantOp::create(b, mask));
  } else if (rest > 0) {
    Value mask = vector::ConstantMaskOp::create(b, VectorType::get(lanes, b.getI1Type()), ArrayRef<int64_t>{rest});
    auto load = [&](Value row) { return emitMaskedLoad(b, element, buffers.inputs[0], row, mask); };
    sums = step(sums, load, {});
  }
  Vectors distances;
  for (int64_t group = 0; group < groups(); ++group)
    distances.push_back(emitSumsOfRows(b, Vectors(ArrayRef<Value>(sums).slice(group * lanes, lanes))));
  return distances;
}

/// Times size_a size_b / (size_a + size_b). Without sizes that is one half for all, and left out.
void MatchEmitter::weigh(Vectors &costs, Value source, Value target) {
  if (!hasSizes)
    return;
  Value own = vector::LoadOp::create(b, VectorType::get(tileSources, compute), sourceSizes, source);
  Value other = vector::LoadOp::create(b, VectorType::get(tileTargets, compute), targetSizes, target);
  for (auto [group, cost] : llvm::enumerate(costs)) {
    SmallVector<int64_t> ofSource, ofTarget;
    for (int64_t pair = group * lanes; pair < int64_t(group + 1) * lanes; ++pair) {
      ofSource.push_back(pair / tileTargets);
      ofTarget.push_back(pair % tileTargets);
    }
    Lanes x(b, vector::ShuffleOp::create(b, own, own, ofSource)),
        y(b, vector::ShuffleOp::create(b, other, other, ofTarget));
    Lanes sum = x + y;
    cost = select(sum == 0.0, 0.0, x * y / sum * Lanes(b, cost));
  }
}

// The cheapest target of each of the next sources: a cost that is NaN or infinite takes no first target's place.
void MatchEmitter::emitSources(Value first) {
  Vectors rows = laneConstants([&](int64_t pair) { return pair / tileTargets; });
  Vectors columns = laneConstants([&](int64_t pair) { return pair % tileTargets; });
  Value firstSource = vector::BroadcastOp::create(b, integers(), toI32(b, first));
  int64_t behind = (reach - 1) / 2,
          ahead = (reach + 1) / 2; // by how many targets a source may see around its own number
  Lanes none(b, emitIntegerConstant(b, integers(), 0));
  Vectors lowest(groups(), none), start(groups(), emitConstant(b, floats(), infinity));
  Value low = indexConstant(b, 0), high = indexConstant(b, targets);
  if (reach > 0) {
    for (auto [seen, row] : llvm::zip_equal(lowest, rows))
      seen = maximum(Lanes(b, firstSource) + Lanes(b, row) - none.integerConstant(behind), none);
    low = arith::MaxSIOp::create(b, addIndex(b, first, -behind), low);
    high = minIndex(b, addIndex(b, first, tileSources + ahead), high);
  }
  start.append(lowest);
  SmallVector<Value> sourceRows;
  for (int64_t i = 0; i < tileSources; ++i) {
    Value source = minIndex(b, addIndex(b, first, i), indexConstant(b, sources - 1));
    sourceRows.push_back(rowOf(addIndex(b, mulIndex(b, source, 2), 1)));
  }
  Vectors best = emitFor(b, low, high, tileTargets, start, [&](Value block, ValueRange carried) {
    SmallVector<Value> targetRows;
    for (int64_t i = 0; i < tileTargets; ++i)
      targetRows.push_back(rowOf(mulIndex(b, minIndex(b, addIndex(b, block, i), indexConstant(b, targets - 1)), 2)));
    Vectors costs = emitDistances(sourceRows, targetRows), numbers;
    weigh(costs, first, block);
    Lanes firstTarget(b, vector::BroadcastOp::create(b, integers(), toI32(b, block)));
    for (int64_t group = 0; group < groups(); ++group) {
      Lanes number = minimum(firstTarget + Lanes(b, columns[group]), none.integerConstant(targets - 1));
      Lanes isBetter = Lanes(b, costs[group]) < Lanes(b, carried[group]);
      if (reach > 0) {
        Lanes highest = Lanes(b, firstSource) + Lanes(b, rows[group]) + none.integerConstant(ahead);
        isBetter = isBetter & (number >= Lanes(b, lowest[group])) & (number <= highest);
      }
      costs[group] = select(isBetter, Lanes(b, costs[group]), Lanes(b, carried[group]));
      numbers.push_back(select(isBetter, number, Lanes(b, carried[groups() + group])));
    }
    costs.append(numbers);
    return costs;
  });
  storeCheapest(first, ArrayRef<Value>(best).take_front(groups()), ArrayRef<Value>(best).drop_front(groups()));
}

/// The lowest of the lanes of each source, of equal ones that with the lower number.
void MatchEmitter::storeCheapest(Value first, ArrayRef<Value> costs, ArrayRef<Value> numbers) {
  int64_t perGroup = lanes / tileTargets;
  for (int64_t group = 0; group < groups(); ++group) {
    Lanes cost(b, costs[group]), number(b, numbers[group]);
    for (int64_t distance = 1; distance < tileTargets; distance *= 2) {
      SmallVector<int64_t> partners;
      for (int64_t lane = 0; lane < lanes; ++lane)
        partners.push_back(lane ^ distance);
      Lanes otherCost(b, vector::ShuffleOp::create(b, cost, cost, partners));
      Lanes otherNumber(b, vector::ShuffleOp::create(b, number, number, partners));
      Lanes isBetter = (otherCost < cost) | ((otherCost == cost) & (otherNumber < number));
      cost = select(isBetter, otherCost, cost);
      number = select(isBetter, otherNumber, number);
    }
    SmallVector<int64_t> leading;
    for (int64_t i = 0; i < perGroup; ++i)
      leading.push_back(i * tileTargets);
    Value at = addIndex(b, first, group * perGroup), key = emitOrderedKeys(cost);
    vector::StoreOp::create(b, vector::ShuffleOp::create(b, key, key, leading), keys, at);
    vector::StoreOp::create(b, vector::ShuffleOp::create(b, number, number, leading), cheapest, at);
  }
}

// New numbers for all that stay, then those of their targets for the others.
void MatchEmitter::emitAssignment(Value sequence, const SmallestKeys &merged) {
  Value assignment = buffers.outputs[0];
  numberAll(b, assignment, sequence, protect);
  Value removed = emitIntegerConstant(b, b.getI32Type(), -1), next = emitIntegerConstant(b, b.getI32Type(), protect);
  Value start = addIndex(b, sequence, protect);
  CarriedValues end = emitFor(b, 0, sources, 1, {next, merged.ties}, [&](Value i, ValueRange carried) -> CarriedValues {
    Value place = addIndex(b, start, mulIndex(b, i, 2)), ties = carried[1];
    Lanes number = Lanes(b, carried[0]) + Lanes(b, carried[0]).integerConstant(1);
    memref::StoreOp::create(b, carried[0], assignment, place);
    Lanes isMerged(b, merged.emitTake(b, memref::LoadOp::create(b, keys, i), ties));
    memref::StoreOp::create(b, select(isMerged, Lanes(b, removed), number), assignment, addIndex(b, place, 1));
    return {select(isMerged, number, number + number.integerConstant(1)), ties};
  });
  if (targets > sources)
    memref::StoreOp::create(b, end[0], assignment, addIndex(b, start, 2 * sources));
  emitFor(b, 0, sources, 1, [&](Value i) {
    Value place = addIndex(b, start, addIndex(b, mulIndex(b, i, 2), 1));
    Value partner = arith::IndexCastOp::create(b, b.getIndexType(), memref::LoadOp::create(b, cheapest, i));
    // An address is chosen, not a value: of a choice among values LLVM makes a branch that no one can predict.
    Lanes own(b, memref::LoadOp::create(b, assignment, place));
    Value isRemoved = own == Lanes(b, removed), target = addIndex(b, start, mulIndex(b, partner, 2));
    Value from = arith::SelectOp::create(b, isRemoved, target, place);
    memref::StoreOp::create(b, memref::LoadOp::create(b, assignment, from), assignment, place);
  });
}

void MatchEmitter::emitImage(Value image) {
  Value sequence = mulIndex(b, image, tokens);
  if (remove == 0)
    return numberAll(b, buffers.outputs[0], sequence, tokens);
  free = addIndex(b, sequence, protect);
  if (hasSizes)
    gatherSizes(sequence);
  emitFor(b, 0, sources, tileSources, [&](Value first) { emitSources(first); });
  padKeys(b, keys, sources, keyExtent);
  emitAssignment(sequence, emitSmallestKeys(b, keys, keyExtent, remove, lanes));
}

int64_t emitMatchTokens(FlatFrame &frame, nn::MatchTokensOp op, const SequentialBuffers &buffers,
                        const CpuTarget &target) {
  MatchEmitter emitter(frame, op, buffers, target);
  emitFor(frame.b, frame.begin(), frame.end(), 1, [&](Value image) { emitter.emitImage(image); });
  return op.getMetric().getType().getDimSize(0);
}

int64_t emitDropTokens(FlatFrame &frame, nn::DropTokensOp op, const SequentialBuffers &buffers,
                       const CpuTarget &target) {
  ImplicitLocOpBuilder &b = frame.b;
  auto type = op.getScore().getType();
  Type element = type.getElementType(), compute = computeType(element);
  int64_t tokens = type.getDimSize(1), protect = op.getProtect(), keep = int64_t(op.getKeep()) - protect,
          count = tokens - protect, lanes = lanesOf(target, element), extent = llvm::alignTo(count, lanes);
  Value assignment = buffers.outputs[0], dropped = emitIntegerConstant(b, b.getI32Type(), -1);
  if (keep == 0 || keep == count) {
    emitFor(b, frame.begin(), frame.end(), 1, [&](Value image) {
      Value sequence = mulIndex(b, image, tokens);
      numberAll(b, assignment, sequence, protect + keep);
      emitFor(b, protect + keep, tokens, 1,
              [&](Value i) { memref::StoreOp::create(b, dropped, assignment, addIndex(b, sequence, i)); });
    });
    return type.getDimSize(0);
  }
  Value keys = frame.scratch(b.getIntegerType(compute.getIntOrFloatBitWidth()), extent);
  emitFor(b, frame.begin(), frame.end(), 1, [&](Value image) {
    Value sequence = mulIndex(b, image, tokens), start = addIndex(b, sequence, protect);
    emitFor(b, 0, count, 1, [&](Value i) {
      Lanes score(b, emitLoad(b, element, buffers.inputs[0], addIndex(b, start, i)));
      Lanes key = emitOrderedKeys(select(isNan(score), -infinity, score));
      memref::StoreOp::create(b, key ^ key.integerConstant(-1), keys, i); // the highest scores have the smallest keys
    });
    padKeys(b, keys, count, extent);
    SmallestKeys kept = emitSmallestKeys(b, keys, extent, keep, lanes);
    numberAll(b, assignment, sequence, protect);
    Value next = emitIntegerConstant(b, b.getI32Type(), protect);
    emitFor(b, 0, count, 1, {next, kept.ties}, [&](Value i, ValueRange carried) -> CarriedValues {
      Value ties = carried[1];
      Lanes isKept(b, kept.emitTake(b, memref::LoadOp::create(b, keys, i), ties)), number(b, carried[0]);
      memref::StoreOp::create(b, select(isKept, number, Lanes(b, dropped)), assignment, addIndex(b, start, i));
      return {select(isKept, number + number.integerConstant(1), number), ties};
    });
  });
  return type.getDimSize(0);
}

} // namespace fettle::codegen
