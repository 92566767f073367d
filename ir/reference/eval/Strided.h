//===- Strided.h - walking index spaces -----------------------------------===//
//
// Most ops are one loop over an index space with an offset into each operand
// that is linear in the index: broadcasting, transposing and slicing differ
// only in strides. Strides and offsets count elements.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_IR_REFERENCE_EVAL_STRIDED_H
#define FETTLE_IR_REFERENCE_EVAL_STRIDED_H

#include "ir/support/HostTensor.h"
#include <array>

namespace fettle::reference {

using Shape = llvm::SmallVector<int64_t>;

int64_t countElements(llvm::ArrayRef<int64_t> shape);
/// Row-major strides.
Shape contiguousStrides(llvm::ArrayRef<int64_t> shape);
/// Strides that read a tensor of `shape` as if broadcast to `result`: 0 along broadcast axes.
Shape broadcastStrides(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> result);

/// Calls body(i, offsets) for the i-th index of `shape` in row-major order, where
/// offsets[j] is the scalar product of the index with strides[j].
template <size_t count, typename Body>
void forEachIndex(llvm::ArrayRef<int64_t> shape, const std::array<Shape, count> &strides, Body body) {
  int64_t total = countElements(shape);
  Shape index(shape.size(), 0);
  std::array<int64_t, count> offsets{};
  for (int64_t i = 0; i < total; ++i) {
    body(i, offsets);
    for (int64_t axis = int64_t(shape.size()) - 1; axis >= 0; --axis) {
      for (size_t j = 0; j < count; ++j)
        offsets[j] += strides[j][axis];
      if (++index[axis] < shape[axis])
        break;
      for (size_t j = 0; j < count; ++j)
        offsets[j] -= strides[j][axis] * shape[axis];
      index[axis] = 0;
    }
  }
}

/// Copies a box of `shape` elements between two tensors of one element type.
void copyStrided(const HostTensor &from, int64_t fromOffset, llvm::ArrayRef<int64_t> fromStrides, HostTensor &to,
                 int64_t toOffset, llvm::ArrayRef<int64_t> toStrides, llvm::ArrayRef<int64_t> shape);
/// A new tensor whose index (i, j...) reads `from` at offset + i * strides[0] + j * strides[1]...
HostTensor readStrided(const HostTensor &from, int64_t offset, llvm::ArrayRef<int64_t> strides,
                       mlir::RankedTensorType type);

} // namespace fettle::reference

#endif
