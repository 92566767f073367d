//===- Pooling.cpp - windows reduced to one element -----------------------===//

#include "ir/reference/eval/Elements.h"
#include "ir/reference/eval/Eval.h"
#include "ir/reference/eval/Strided.h"
#include <cmath>

using namespace mlir;
using fettle::nn::PoolKind;

namespace fettle::reference {

/// The windows of a pooling, over an input of shape [n, c, spatial...] or [n, spatial..., c].
struct Windows {
  Shape input, output; ///< whole shapes
  ArrayRef<int64_t> kernel, strides, pads, dilations;
  bool channelsLast;

  /// Calls inside(offset) for each element that output element `i` sees, in
  /// row-major order, and counts taps that lie within the padded input.
  template <typename Inside> int64_t forEachTap(int64_t i, Inside inside) const {
    size_t rank = kernel.size(), firstAxis = channelsLast ? 1 : 2;
    Shape inputStrides = contiguousStrides(input), outputStrides = contiguousStrides(output);
    int64_t base = 0; // the batch and channel part of the offset
    Shape start(rank);
    for (size_t axis = 0; axis < input.size(); ++axis) {
      int64_t position = i / outputStrides[axis] % output[axis];
      if (axis >= firstAxis && axis < firstAxis + rank)
        start[axis - firstAxis] = position * strides[axis - firstAxis] - pads[axis - firstAxis];
      else
        base += position * inputStrides[axis];
    }
    int64_t padded = 0;
    Shape tapStrides = contiguousStrides(kernel);
    for (int64_t tap = 0, taps = countElements(kernel); tap < taps; ++tap) {
      bool isInside = true, isPadded = true;
      int64_t offset = base;
      for (size_t axis = 0; axis < rank; ++axis) {
        int64_t extent = input[firstAxis + axis];
        int64_t at = start[axis] + tap / tapStrides[axis] % kernel[axis] * dilations[axis];
        isInside &= at >= 0 && at < extent;
        isPadded &= at < extent + pads[rank + axis];
        offset += at * inputStrides[firstAxis + axis];
      }
      padded += isPadded;
      if (isInside)
        inside(offset);
    }
    return padded;
  }
};

Results evaluateOp(nn::PoolOp op, Operands operands) {
  const HostTensor &input = operands[0];
  HostTensor result(op.getOutput().getType());
  Windows windows = {Shape(input.shape()), Shape(result.shape()),     op.getKernel(), op.getStrides(), op.getPads(),
                     op.getDilations(),    bool(op.getChannelsLast())};
  PoolKind kind = op.getKind();
  int64_t count = result.numElements();
  if (!isFloat(input)) { // only the maximum is defined on integers
    IntegerReader read(input);
    IntegerWriter write(result);
    bool isUnsigned = isUnsigned64(input);
    for (int64_t i = 0; i < count; ++i) {
      int64_t best = lowestInteger(input.elementType());
      windows.forEachTap(i, [&](int64_t at) {
        best = isUnsigned ? int64_t(std::max(uint64_t(best), uint64_t(read[at]))) : std::max(best, read[at]);
      });
      write.set(i, best);
    }
    return {result};
  }
  DoubleReader read(input);
  DoubleWriter write(result);
  double p = double(op.getP());
  for (int64_t i = 0; i < count; ++i) {
    double total = kind == PoolKind::max_pool ? -HUGE_VAL : 0;
    int64_t seen = 0;
    int64_t padded = windows.forEachTap(i, [&](int64_t at) {
      double x = read[at];
      ++seen;
      if (kind == PoolKind::max_pool)
        total = std::isnan(x) || x > total ? x : total;
      else
        total += kind == PoolKind::lp ? std::pow(std::fabs(x), p) : x;
    });
    if (kind == PoolKind::average)
      total /= double(seen);
    else if (kind == PoolKind::average_with_pad)
      total /= double(padded);
    else if (kind == PoolKind::lp)
      total = std::pow(total, 1 / p);
    write.set(i, total);
  }
  return {result};
}

/// The flat index with the spatial axes in column-major order.
static int64_t columnMajorIndex(int64_t offset, ArrayRef<int64_t> shape) {
  int64_t area = countElements(shape.drop_front(2));
  int64_t result = offset / area * area, rest = offset % area, stride = area;
  for (int64_t axis = int64_t(shape.size()) - 1; axis >= 2; --axis) {
    stride /= shape[axis];
    result += rest % shape[axis] * stride;
    rest /= shape[axis];
  }
  return result;
}

Results evaluateOp(nn::MaxPoolIndicesOp op, Operands operands) {
  const HostTensor &input = operands[0];
  HostTensor result(op.getOutput().getType());
  Windows windows = {Shape(input.shape()), Shape(result.shape()), op.getKernel(),        op.getStrides(),
                     op.getPads(),         op.getDilations(),     /*channelsLast=*/false};
  IntegerWriter write(result);
  auto find = [&](auto greater) {
    for (int64_t i = 0, end = result.numElements(); i < end; ++i) {
      int64_t best = -1;
      windows.forEachTap(i, [&](int64_t at) { best = best < 0 || greater(at, best) ? at : best; });
      write.set(i, best >= 0 && op.getColumnMajor() ? columnMajorIndex(best, input.shape()) : best);
    }
  };
  if (isFloat(input))
    find([read = DoubleReader(input)](int64_t a, int64_t b) { return std::isnan(read[a]) || read[a] > read[b]; });
  else if (isUnsigned64(input))
    find([read = IntegerReader(input)](int64_t a, int64_t b) { return uint64_t(read[a]) > uint64_t(read[b]); });
  else
    find([read = IntegerReader(input)](int64_t a, int64_t b) { return read[a] > read[b]; });
  return {result};
}

} // namespace fettle::reference
