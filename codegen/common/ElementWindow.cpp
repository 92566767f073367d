//===- ElementWindow.cpp - elements of pooling ----------------------------===//

#include "codegen/common/ElementFamilies.h"
#include "codegen/common/PointwiseFamilies.h"
#include "codegen/common/VectorMath.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace fettle::codegen {

namespace {
/// One position of a window, over one element of the result.
struct Tap {
  SmallVector<IndexExpr> source; ///< index into the input
  SmallVector<Value> conditions; ///< for the source to lie inside the input
};

template <typename OpTy> class Window {
public:
  Window(ElementEmitter &e, OpTy op, ElementEmitter::Index index, bool channelsLast)
      : e(e), op(op), index(index), firstSpatial(channelsLast ? 1 : 2) {}

  /// Conditions that the tap lies within `margin` of the input: 0, or the padding.
  Tap tap(ElementEmitter::Index at, bool withPadding = false) {
    Tap result{SmallVector<IndexExpr>(index), {}};
    ArrayRef<int64_t> shape = shapeOf(op.getInput()), pads = op.getPads();
    for (auto [i, offset] : llvm::enumerate(at)) {
      unsigned axis = firstSpatial + i;
      int64_t before = pads[i], after = pads[at.size() + i];
      IndexExpr coordinate = index[axis] * op.getStrides()[i] + offset * op.getDilations()[i] - before;
      if (withPadding)
        e.requireInRange(coordinate + before, shape[axis] + before + after, result.conditions);
      else
        e.requireInRange(coordinate, shape[axis], result.conditions);
      result.source[axis] = coordinate;
    }
    return result;
  }

  /// sum or maximum over the taps of map(tap), with `neutral` where a tap is outside.
  Lanes fold(Lanes neutral, bool withPadding, llvm::function_ref<Lanes(Lanes, Lanes)> combine,
             llvm::function_ref<Lanes(const Tap &)> map) {
    SmallVector<Value> result = e.loop(op.getKernel(), ValueRange{Value(neutral)}, [&](ElementEmitter::Index at, ValueRange carried) {
      Tap t = tap(at, withPadding);
      Lanes so(e.b, carried[0]);
      Lanes next = e.guarded(t.conditions, [&] { return combine(so, map(t)); }, [&] { return so; });
      return SmallVector<Value>{Value(next)};
    });
    return {e.b, result[0]};
  }

private:
  ElementEmitter &e;
  OpTy op;
  ElementEmitter::Index index;
  unsigned firstSpatial;
};
} // namespace

static Lanes emitPool(ElementEmitter &e, nn::PoolOp op, ElementEmitter::Index index) {
  Value input = op.getInput();
  Type element = elementOf(input);
  Window<nn::PoolOp> window(e, op, index, op.getChannelsLast());
  auto inputAt = [&](const Tap &tap) { return e.element(input, tap.source); };
  auto sum = [](Lanes x, Lanes y) { return x + y; };
  switch (op.getKind()) {
  case nn::PoolKind::max_pool: {
    // The tap goes first: whether it is NaN does not depend on the maximum so far, which is what taps wait for.
    auto larger = [&](Lanes best, Lanes x) { return emitBinary(nn::BinaryKind::max, x, best, element, element); };
    return window.fold(extremeConstant(e, element, true), false, larger, inputAt);
  }
  case nn::PoolKind::average:
  case nn::PoolKind::average_with_pad: {
    Lanes total = window.fold(e.constant(element, 0.0), false, sum, inputAt);
    Lanes one = e.constant(element, 1.0);
    bool withPadding = op.getKind() == nn::PoolKind::average_with_pad;
    Lanes count = window.fold(e.constant(element, 0.0), withPadding, sum, [&](const Tap &) { return one; });
    return emitBinary(nn::BinaryKind::div, total, count, element, element);
  }
  case nn::PoolKind::lp: {
    double p = op.getP();
    Lanes total = window.fold(e.constant(element, 0.0), false, sum, [&](const Tap &tap) {
      Lanes x = abs(inputAt(tap));
      return p == 1.0 ? x : Lanes(e.b, emitPow(e.b, x, e.constant(element, p)));
    });
    if (p == 1.0)
      return total;
    return p == 2.0 ? sqrt(total) : Lanes(e.b, emitPow(e.b, total, e.constant(element, 1.0 / p)));
  }
  }
  llvm_unreachable("all kinds covered");
}

static Lanes emitMaxPoolIndices(ElementEmitter &e, nn::MaxPoolIndicesOp op, ElementEmitter::Index index) {
  Value input = op.getInput();
  Type element = elementOf(input), indexType = e.b.getI64Type();
  ArrayRef<int64_t> shape = shapeOf(input);
  Window<nn::MaxPoolIndicesOp> window(e, op, index, /*channelsLast=*/false);
  auto positionOf = [&](ElementEmitter::Index source) {
    if (!op.getColumnMajor())
      return e.space.linearize(source, shape);
    // The spatial axes run the other way round; batch and channels stay outermost.
    SmallVector<IndexExpr> reversed(source);
    SmallVector<int64_t> reversedShape(shape);
    std::reverse(reversed.begin() + 2, reversed.end());
    std::reverse(reversedShape.begin() + 2, reversedShape.end());
    return e.space.linearize(reversed, reversedShape);
  };
  // No tap has won yet: -1 marks it, for the lowest value may be in the input.
  SmallVector<Value> initial{Value(extremeConstant(e, element, true)), Value(e.constant(indexType, -1.0))};
  SmallVector<Value> found = e.loop(op.getKernel(), initial, [&](ElementEmitter::Index at, ValueRange carried) {
    Tap tap = window.tap(at);
    Lanes best(e.b, carried[0]), where(e.b, carried[1]);
    auto wins = [&] {
      Lanes x = e.element(input, tap.source);
      Lanes isBetter = emitCompare(nn::CompareKind::gt, x, best, element);
      if (x.isFloat()) // where the maximum is NaN, the index is one of a NaN
        isBetter = isBetter | isNan(x);
      Lanes isFirst = where < where.integerConstant(0);
      return std::make_pair(x, select(isFirst, isFirst, isBetter));
    };
    Lanes next = e.guarded(tap.conditions, [&] {
      auto [x, better] = wins();
      return select(better, x, best);
    }, [&] { return best; });
    Lanes nextWhere = e.guarded(tap.conditions, [&] {
      auto [x, better] = wins();
      return select(better, e.indexValue(positionOf(tap.source), indexType), where);
    }, [&] { return where; });
    return SmallVector<Value>{Value(next), Value(nextWhere)};
  });
  return {e.b, found[1]};
}

MaybeLanes emitWindowElement(ElementEmitter &e, Operation *op, ElementEmitter::Index index) {
  return TypeSwitch<Operation *, MaybeLanes>(op)
      .Case([&](nn::PoolOp pool) { return emitPool(e, pool, index); })
      .Case([&](nn::MaxPoolIndicesOp pool) { return emitMaxPoolIndices(e, pool, index); })
      .Default([](Operation *) { return std::nullopt; });
}

} // namespace fettle::codegen
