//===- Resize.cpp - interpolation to another shape ------------------------===//
//
// Interpolation is separable: along each axis every output position is a
// weighted sum of a few input positions, and axes are done one after the other.
//
// An output position maps to a real input coordinate x. With base = ceil(x) - 1
// and ratio = x - base in (0, 1], neighbour base + k has the weight of the
// interpolation kernel at distance k - ratio; when antialiasing a downscale the
// kernel is stretched by 1 / scale. Positions outside repeat the border, or
// weigh nothing with exclude_outside.
//
//===----------------------------------------------------------------------===//

#include "ir/nn/ResizedExtent.h"
#include "ir/reference/eval/Elements.h"
#include "ir/reference/eval/Eval.h"
#include "ir/reference/eval/Rows.h"
#include <cmath>
#include <cstring>

using namespace mlir;
using fettle::nn::CoordinateKind;
using fettle::nn::ResizeKind;

namespace fettle::reference {

struct Tap {
  int64_t index;
  double weight;
};
/// The taps of one output position; none where the extrapolation value stands.
using Taps = SmallVector<Tap, 4>;

/// Input coordinate of output position `i`.
static double coordinateOf(nn::ResizeOp op, int64_t axis, int64_t i) {
  double scale = op.getScales()[axis];
  int64_t in = op.getInput().getType().getDimSize(axis), out = op.getOutput().getType().getDimSize(axis);
  double extent = double(in), resized = nn::resizedExtent(in, out, scale);
  switch (op.getCoordinates()) {
  case CoordinateKind::half_pixel:
    return (i + 0.5) / scale - 0.5;
  case CoordinateKind::half_pixel_symmetric:
    return extent / 2 * (1 - double(out) / resized) + (i + 0.5) / scale - 0.5;
  case CoordinateKind::pytorch_half_pixel:
    return out == 1 ? 0 : (i + 0.5) / scale - 0.5;
  case CoordinateKind::align_corners:
    return resized == 1 ? 0 : i * (extent - 1) / (resized - 1);
  case CoordinateKind::asymmetric:
    return i / scale;
  case CoordinateKind::tf_crop_and_resize: {
    double start = op.getRoi()[axis], end = op.getRoi()[op.getScales().size() + axis];
    if (resized == 1)
      return (start + end) * (extent - 1) / 2;
    return start * (extent - 1) + i * (end - start) * (extent - 1) / (resized - 1);
  }
  }
  llvm_unreachable("all kinds are handled");
}

/// Keys' cubic convolution kernel.
static double cubicKernel(double x, double a) {
  x = std::fabs(x);
  if (x <= 1)
    return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? a * (((x - 5) * x + 8) * x - 4) : 0;
}

static double nearestIndex(nn::RoundKind rounding, double base, double ratio) {
  if (ratio == 1)
    return base + 1;
  switch (rounding) {
  case nn::RoundKind::round_prefer_floor:
    return ratio <= 0.5 ? base : base + 1;
  case nn::RoundKind::round_prefer_ceil:
    return ratio < 0.5 ? base : base + 1;
  case nn::RoundKind::floor_down:
    return base;
  case nn::RoundKind::ceil_up:
    return base + 1;
  }
  llvm_unreachable("all kinds are handled");
}

static Taps tapsOf(nn::ResizeOp op, int64_t axis, int64_t i) {
  int64_t extent = op.getInput().getType().getDimSize(axis);
  double x = coordinateOf(op, axis, i), last = double(extent - 1);
  if (op.getCoordinates() == CoordinateKind::tf_crop_and_resize && !(x >= 0 && x <= last))
    return {};
  double base = std::ceil(x) - 1, ratio = x - base;
  auto clamped = [&](double index) { return int64_t(std::fmin(std::fmax(index, 0), last)); };
  if (op.getKind() == ResizeKind::nearest)
    return {{clamped(nearestIndex(op.getRounding(), base, ratio)), 1}};
  double stretch = op.getAntialias() ? std::fmin(op.getScales()[axis], 1) : 1;
  bool isCubic = op.getKind() == ResizeKind::cubic;
  // A kernel wider than the axis needs no more than the axis on either side.
  double reach = std::fmin(std::ceil((isCubic ? 2 : 1) / stretch), 2.0 * extent + 2);
  Taps taps;
  double total = 0;
  for (double k = 1 - reach; k <= reach; ++k) {
    double distance = (k - ratio) * stretch;
    double weight = isCubic ? cubicKernel(distance, op.getCubicCoefficient().convertToDouble())
                            : std::fmax(0, 1 - std::fabs(distance));
    if (op.getExcludeOutside() && (base + k < 0 || base + k > last))
      continue;
    taps.push_back({clamped(base + k), weight});
    total += weight;
  }
  if ((op.getAntialias() || op.getExcludeOutside()) && total != 0)
    for (Tap &tap : taps)
      tap.weight /= total;
  return taps;
}

/// The taps of every position of an axis; empty where the axis stays as it is.
static std::vector<Taps> axisTaps(nn::ResizeOp op, int64_t axis) {
  int64_t from = op.getInput().getType().getDimSize(axis), to = op.getOutput().getType().getDimSize(axis);
  std::vector<Taps> taps;
  bool crops = op.getCoordinates() == CoordinateKind::tf_crop_and_resize &&
               (op.getRoi()[axis] != 0 || op.getRoi()[op.getScales().size() + axis] != 1);
  if (from == to && std::fabs(op.getScales()[axis] - 1) < 1e-9 && !crops)
    return taps;
  for (int64_t i = 0; i < to; ++i)
    taps.push_back(tapsOf(op, axis, i));
  return taps;
}

/// Nearest neighbours are copied, whatever their type.
static void copyNearest(nn::ResizeOp op, const HostTensor &input, HostTensor &result) {
  Shape strides = contiguousStrides(input.shape()), outputStrides = contiguousStrides(result.shape());
  std::vector<std::vector<Taps>> taps;
  for (size_t axis = 0; axis < strides.size(); ++axis)
    taps.push_back(axisTaps(op, axis));
  int64_t size = elementBytes(result.elementType());
  double extrapolation = op.getExtrapolation().convertToDouble();
  for (int64_t i = 0, end = result.numElements(); i < end; ++i) {
    int64_t from = 0;
    bool isOutside = false;
    for (size_t axis = 0; axis < strides.size(); ++axis) {
      int64_t position = i / outputStrides[axis] % result.shape()[axis];
      if (!taps[axis].empty() && taps[axis][position].empty())
        isOutside = true;
      else
        from += (taps[axis].empty() ? position : taps[axis][position].front().index) * strides[axis];
    }
    if (isOutside)
      result.setDouble(i, extrapolation);
    else
      std::memcpy(result.mutableBytes().data() + i * size, input.bytes().data() + from * size, size);
  }
}

Results evaluateOp(nn::ResizeOp op, Operands operands) {
  const HostTensor &input = operands[0];
  HostTensor result(op.getOutput().getType());
  if (result.numElements() == 0)
    return {result};
  if (op.getKind() == ResizeKind::nearest) {
    copyNearest(op, input, result);
    return {result};
  }
  Shape shape(input.shape());
  std::vector<double> values = input.doubles();
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    std::vector<Taps> taps = axisTaps(op, axis);
    if (taps.empty())
      continue;
    Rows from(shape, axis);
    shape[axis] = int64_t(taps.size());
    Rows to(shape, axis);
    std::vector<double> next(countElements(shape));
    for (int64_t row = 0; row < from.count; ++row)
      for (int64_t i = 0; i < to.length; ++i) {
        double sum = taps[i].empty() ? op.getExtrapolation().convertToDouble() : 0;
        for (const Tap &tap : taps[i])
          sum += tap.weight * values[from.start(row) + tap.index * from.stride];
        next[to.start(row) + i * to.stride] = sum;
      }
    values = std::move(next);
  }
  if (isFloat(result)) {
    DoubleWriter write(result);
    for (size_t i = 0; i < values.size(); ++i)
      write.set(i, values[i]);
  } else {
    IntegerWriter write(result);
    for (size_t i = 0; i < values.size(); ++i)
      write.set(i, saturate(std::nearbyint(values[i]), result.elementType()));
  }
  return {result};
}

} // namespace fettle::reference
