//===- ElementNormalization.cpp - elements of softmax and norms -----------===//

#include "codegen/common/ElementFamilies.h"
#include "codegen/common/PointwiseFamilies.h"
#include "codegen/common/VectorMath.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace fettle::codegen {

/// Folds `map(index)` over `extents` with a sum or a maximum.
static Lanes fold(ElementEmitter &e, ArrayRef<int64_t> extents, Lanes initial, bool isMaximum,
                  llvm::function_ref<Lanes(ElementEmitter::Index)> map) {
  SmallVector<Value> result = e.loop(extents, ValueRange{Value(initial)}, [&](ElementEmitter::Index at, ValueRange carried) {
    Lanes sum(e.b, carried[0]), x = map(at);
    return SmallVector<Value>{Value(isMaximum ? maximum(sum, x) : sum + x)};
  });
  return {e.b, result[0]};
}

static Lanes emitSoftmax(ElementEmitter &e, nn::SoftmaxOp op, ElementEmitter::Index index) {
  Value input = op.getInput();
  Type element = elementOf(input);
  int64_t axis = op.getAxis();
  SmallVector<IndexExpr> source(index);
  auto inputAt = [&](ElementEmitter::Index at) {
    source[axis] = at[0];
    return e.element(input, source);
  };
  int64_t extent = shapeOf(input)[axis];
  Lanes largest = fold(e, {extent}, extremeConstant(e, element, true), true, inputAt);
  Lanes sum = fold(e, {extent}, e.constant(element, 0.0), false,
                   [&](ElementEmitter::Index at) { return Lanes(e.b, emitExp(e.b, inputAt(at) - largest)); });
  Lanes shifted = e.element(input, index) - largest;
  if (op.getLog())
    return shifted - Lanes(e.b, emitLog(e.b, sum));
  return Lanes(e.b, emitExp(e.b, shifted)) / sum;
}

static Lanes emitLayerNorm(ElementEmitter &e, nn::LayerNormOp op, ElementEmitter::Index index) {
  Value input = op.getInput();
  Type element = elementOf(input);
  ArrayRef<int64_t> reduced = shapeOf(input).drop_front(op.getAxis());
  double count = ShapedType::getNumElements(reduced);
  auto inputAt = [&](ElementEmitter::Index at) {
    SmallVector<IndexExpr> source(index.take_front(op.getAxis()));
    llvm::append_range(source, at);
    return e.element(input, source);
  };
  Lanes zero = e.constant(element, 0.0);
  Lanes mean = op.getRms() ? zero : fold(e, reduced, zero, false, inputAt) / count;
  Lanes variance = fold(e, reduced, zero, false, [&](ElementEmitter::Index at) {
    Lanes centred = inputAt(at) - mean;
    return centred * centred;
  }) / count;
  Lanes result = (e.element(input, index) - mean) / sqrt(variance + op.getEpsilon().convertToDouble());
  if (op.getScale())
    result = result * e.element(op.getScale(), broadcastIndex(op.getScale(), index));
  if (op.getBias())
    result = result + e.element(op.getBias(), broadcastIndex(op.getBias(), index));
  return result;
}

static Lanes emitBatchNorm(ElementEmitter &e, nn::BatchNormOp op, ElementEmitter::Index index) {
  IndexExpr channel = index.size() > 1 ? index[1] : IndexExpr(0);
  auto ofChannel = [&](Value statistic) { return e.element(statistic, {channel}); };
  Lanes factor = ofChannel(op.getScale()) / sqrt(ofChannel(op.getVariance()) + op.getEpsilon().convertToDouble());
  return mulAdd(e.element(op.getInput(), index) - ofChannel(op.getMean()), factor, ofChannel(op.getBias()));
}

/// x / (bias + alpha / size * sum of squares over the neighbouring channels) ^ beta.
static Lanes emitLrn(ElementEmitter &e, nn::LrnOp op, ElementEmitter::Index index) {
  Value input = op.getInput();
  Type element = elementOf(input);
  int64_t size = op.getSize(), before = (size - 1) / 2;
  SmallVector<IndexExpr> source(index);
  Lanes sum = fold(e, {size}, e.constant(element, 0.0), false, [&](ElementEmitter::Index at) {
    source[1] = index[1] + at[0] - before;
    SmallVector<Value> conditions;
    e.requireInRange(source[1], shapeOf(input)[1], conditions);
    return e.guarded(
        conditions,
        [&] {
          Lanes x = e.element(input, source);
          return x * x;
        },
        [&] { return e.constant(element, 0.0); });
  });
  Lanes base = mulAdd(sum, op.getAlpha().convertToDouble() / double(size), op.getBias().convertToDouble());
  Lanes exponent = e.constant(element, -op.getBeta().convertToDouble());
  return e.element(input, index) * Lanes(e.b, emitPow(e.b, base, exponent));
}

MaybeLanes emitNormalizationElement(ElementEmitter &e, Operation *op, ElementEmitter::Index index) {
  return TypeSwitch<Operation *, MaybeLanes>(op)
      .Case([&](nn::SoftmaxOp softmax) { return emitSoftmax(e, softmax, index); })
      .Case([&](nn::LayerNormOp norm) { return emitLayerNorm(e, norm, index); })
      .Case([&](nn::BatchNormOp norm) { return emitBatchNorm(e, norm, index); })
      .Case([&](nn::LrnOp lrn) { return emitLrn(e, lrn, index); })
      .Default([](Operation *) { return std::nullopt; });
}

} // namespace fettle::codegen
