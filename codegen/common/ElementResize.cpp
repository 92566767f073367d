//===- ElementResize.cpp - elements of interpolation ----------------------===//
//
// ONNX Resize, axis by axis: an output coordinate o maps to a real input
// coordinate x; its result is a weighted sum over the taps floor(x) + start + i,
// the product of axes' weights where several are resized:
//
//   nearest   one tap, chosen by the rounding
//   linear    taps 0, 1        weight 1 - |i - ratio|, ratio = x - floor(x)
//   cubic     taps -1 .. 2     Keys' kernel with coefficient a
//   antialias, downscaling     the same kernels stretched by 1 / scale, normalized
//
// Taps beyond the ends repeat the edge, or weigh nothing with exclude_outside.
// Coordinates are computed in f64 as ir/reference does, so that both choose the
// same neighbours. The frequent nearest-by-a-whole-factor is plain index division.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/ElementFamilies.h"
#include "codegen/common/Kernel.h"
#include "codegen/common/PointwiseFamilies.h"
#include "ir/nn/ResizedExtent.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace fettle::codegen {

namespace {
class Resizer {
public:
  Resizer(ElementEmitter &e, nn::ResizeOp op, ElementEmitter::Index index)
      : e(e), op(op), index(index), in(shapeOf(op.getInput())), out(shapeOf(op.getOutput())), source(index) {}

  Lanes emit();

private:
  /// One interpolated axis over the output element at hand.
  struct Axis {
    unsigned axis;
    int64_t start, count;
    double stretch;   ///< the kernel's argument is multiplied by this (1, or the scale when antialiasing)
    Lanes base;       ///< floor(x), f64 scalar
    Lanes ratio;      ///< x - floor(x)
    std::optional<Lanes> weightSum; ///< to divide by, where weights do not add up to 1
  };

  bool isInterpolated(unsigned axis) {
    bool crops = op.getCoordinates() == nn::CoordinateKind::tf_crop_and_resize &&
                 (op.getRoi()[axis] != 0.0 || op.getRoi()[in.size() + axis] != 1.0);
    return crops || in[axis] != out[axis] || op.getScales()[axis] != 1.0;
  }
  Lanes coordinate(unsigned axis);
  std::optional<IndexExpr> wholeFactorNearest(unsigned axis);
  IndexExpr nearest(unsigned axis);
  void addAxis(unsigned axis);
  Lanes scalarOf(const IndexExpr &expr);
  Lanes weight(const Axis &axis, const IndexExpr &tap);
  Lanes rawWeight(const Axis &axis, const IndexExpr &tap);
  IndexExpr clampedIndex(Lanes position, int64_t extent);

  ElementEmitter &e;
  nn::ResizeOp op;
  ElementEmitter::Index index;
  ArrayRef<int64_t> in, out;
  SmallVector<IndexExpr> source;
  SmallVector<Axis> axes;
  SmallVector<Value> conditions; ///< not outside the crop
};
} // namespace

/// The expression as an f64 scalar.
Lanes Resizer::scalarOf(const IndexExpr &expr) {
  int64_t saved = std::exchange(e.lanes, 0);
  Lanes result = expr.isConstant() ? e.constant(e.b.getF64Type(), double(expr.constant)) : e.indexValue(expr, e.b.getF64Type());
  e.lanes = saved;
  return result;
}

Lanes Resizer::coordinate(unsigned axis) {
  Lanes o = scalarOf(index[axis]);
  double scale = op.getScales()[axis], inExtent = in[axis], outExtent = out[axis];
  double resized = nn::resizedExtent(in[axis], out[axis], scale);
  Lanes halfPixel = (o + 0.5) / scale - 0.5;
  switch (op.getCoordinates()) {
  case nn::CoordinateKind::half_pixel: return halfPixel;
  case nn::CoordinateKind::half_pixel_symmetric: return halfPixel + inExtent / 2 * (1 - outExtent / resized);
  case nn::CoordinateKind::pytorch_half_pixel: return outExtent > 1 ? halfPixel : o.constant(0.0);
  case nn::CoordinateKind::align_corners: return resized != 1 ? o * (inExtent - 1) / (resized - 1) : o.constant(0.0);
  case nn::CoordinateKind::asymmetric: return o / scale;
  case nn::CoordinateKind::tf_crop_and_resize: {
    double begin = op.getRoi()[axis], end = op.getRoi()[in.size() + axis];
    Lanes x = resized != 1 ? begin * (inExtent - 1) + o * (end - begin) * (inExtent - 1) / (resized - 1)
                           : o.constant(0.5 * (begin + end) * (inExtent - 1));
    conditions.push_back(x >= 0.0);
    conditions.push_back(x <= inExtent - 1);
    return x;
  }
  }
  llvm_unreachable("all kinds covered");
}

IndexExpr Resizer::clampedIndex(Lanes position, int64_t extent) {
  Lanes inside = atMost(atLeast(position, 0.0), double(extent - 1));
  Value integer = arith::FPToSIOp::create(e.b, e.b.getI64Type(), Value(inside));
  return e.space.symbol(arith::IndexCastOp::create(e.b, e.b.getIndexType(), integer), extent);
}

/// Nearest neighbours that need no floating point: out = k * in, and in = k * out from the corner.
std::optional<IndexExpr> Resizer::wholeFactorNearest(unsigned axis) {
  double scale = op.getScales()[axis];
  bool isHalfPixel = op.getCoordinates() == nn::CoordinateKind::half_pixel ||
                     op.getCoordinates() == nn::CoordinateKind::pytorch_half_pixel ||
                     op.getCoordinates() == nn::CoordinateKind::half_pixel_symmetric;
  bool isAsymmetric = op.getCoordinates() == nn::CoordinateKind::asymmetric;
  bool floors = op.getRounding() == nn::RoundKind::floor_down;
  bool rounds = op.getRounding() == nn::RoundKind::round_prefer_floor || op.getRounding() == nn::RoundKind::round_prefer_ceil;
  if (out[axis] % in[axis] == 0 && scale == double(out[axis] / in[axis])) {
    int64_t factor = out[axis] / in[axis];
    bool isTieDown = op.getRounding() == nn::RoundKind::round_prefer_floor && factor == 2;
    // (o + 1/2) / k lies strictly inside the pixel o div k, never on its border.
    if ((isHalfPixel && rounds) || (isAsymmetric && (floors || isTieDown)))
      return e.space.divide(index[axis], factor).first;
  }
  if (isAsymmetric && in[axis] % out[axis] == 0 && scale == double(out[axis]) / double(in[axis]))
    return index[axis] * (in[axis] / out[axis]);
  return std::nullopt;
}

IndexExpr Resizer::nearest(unsigned axis) {
  if (std::optional<IndexExpr> whole = wholeFactorNearest(axis))
    return *whole;
  Lanes x = coordinate(axis);
  switch (op.getRounding()) {
  case nn::RoundKind::round_prefer_floor: return clampedIndex(ceil(x - 0.5), in[axis]);
  case nn::RoundKind::round_prefer_ceil: return clampedIndex(floor(x + 0.5), in[axis]);
  case nn::RoundKind::floor_down: return clampedIndex(floor(x), in[axis]);
  case nn::RoundKind::ceil_up: return clampedIndex(ceil(x), in[axis]);
  }
  llvm_unreachable("all kinds covered");
}

Lanes Resizer::rawWeight(const Axis &axis, const IndexExpr &tap) {
  Lanes i = scalarOf(tap + axis.start);
  Lanes x = abs((i - axis.ratio) * axis.stretch);
  Lanes w = x;
  if (op.getKind() == nn::ResizeKind::linear) {
    w = atLeast(1.0 - x, 0.0);
  } else {
    double a = op.getCubicCoefficient().convertToDouble();
    Lanes near = polynomial(x, {1.0, 0.0, -(a + 3.0), a + 2.0});
    Lanes far = polynomial(x, {-4.0 * a, 8.0 * a, -5.0 * a, a});
    w = select(x <= 1.0, near, select(x < 2.0, far, 0.0));
  }
  if (!op.getExcludeOutside())
    return w;
  Lanes position = axis.base + i;
  w = select(position >= 0.0, w, 0.0);
  return select(position <= double(in[axis.axis] - 1), w, 0.0);
}

Lanes Resizer::weight(const Axis &axis, const IndexExpr &tap) {
  Lanes w = rawWeight(axis, tap);
  return axis.weightSum ? w / *axis.weightSum : w;
}

void Resizer::addAxis(unsigned i) {
  Lanes x = coordinate(i);
  Lanes base = floor(x);
  bool isLinear = op.getKind() == nn::ResizeKind::linear;
  double reach = isLinear ? 1.0 : 2.0;
  double stretch = op.getAntialias() ? std::min(op.getScales()[i], 1.0) : 1.0;
  int64_t start = int64_t(std::floor(-reach / stretch)) + 1;
  Axis axis{i, start, 2 - 2 * start, stretch, base, x - base, std::nullopt};
  if (op.getAntialias() || op.getExcludeOutside()) {
    int64_t saved = std::exchange(e.lanes, 0);
    Value zero = e.constant(e.b.getF64Type(), 0.0);
    SmallVector<Value> sum = e.loop({axis.count}, zero, [&](ElementEmitter::Index tap, ValueRange carried) {
      return SmallVector<Value>{Value(Lanes(e.b, carried[0]) + rawWeight(axis, tap[0]))};
    });
    e.lanes = saved;
    axis.weightSum = Lanes(e.b, sum[0]);
  }
  axes.push_back(axis);
}

Lanes Resizer::emit() {
  Value input = op.getInput();
  Type element = elementOf(input);
  bool isNearest = op.getKind() == nn::ResizeKind::nearest;
  for (unsigned i = 0; i < in.size(); ++i) {
    if (!isInterpolated(i) && op.getCoordinates() != nn::CoordinateKind::tf_crop_and_resize)
      continue;
    if (isNearest)
      source[i] = nearest(i);
    else
      addAxis(i);
  }
  auto interpolated = [&]() -> Lanes {
    if (isNearest)
      return e.element(input, source);
    // Integers are interpolated as reals and cut off.
    Type computed = isa<FloatType>(element) ? element : Type(e.b.getF32Type());
    SmallVector<int64_t> counts;
    for (const Axis &axis : axes)
      counts.push_back(axis.count);
    Value zero = e.constant(computed, 0.0);
    SmallVector<Value> sum = e.loop(counts, zero, [&](ElementEmitter::Index taps, ValueRange carried) {
      std::optional<Lanes> product;
      for (auto [axis, tap] : llvm::zip_equal(axes, taps)) {
        source[axis.axis] = clampedIndex(axis.base + scalarOf(tap + axis.start), in[axis.axis]);
        Lanes w = weight(axis, tap);
        product = product ? *product * w : w;
      }
      Lanes x = e.element(input, source);
      if (computed != element)
        x = emitCast(x, element, computed);
      if (!product)
        return SmallVector<Value>{Value(x)};
      Value w = toFloat(*product, x.element());
      if (e.lanes)
        w = vector::BroadcastOp::create(e.b, x.type(), w);
      return SmallVector<Value>{Value(mulAdd(x, {e.b, w}, {e.b, carried[0]}))};
    });
    Lanes result(e.b, sum[0]);
    return computed == element ? result : emitCast(result, computed, element);
  };
  auto outside = [&] { return e.constant(element, op.getExtrapolation().convertToDouble()); };
  return e.guarded(conditions, interpolated, outside);
}

MaybeLanes emitResizeElement(ElementEmitter &e, Operation *op, ElementEmitter::Index index) {
  if (auto resize = dyn_cast<nn::ResizeOp>(op))
    return Resizer(e, resize, index).emit();
  return std::nullopt;
}

} // namespace fettle::codegen
