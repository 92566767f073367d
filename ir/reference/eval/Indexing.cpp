//===- Indexing.cpp - gathers and scatters --------------------------------===//
//
// Indices below 0 count from the end; what then lies outside is clamped to the
// nearest valid index. Scatters apply their updates in row-major order.
//
//===----------------------------------------------------------------------===//

#include "ir/reference/eval/Elements.h"
#include "ir/reference/eval/Eval.h"
#include "ir/reference/eval/Strided.h"
#include <cmath>
#include <cstring>
#include <functional>

using namespace mlir;
using fettle::nn::ScatterKind;

namespace fettle::reference {

static int64_t resolveIndex(int64_t index, int64_t extent) {
  if (index < 0)
    index += extent;
  return std::min(std::max<int64_t>(index, 0), extent - 1);
}

Results evaluateOp(nn::GatherOp op, Operands operands) {
  const HostTensor &input = operands[0];
  HostTensor result(op.getOutput().getType());
  if (result.numElements() == 0)
    return {result};
  IntegerReader indices(operands[1]);
  int64_t axis = op.getAxis(), extent = input.shape()[axis], count = operands[1].numElements();
  int64_t outer = countElements(input.shape().take_front(axis));
  int64_t run = countElements(input.shape().drop_front(axis + 1)) * elementBytes(input.elementType());
  char *to = result.mutableBytes().data();
  for (int64_t i = 0; i < outer; ++i)
    for (int64_t j = 0; j < count; ++j, to += run)
      std::memcpy(to, input.bytes().data() + (i * extent + resolveIndex(indices[j], extent)) * run, run);
  return {result};
}

/// Calls body(i, at) for each element i of `indices` with the offset `at` into a
/// tensor of `shape` that it names along `axis`.
template <typename Body>
static void forEachElementIndex(const HostTensor &indices, ArrayRef<int64_t> shape, int64_t axis, Body body) {
  Shape strides = contiguousStrides(shape);
  int64_t along = strides[axis];
  strides[axis] = 0; // that coordinate comes from the data
  IntegerReader index(indices);
  forEachIndex(indices.shape(), std::array<Shape, 1>{strides}, [&](int64_t i, const std::array<int64_t, 1> &at) {
    body(i, at[0] + resolveIndex(index[i], shape[axis]) * along);
  });
}

Results evaluateOp(nn::GatherElementsOp op, Operands operands) {
  HostTensor result(op.getOutput().getType());
  int64_t size = elementBytes(result.elementType());
  char *to = result.mutableBytes().data();
  forEachElementIndex(operands[1], operands[0].shape(), op.getAxis(), [&](int64_t i, int64_t at) {
    std::memcpy(to + i * size, operands[0].bytes().data() + at * size, size);
  });
  return {result};
}

/// Calls body(i, at) for the i-th index tuple with the offset `at` of the slice it
/// names in a tensor of `shape`, the first `batchDims` coordinates being shared.
template <typename Body>
static void forEachTuple(const HostTensor &indices, ArrayRef<int64_t> shape, int64_t batchDims, Body body) {
  int64_t tuple = indices.shape().back();
  int64_t count = countElements(indices.shape().drop_back());
  int64_t batches = countElements(shape.take_front(batchDims));
  Shape strides = contiguousStrides(shape);
  int64_t batchStride = countElements(shape.drop_front(batchDims));
  IntegerReader index(indices);
  for (int64_t i = 0; i < count; ++i) {
    int64_t at = i / (count / batches) * batchStride;
    for (int64_t j = 0; j < tuple; ++j)
      at += resolveIndex(index[i * tuple + j], shape[batchDims + j]) * strides[batchDims + j];
    body(i, at);
  }
}

Results evaluateOp(nn::GatherNdOp op, Operands operands) {
  HostTensor result(op.getOutput().getType());
  if (result.numElements() == 0)
    return {result};
  int64_t batchDims = op.getBatchDims(), size = elementBytes(result.elementType());
  int64_t run = countElements(operands[0].shape().drop_front(batchDims + operands[1].shape().back())) * size;
  char *to = result.mutableBytes().data();
  forEachTuple(operands[1], operands[0].shape(), batchDims,
               [&](int64_t i, int64_t at) { std::memcpy(to + i * run, operands[0].bytes().data() + at * size, run); });
  return {result};
}

template <typename T> static T combine(ScatterKind kind, T old, T update) {
  switch (kind) {
  case ScatterKind::replace:
    return update;
  case ScatterKind::accumulate:
    return T(old + update);
  case ScatterKind::multiply:
    return T(old * update);
  case ScatterKind::minimum:
    return update < old ? update : old;
  case ScatterKind::maximum:
    return update > old ? update : old;
  }
  llvm_unreachable("all kinds are handled");
}

/// Lets update `from` meet element `to` of `result`. Sums and products are
/// rounded at each step, as the result holds them.
static std::function<void(int64_t to, int64_t from)> makeUpdate(ScatterKind kind, HostTensor &result,
                                                                const HostTensor &updates) {
  int64_t size = elementBytes(result.elementType());
  if (kind == ScatterKind::replace)
    return [=, target = result.mutableBytes().data(), source = updates.bytes().data()](int64_t to, int64_t from) {
      std::memcpy(target + to * size, source + from * size, size);
    };
  if (isFloat(result))
    return [kind, old = DoubleReader(result), update = DoubleReader(updates),
            write = DoubleWriter(result)](int64_t to, int64_t from) mutable {
      double x = old[to], y = update[from];
      write.set(to, std::isnan(x) ? x : std::isnan(y) ? y : combine(kind, x, y));
    };
  return [kind, isUnsigned = isUnsigned64(result), old = IntegerReader(result), update = IntegerReader(updates),
          write = IntegerWriter(result)](int64_t to, int64_t from) mutable {
    uint64_t x = old[to], y = update[from];
    // Sums and products do not depend on the sign, and unsigned ones may wrap.
    bool isOrder = kind == ScatterKind::minimum || kind == ScatterKind::maximum;
    write.set(to, isOrder && !isUnsigned ? combine(kind, int64_t(x), int64_t(y)) : int64_t(combine(kind, x, y)));
  };
}

static HostTensor copyOf(const HostTensor &input) {
  HostTensor result(input.type());
  std::memcpy(result.mutableBytes().data(), input.bytes().data(), input.bytes().size());
  return result;
}

Results evaluateOp(nn::ScatterElementsOp op, Operands operands) {
  HostTensor result = copyOf(operands[0]);
  auto update = makeUpdate(op.getKind(), result, operands[2]);
  forEachElementIndex(operands[1], result.shape(), op.getAxis(), [&](int64_t i, int64_t at) { update(at, i); });
  return {result};
}

Results evaluateOp(nn::ScatterNdOp op, Operands operands) {
  HostTensor result = copyOf(operands[0]);
  auto update = makeUpdate(op.getKind(), result, operands[2]);
  int64_t run = countElements(result.shape().drop_front(operands[1].shape().back()));
  if (operands[2].numElements() == 0)
    return {result};
  forEachTuple(operands[1], result.shape(), /*batchDims=*/0, [&](int64_t i, int64_t at) {
    for (int64_t j = 0; j < run; ++j)
      update(at + j, i * run + j);
  });
  return {result};
}

Results evaluateOp(nn::ReverseSequenceOp op, Operands operands) {
  const HostTensor &input = operands[0];
  HostTensor result(op.getOutput().getType());
  IntegerReader lengths(operands[1]);
  int64_t batchAxis = op.getBatchAxis(), timeAxis = op.getTimeAxis();
  Shape strides = contiguousStrides(input.shape());
  int64_t size = elementBytes(input.elementType()), steps = input.shape()[timeAxis];
  char *to = result.mutableBytes().data();
  for (int64_t i = 0, end = input.numElements(); i < end; ++i) {
    int64_t batch = i / strides[batchAxis] % input.shape()[batchAxis], time = i / strides[timeAxis] % steps;
    int64_t length = std::min(std::max<int64_t>(lengths[batch], 0), steps);
    int64_t source = time < length ? length - 1 - time : time;
    std::memcpy(to + i * size, input.bytes().data() + (i + (source - time) * strides[timeAxis]) * size, size);
  }
  return {result};
}

} // namespace fettle::reference
