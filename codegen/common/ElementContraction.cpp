//===- ElementContraction.cpp - elements of products, slow and right ------===//
//
// Matrix products, convolutions and attention are the work of builders with
// register tiles; this is what they fall back to for element types and shapes
// that they do not take.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/ElementFamilies.h"
#include "codegen/common/PointwiseFamilies.h"
#include "codegen/common/VectorMath.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace fettle::codegen {

/// An operand's element in the accumulator's type (8-bit integers are summed in i32).
static Lanes elementAs(ElementEmitter &e, Value tensor, ElementEmitter::Index index, Type accumulator) {
  Lanes x = e.element(tensor, index);
  Type element = elementOf(tensor);
  return element == accumulator ? x : emitCast(x, element, accumulator);
}

/// The same, less the zero point of quantized activations.
static Lanes centredElementAs(ElementEmitter &e, Value tensor, ElementEmitter::Index index, Type accumulator, int64_t zeroPoint) {
  Lanes x = elementAs(e, tensor, index, accumulator);
  return zeroPoint == 0 ? x : x - x.integerConstant(zeroPoint);
}

static Lanes emitMatMul(ElementEmitter &e, nn::MatMulOp op, ElementEmitter::Index index) {
  Type accumulator = elementOf(op.getOutput());
  ArrayRef<int64_t> lhsShape = shapeOf(op.getLhs());
  unsigned rank = index.size();
  int64_t depth = lhsShape[lhsShape.size() - (op.getTransposeLhs() ? 2 : 1)];
  auto operandIndex = [&](Value operand, IndexExpr row, IndexExpr column, bool transposed) {
    SmallVector<IndexExpr> full(index.take_front(rank - 2));
    full.push_back(transposed ? column : row);
    full.push_back(transposed ? row : column);
    // The two matrix axes never broadcast, the batch axes may.
    SmallVector<IndexExpr> at = broadcastIndex(operand, full);
    at[at.size() - 2] = full[rank - 2];
    at[at.size() - 1] = full[rank - 1];
    return at;
  };
  SmallVector<Value> sum = e.loop({depth}, ValueRange{Value(e.constant(accumulator, 0.0))}, [&](ElementEmitter::Index k, ValueRange carried) {
    Lanes x = centredElementAs(e, op.getLhs(), operandIndex(op.getLhs(), index[rank - 2], k[0], op.getTransposeLhs()), accumulator,
                               int64_t(op.getZeroPoint()));
    Lanes y = elementAs(e, op.getRhs(), operandIndex(op.getRhs(), k[0], index[rank - 1], op.getTransposeRhs()), accumulator);
    return SmallVector<Value>{Value(mulAdd(x, y, {e.b, carried[0]}))};
  });
  Lanes result(e.b, sum[0]);
  if (!op.getBias())
    return result;
  return result + elementAs(e, op.getBias(), broadcastIndex(op.getBias(), index), accumulator);
}

/// Channel first, then the spatial axes, whichever way the tensor has them.
static SmallVector<IndexExpr> imageIndex(IndexExpr batch, IndexExpr channel, ElementEmitter::Index spatial, bool channelsLast) {
  SmallVector<IndexExpr> at{batch};
  if (!channelsLast)
    at.push_back(channel);
  llvm::append_range(at, spatial);
  if (channelsLast)
    at.push_back(channel);
  return at;
}

static Lanes emitConv(ElementEmitter &e, nn::ConvOp op, ElementEmitter::Index index) {
  Type accumulator = elementOf(op.getOutput());
  bool channelsLast = op.getChannelsLast();
  ArrayRef<int64_t> weightShape = shapeOf(op.getWeight()), inputShape = shapeOf(op.getInput());
  int64_t groups = op.getGroups(), depth = weightShape[1], spatialRank = weightShape.size() - 2;
  unsigned firstSpatial = channelsLast ? 1 : 2;
  IndexExpr out = index[channelsLast ? index.size() - 1 : 1];
  IndexExpr group = e.space.divide(out, weightShape[0] / groups).first;

  SmallVector<int64_t> extents(weightShape.drop_front(2));
  extents.push_back(depth);
  Value zero = e.constant(accumulator, 0.0);
  SmallVector<Value> sum = e.loop(extents, zero, [&](ElementEmitter::Index at, ValueRange carried) {
    SmallVector<IndexExpr> spatial;
    SmallVector<Value> conditions;
    for (int64_t i = 0; i < spatialRank; ++i) {
      IndexExpr coordinate = index[firstSpatial + i] * op.getStrides()[i] + at[i] * op.getDilations()[i] - op.getPads()[i];
      e.requireInRange(coordinate, inputShape[firstSpatial + i], conditions);
      spatial.push_back(coordinate);
    }
    Lanes so(e.b, carried[0]);
    Lanes next = e.guarded(conditions, [&] {
      Lanes x = centredElementAs(e, op.getInput(), imageIndex(index[0], group * depth + at.back(), spatial, channelsLast), accumulator,
                                 int64_t(op.getZeroPoint()));
      Lanes w = elementAs(e, op.getWeight(), imageIndex(out, at.back(), at.drop_back(), false), accumulator);
      return mulAdd(x, w, so);
    }, [&] { return so; });
    return SmallVector<Value>{Value(next)};
  });
  Lanes result(e.b, sum[0]);
  return op.getBias() ? result + elementAs(e, op.getBias(), {out}, accumulator) : result;
}

// out[y] sums x[i] w[k] over i * stride + k * dilation - pad = y: for each k, i = (y + pad - k * dilation) / stride
// where that is whole.
static Lanes emitConvTranspose(ElementEmitter &e, nn::ConvTransposeOp op, ElementEmitter::Index index) {
  Type accumulator = elementOf(op.getOutput());
  bool channelsLast = op.getChannelsLast();
  ArrayRef<int64_t> weightShape = shapeOf(op.getWeight()), inputShape = shapeOf(op.getInput());
  int64_t groups = op.getGroups(), depth = weightShape[0] / groups, spatialRank = weightShape.size() - 2;
  unsigned firstSpatial = channelsLast ? 1 : 2;
  IndexExpr out = index[channelsLast ? index.size() - 1 : 1];
  std::pair<IndexExpr, IndexExpr> groupAndRest = e.space.divide(out, weightShape[1]);
  IndexExpr group = groupAndRest.first, outInGroup = groupAndRest.second;

  SmallVector<int64_t> extents(weightShape.drop_front(2));
  extents.push_back(depth);
  Value zero = e.constant(accumulator, 0.0);
  SmallVector<Value> sum = e.loop(extents, zero, [&](ElementEmitter::Index at, ValueRange carried) {
    SmallVector<IndexExpr> spatial;
    SmallVector<Value> conditions;
    for (int64_t i = 0; i < spatialRank; ++i) {
      int64_t stride = op.getStrides()[i];
      IndexExpr reach = index[firstSpatial + i] + op.getPads()[i] - at[i] * op.getDilations()[i];
      // A whole number of strides keeps the dividend non-negative.
      int64_t shift = std::max<int64_t>(0, (-e.space.lowest(reach) + stride - 1) / stride);
      auto [steps, rest] = e.space.divide(reach + shift * stride, stride);
      e.requireInRange(rest, 1, conditions);
      e.requireInRange(steps - shift, inputShape[firstSpatial + i], conditions);
      spatial.push_back(steps - shift);
    }
    Lanes so(e.b, carried[0]);
    Lanes next = e.guarded(conditions, [&] {
      IndexExpr channel = group * depth + at.back();
      Lanes x = elementAs(e, op.getInput(), imageIndex(index[0], channel, spatial, channelsLast), accumulator);
      Lanes w = elementAs(e, op.getWeight(), imageIndex(channel, outInGroup, at.drop_back(), false), accumulator);
      return mulAdd(x, w, so);
    }, [&] { return so; });
    return SmallVector<Value>{Value(next)};
  });
  Lanes result(e.b, sum[0]);
  return op.getBias() ? result + elementAs(e, op.getBias(), {out}, accumulator) : result;
}

/// One pass over the keys that rescales what it has when a larger score appears.
static Lanes emitAttention(ElementEmitter &e, nn::AttentionOp op, ElementEmitter::Index index) {
  Type element = elementOf(op.getOutput());
  ArrayRef<int64_t> q = shapeOf(op.getQuery()), k = shapeOf(op.getKey());
  int64_t keys = k[2], depth = q[3];
  IndexExpr head = e.space.divide(index[1], q[1] / k[1]).first;
  double infinity = std::numeric_limits<double>::infinity();
  Lanes lowest = e.constant(element, -infinity), zero = e.constant(element, 0.0);

  auto score = [&](IndexExpr key) {
    SmallVector<Value> sum = e.loop({depth}, ValueRange{Value(zero)}, [&](ElementEmitter::Index d, ValueRange carried) {
      Lanes x = e.element(op.getQuery(), {index[0], index[1], index[2], d[0]});
      Lanes y = e.element(op.getKey(), {index[0], head, key, d[0]});
      return SmallVector<Value>{Value(mulAdd(x, y, {e.b, carried[0]}))};
    });
    Lanes s = Lanes(e.b, sum[0]) * op.getScale().convertToDouble();
    double cap = op.getSoftcap().convertToDouble();
    if (cap > 0)
      s = Lanes(e.b, emitTanh(e.b, s / cap)) * cap;
    if (op.getMask())
      s = s + e.element(op.getMask(), broadcastIndex(op.getMask(), {index[0], index[1], index[2], key}));
    return s;
  };
  SmallVector<Value> state = e.loop({keys}, ValueRange{Value(lowest), Value(zero), Value(zero)}, [&](ElementEmitter::Index t, ValueRange carried) {
    Lanes largest(e.b, carried[0]), total(e.b, carried[1]), mixed(e.b, carried[2]);
    SmallVector<Value> conditions;
    if (op.getCausal()) // t <= i + keys - queries
      e.requireInRange(index[2] + (keys - q[2]) - t[0], keys + q[2], conditions);
    Lanes s = e.guarded(conditions, [&] { return score(t[0]); }, [&] { return lowest; });
    Lanes next = maximum(largest, s);
    // While nothing is seen, the largest is -inf and differences with it are NaN.
    Lanes base = select(next == -infinity, 0.0, next);
    Lanes weight(e.b, emitExp(e.b, s - base)), rescale(e.b, emitExp(e.b, largest - base));
    Lanes v = e.element(op.getValue(), {index[0], head, t[0], index[3]});
    return SmallVector<Value>{Value(next), Value(mulAdd(total, rescale, weight)),
                              Value(mulAdd(mixed, rescale, weight * v))};
  });
  Lanes total(e.b, state[1]), mixed(e.b, state[2]);
  return select(total == 0.0, 0.0, mixed / total);
}

/// Gaussian elimination with row exchanges, over the matrix written out as values.
static Lanes emitDet(ElementEmitter &e, nn::DetOp op, ElementEmitter::Index index) {
  Value input = op.getInput();
  int64_t n = shapeOf(input).back();
  SmallVector<IndexExpr> at(index);
  at.append(2, IndexExpr(0));
  SmallVector<SmallVector<Lanes>> rows(n);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j) {
      at[index.size()] = i;
      at[index.size() + 1] = j;
      rows[i].push_back(e.element(input, at));
    }
  Lanes product = e.constant(elementOf(input), 1.0);
  for (int64_t pivot = 0; pivot < n; ++pivot) {
    // Each row that has a larger pivot trades places: after the last one the largest is on top.
    for (int64_t i = pivot + 1; i < n; ++i) {
      Lanes isLarger = abs(rows[i][pivot]) > abs(rows[pivot][pivot]);
      for (int64_t j = pivot; j < n; ++j) {
        Lanes upper = rows[pivot][j], lower = rows[i][j];
        rows[pivot][j] = select(isLarger, lower, upper);
        rows[i][j] = select(isLarger, upper, lower);
      }
      product = select(isLarger, -product, product);
    }
    Lanes top = rows[pivot][pivot];
    product = product * top;
    Lanes divisor = select(top == 0.0, 1.0, top);
    for (int64_t i = pivot + 1; i < n; ++i) {
      Lanes factor = rows[i][pivot] / divisor;
      for (int64_t j = pivot + 1; j < n; ++j)
        rows[i][j] = rows[i][j] - factor * rows[pivot][j];
    }
  }
  return product;
}

MaybeLanes emitContractionElement(ElementEmitter &e, Operation *op, ElementEmitter::Index index) {
  return TypeSwitch<Operation *, MaybeLanes>(op)
      .Case([&](nn::MatMulOp product) { return emitMatMul(e, product, index); })
      .Case([&](nn::ConvOp conv) { return emitConv(e, conv, index); })
      .Case([&](nn::ConvTransposeOp conv) { return emitConvTranspose(e, conv, index); })
      .Case([&](nn::AttentionOp attention) { return emitAttention(e, attention, index); })
      .Case([&](nn::DetOp det) { return emitDet(e, det, index); })
      .Default([](Operation *) { return std::nullopt; });
}

} // namespace fettle::codegen
