//===- Rows.h - one-dimensional views along an axis -----------------------===//
#ifndef FETTLE_IR_REFERENCE_EVAL_ROWS_H
#define FETTLE_IR_REFERENCE_EVAL_ROWS_H

#include "ir/reference/eval/Strided.h"

namespace fettle::reference {

/// The rows of a tensor along an axis: `length` elements, `stride` apart.
struct Rows {
  int64_t length, stride, count;
  Rows(llvm::ArrayRef<int64_t> shape, int64_t axis)
      : length(shape[axis]), stride(countElements(shape.drop_front(axis + 1))),
        count(countElements(shape.take_front(axis)) * stride) {}
  /// Offset of the first element of row `i`.
  int64_t start(int64_t i) const { return i / stride * (stride * length) + i % stride; }
};

} // namespace fettle::reference

#endif
