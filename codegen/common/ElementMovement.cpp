//===- ElementMovement.cpp - elements of ops that move data ---------------===//

#include "codegen/common/ElementFamilies.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace fettle::codegen {

static Lanes emitTranspose(ElementEmitter &e, nn::TransposeOp op, ElementEmitter::Index index) {
  SmallVector<IndexExpr> source(index.size());
  for (auto [i, axis] : llvm::enumerate(op.getPerm()))
    source[axis] = index[i];
  return e.element(op.getInput(), source);
}

static Lanes emitSlice(ElementEmitter &e, nn::SliceOp op, ElementEmitter::Index index) {
  SmallVector<IndexExpr> source;
  for (auto [expr, start, step] : llvm::zip_equal(index, op.getStarts(), op.getSteps()))
    source.push_back(expr * step + start);
  return e.element(op.getInput(), source);
}

static Lanes emitTile(ElementEmitter &e, nn::TileOp op, ElementEmitter::Index index) {
  SmallVector<IndexExpr> source;
  for (auto [expr, extent] : llvm::zip_equal(index, shapeOf(op.getInput())))
    source.push_back(e.space.divide(expr, extent).second);
  return e.element(op.getInput(), source);
}

/// A chain of choices, one per input, of which those out of the index's range are left out.
static Lanes emitConcat(ElementEmitter &e, nn::ConcatOp op, ElementEmitter::Index index) {
  int64_t axis = op.getAxis();
  SmallVector<IndexExpr> source(index);
  std::function<Lanes(unsigned, int64_t)> from = [&](unsigned i, int64_t begin) -> Lanes {
    Value input = op.getInputs()[i];
    int64_t end = begin + shapeOf(input)[axis];
    auto inside = [&] {
      source[axis] = index[axis] - begin;
      return e.element(input, source);
    };
    if (i + 1 == op.getInputs().size())
      return inside();
    return e.guarded({e.space.isBelow(index[axis], end, /*isChoice=*/true)}, inside, [&] { return from(i + 1, end); });
  };
  return from(0, 0);
}

/// Mirror image of a coordinate in [-low, extent + high): reflection without repeating the edge, of any depth.
static IndexExpr reflect(ElementEmitter &e, const IndexExpr &coordinate, int64_t extent) {
  if (e.space.isInRange(coordinate, extent))
    return coordinate;
  if (extent == 1)
    return 0;
  int64_t period = 2 * (extent - 1);
  int64_t shift = e.space.lowest(coordinate) < 0 ? (-e.space.lowest(coordinate) + period - 1) / period * period : 0;
  IndexExpr phase = e.space.divide(coordinate + shift, period).second;
  if (e.space.isInRange(phase, extent))
    return phase;
  ImplicitLocOpBuilder &b = e.b;
  Value forward = e.space.materialize(phase), backward = e.space.materialize(phase * -1 + period);
  return e.space.symbol(arith::MinSIOp::create(b, forward, backward), extent);
}

static IndexExpr clampToEdge(ElementEmitter &e, const IndexExpr &coordinate, int64_t extent) {
  if (e.space.isInRange(coordinate, extent))
    return coordinate;
  Value low = arith::MaxSIOp::create(e.b, e.space.materialize(coordinate), e.space.constant(0));
  return e.space.symbol(arith::MinSIOp::create(e.b, low, e.space.constant(extent - 1)), extent);
}

static IndexExpr wrap(ElementEmitter &e, const IndexExpr &coordinate, int64_t extent) {
  int64_t shift = e.space.lowest(coordinate) < 0 ? (-e.space.lowest(coordinate) + extent - 1) / extent * extent : 0;
  return e.space.divide(coordinate + shift, extent).second;
}

static Lanes emitPad(ElementEmitter &e, nn::PadOp op, ElementEmitter::Index index) {
  ArrayRef<int64_t> shape = shapeOf(op.getInput());
  SmallVector<IndexExpr> source;
  SmallVector<Value> conditions;
  for (auto [expr, low, extent] : llvm::zip_equal(index, op.getLow(), shape)) {
    IndexExpr coordinate = expr - low;
    switch (op.getMode()) {
    case nn::PadMode::constant: e.requireInRange(coordinate, extent, conditions); break;
    case nn::PadMode::reflect: coordinate = reflect(e, coordinate, extent); break;
    case nn::PadMode::edge: coordinate = clampToEdge(e, coordinate, extent); break;
    case nn::PadMode::wrap: coordinate = wrap(e, coordinate, extent); break;
    }
    source.push_back(coordinate);
  }
  auto inside = [&] { return e.element(op.getInput(), source); };
  auto outside = [&] { return op.getValue() ? e.at(op.getValue(), 0) : e.constant(elementOf(op.getInput()), 0.0); };
  return e.guarded(conditions, inside, outside);
}

/// The first `length` entries along time run backwards.
static Lanes emitReverseSequence(ElementEmitter &e, nn::ReverseSequenceOp op, ElementEmitter::Index index) {
  ImplicitLocOpBuilder &b = e.b;
  int64_t time = op.getTimeAxis(), steps = shapeOf(op.getInput())[time];
  Lanes length = e.scalarElement(op.getLengths(), {index[op.getBatchAxis()]});
  Value count = arith::IndexCastOp::create(b, b.getIndexType(), Value(length));
  count = arith::MinSIOp::create(b, count, e.space.constant(steps)); // a length beyond the tensor
  Value t = e.space.materialize(index[time]);
  Value last = arith::SubIOp::create(b, count, e.space.constant(1));
  Value mirrored = arith::SubIOp::create(b, last, t);
  Value isInside = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, t, count);
  Value chosen = arith::SelectOp::create(b, isInside, mirrored, t);
  SmallVector<IndexExpr> source(index);
  source[time] = e.space.symbol(chosen, steps);
  return e.element(op.getInput(), source);
}

MaybeLanes emitMovementElement(ElementEmitter &e, Operation *op, ElementEmitter::Index index) {
  return TypeSwitch<Operation *, MaybeLanes>(op)
      .Case([&](nn::TransposeOp transpose) { return emitTranspose(e, transpose, index); })
      .Case([&](nn::BroadcastOp broadcast) {
        return e.element(broadcast.getInput(), broadcastIndex(broadcast.getInput(), index));
      })
      .Case([&](nn::SliceOp slice) { return emitSlice(e, slice, index); })
      .Case([&](nn::TileOp tile) { return emitTile(e, tile, index); })
      .Case([&](nn::ConcatOp concat) { return emitConcat(e, concat, index); })
      .Case([&](nn::PadOp pad) { return emitPad(e, pad, index); })
      .Case([&](nn::ReverseSequenceOp reverse) { return emitReverseSequence(e, reverse, index); })
      .Default([](Operation *) { return std::nullopt; });
}

} // namespace fettle::codegen
