//===- RowSpace.cpp - the loops of a kernel that reduces along axes -------===//

#include "codegen/cpu/RowSpace.h"

using namespace mlir;

namespace fettle::codegen {

RowSpace::RowSpace(ArrayRef<int64_t> shape, ArrayRef<int64_t> reducedAxes, ArrayRef<FusedExpression *> expressions,
                   int64_t lanes)
    : extents(shape.begin(), shape.end()), reduced(shape.size(), false), laneCount(lanes) {
  for (int64_t axis : reducedAxes)
    reduced[axis] = true;
  coalesce(expressions);
  chooseLaneAxis(expressions);
  int64_t vectors = llvm::divideCeil(extents[laneAxis], laneCount);
  partCount = std::min<int64_t>(partCount, vectors);
}

/// Rewrites every expression; the changes made here are always possible.
static void rewriteAll(ArrayRef<FusedExpression *> expressions,
                       llvm::function_ref<StridedView(const StridedView &)> change) {
  for (FusedExpression *expression : expressions) {
    LogicalResult changed = expression->rewrite([&](const StridedView &view) { return std::optional(change(view)); });
    assert(succeeded(changed));
    static_cast<void>(changed);
  }
}

void RowSpace::coalesce(ArrayRef<FusedExpression *> expressions) {
  auto erase = [&](int64_t axis) {
    extents.erase(extents.begin() + axis);
    reduced.erase(reduced.begin() + axis);
    rewriteAll(expressions, [&](StridedView view) {
      view.shape.assign(extents.begin(), extents.end());
      view.strides.erase(view.strides.begin() + axis);
      return view;
    });
  };
  auto merges = [&](int64_t axis) { // with the next one
    if (reduced[axis] != reduced[axis + 1])
      return false;
    for (FusedExpression *expression : expressions)
      for (const StridedView *view : expression->views())
        if (view->strides[axis] != view->strides[axis + 1] * extents[axis + 1])
          return false;
    return true;
  };
  for (int64_t axis = extents.size(); axis-- > 0;)
    if (extents[axis] == 1)
      erase(axis);
  for (int64_t axis = int64_t(extents.size()) - 1; axis-- > 0;)
    if (merges(axis)) {
      extents[axis + 1] *= extents[axis];
      erase(axis);
    }
  if (extents.empty()) { // a single element: a row of one
    extents.push_back(1);
    reduced.push_back(true);
    rewriteAll(expressions, [&](StridedView view) {
      view.shape = {1};
      view.strides = {0};
      return view;
    });
  }
}

// The axis along which most views are dense; the longest of equals. Strided
// access is emitted lane by lane, so one odd view is slow but right.
void RowSpace::chooseLaneAxis(ArrayRef<FusedExpression *> expressions) {
  int64_t bestScore = std::numeric_limits<int64_t>::min();
  for (int64_t axis = 0; axis < int64_t(extents.size()); ++axis) {
    int64_t score = 0;
    for (FusedExpression *expression : expressions)
      for (const StridedView *view : expression->views())
        score += view->strides[axis] == 1 ? 1 : view->strides[axis] == 0 ? 0 : -1;
    if (score > bestScore || (score == bestScore && extents[axis] > extents[laneAxis])) {
      bestScore = score;
      laneAxis = axis;
    }
  }
}

int64_t RowSpace::reducedElements() const {
  int64_t count = 1;
  for (auto [extent, isReduced] : llvm::zip(extents, reduced))
    count *= isReduced ? extent : 1;
  return count;
}

int64_t RowSpace::units() const {
  int64_t count = lanesAreReduced() ? 1 : llvm::divideCeil(extents[laneAxis], blockElements());
  for (int64_t axis = 0; axis < int64_t(extents.size()); ++axis)
    count *= reduced[axis] || axis == laneAxis ? 1 : extents[axis];
  return count;
}

int64_t RowSpace::elementsPerUnit() const { return reducedElements() * (lanesAreReduced() ? 1 : blockElements()); }

int64_t RowSpace::bufferElements() const {
  if (!lanesAreReduced())
    return elementsPerUnit();
  return reducedElements() / extents[laneAxis] * llvm::alignTo(extents[laneAxis], laneCount);
}

void RowSpace::emitUnits(ImplicitLocOpBuilder &b, Value begin, Value end, llvm::function_ref<void()> body) {
  SmallVector<int64_t> keptAxes, keptExtents;
  for (int64_t axis = 0; axis < int64_t(extents.size()); ++axis)
    if (!reduced[axis] && axis != laneAxis) {
      keptAxes.push_back(axis);
      keptExtents.push_back(extents[axis]);
    }
  if (!lanesAreReduced())
    keptExtents.push_back(llvm::divideCeil(extents[laneAxis], blockElements()));
  emitFor(b, begin, end, 1, [&](Value unit) {
    SmallVector<Value> kept = delinearize(b, unit, keptExtents);
    coordinates.assign(extents.size(), indexConstant(b, 0));
    for (auto [axis, coordinate] : llvm::zip(keptAxes, kept))
      coordinates[axis] = coordinate;
    laneExtent = extents[laneAxis];
    if (lanesAreReduced())
      return body();
    // Blocks of results are alike but for the last, which may be narrower.
    int64_t blocks = keptExtents.back(), width = blockElements(), last = extents[laneAxis] - (blocks - 1) * width;
    laneBase = mulIndex(b, kept.back(), width);
    laneExtent = width;
    if (last == width)
      return body();
    if (blocks > 1)
      emitIf(b, arith::CmpIOp::create(b, arith::CmpIPredicate::ult, kept.back(), indexConstant(b, blocks - 1)), body);
    laneExtent = last;
    if (blocks == 1)
      return body();
    emitIf(b, arith::CmpIOp::create(b, arith::CmpIPredicate::eq, kept.back(), indexConstant(b, blocks - 1)), body);
  });
}

SmallVector<ElementPosition> RowSpace::resultPositions(ImplicitLocOpBuilder &b) const {
  ElementPosition position;
  position.coordinates = coordinates;
  if (lanesAreReduced())
    return {position};
  SmallVector<ElementPosition> positions;
  for (int64_t offset = 0; offset < laneExtent; offset += laneCount) {
    position.coordinates[laneAxis] = addIndex(b, laneBase, offset);
    position.laneAxis = laneAxis;
    position.lanes = laneCount;
    position.activeLanes = std::min(laneCount, laneExtent - offset);
    positions.push_back(position);
  }
  return positions;
}

/// Emits one spot and keeps the value of lanes that do not exist.
static Value stepAt(ImplicitLocOpBuilder &b, const RowSpace::Spot &spot, Value value,
                    llvm::function_ref<Value(const RowSpace::Spot &, Value)> step) {
  Value next = step(spot, value);
  if (!next || spot.position.activeLanes == spot.position.lanes)
    return next;
  auto mask = vector::ConstantMaskOp::create(b, VectorType::get(spot.position.lanes, b.getI1Type()),
                                             ArrayRef<int64_t>{spot.position.activeLanes});
  return arith::SelectOp::create(b, mask, next, value);
}

// Along the lane axis of a unit: turns of `partCount` vectors, then what is left.
CarriedValues RowSpace::visitLanes(ImplicitLocOpBuilder &b, Value bufferRow, CarriedValues values,
                                   llvm::function_ref<Value(const Spot &, Value)> step) {
  auto visit = [&](Value first, int64_t offset, unsigned part, CarriedValues &current) {
    Spot spot;
    spot.part = part;
    Value inUnit = addIndex(b, first, offset);
    spot.bufferIndex = addIndex(b, bufferRow, inUnit);
    spot.position.coordinates = coordinates;
    spot.position.coordinates[laneAxis] = lanesAreReduced() ? inUnit : addIndex(b, laneBase, inUnit);
    spot.position.laneAxis = laneAxis;
    spot.position.lanes = laneCount;
    // Only the static remainder may be narrower than a vector.
    std::optional<int64_t> known = getConstantIntValue(first);
    spot.position.activeLanes = known ? std::min(laneCount, laneExtent - *known - offset) : laneCount;
    Value next = stepAt(b, spot, current.empty() ? Value() : current[part], step);
    if (!current.empty())
      current[part] = next;
  };
  int64_t turn = partCount * laneCount, main = laneExtent / turn * turn;
  values = emitFor(b, indexConstant(b, 0), indexConstant(b, main), turn, values, [&](Value first, ValueRange carried) {
    CarriedValues next(carried);
    for (unsigned part = 0; part < partCount; ++part)
      visit(first, part * laneCount, part, next);
    return next;
  });
  Value rest = indexConstant(b, main);
  unsigned part = 0;
  for (int64_t offset = 0; main + offset < laneExtent; offset += laneCount)
    visit(rest, offset, part++, values);
  return values;
}

CarriedValues RowSpace::sweep(ImplicitLocOpBuilder &b, CarriedValues values,
                              llvm::function_ref<Value(const Spot &, Value)> step) {
  SmallVector<int64_t> axes;
  for (int64_t axis = 0; axis < int64_t(extents.size()); ++axis)
    if (reduced[axis] && axis != laneAxis)
      axes.push_back(axis);
  int64_t rowLength = lanesAreReduced() ? llvm::alignTo(extents[laneAxis], laneCount) : blockElements();
  SmallVector<Value> outside = coordinates;
  std::function<CarriedValues(size_t, Value, CarriedValues)> nest = [&](size_t depth, Value row,
                                                                        CarriedValues current) {
    if (depth == axes.size())
      return visitLanes(b, mulIndex(b, row, rowLength), current, step);
    int64_t extent = extents[axes[depth]];
    return emitFor(b, 0, extent, 1, current, [&](Value i, ValueRange carried) {
      coordinates[axes[depth]] = i;
      return nest(depth + 1, addIndex(b, mulIndex(b, row, extent), i), CarriedValues(carried));
    });
  };
  values = nest(0, indexConstant(b, 0), values);
  coordinates = outside;
  return values;
}

CarriedValues RowSpace::fold(ImplicitLocOpBuilder &b, Value initial,
                             llvm::function_ref<Value(const Spot &, Value)> step) {
  unsigned parts = std::min<int64_t>(partCount, llvm::divideCeil(laneExtent, laneCount));
  return sweep(b, CarriedValues(parts, initial), step);
}

void RowSpace::forEach(ImplicitLocOpBuilder &b, llvm::function_ref<void(const Spot &)> visit) {
  sweep(b, {}, [&](const Spot &spot, Value) {
    visit(spot);
    return Value();
  });
}

} // namespace fettle::codegen
