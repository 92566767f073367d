//===- StridedView.h - where the elements of a value lie ------------------===//
//
// Reshape, transpose, slice and broadcast move no data when their reader can
// compute addresses: each only changes the strides. Example: a packed projection
// %p [n, s, 3*h*d] that is reshaped to [n, s, 3, h, d], transposed to
// [3, n, h, s, d] and sliced at 1 gives the keys [n, h, s, d] as
//   offset h*d, strides (s*3*h*d, d, 3*h*d, 1) over %p's buffer,
// so that attention reads %p directly. A reshape that merges axes which do not
// lie behind one another has no such form; then there is no view.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_CODEGEN_COMMON_STRIDEDVIEW_H
#define FETTLE_CODEGEN_COMMON_STRIDEDVIEW_H

#include "mlir/IR/Value.h"
#include "mlir/Support/LLVM.h"
#include "llvm/ADT/SmallVector.h"
#include <optional>

namespace fettle::codegen {

/// Element (i0, i1, ...) of a tensor of `shape` lies at `offset + sum(i * stride)`,
/// in elements, of a flat buffer. Strides may be 0 (broadcast) or negative (reversed).
struct StridedView {
  llvm::SmallVector<int64_t> shape;
  llvm::SmallVector<int64_t> strides;
  int64_t offset = 0;

  static StridedView contiguous(llvm::ArrayRef<int64_t> shape);

  int64_t rank() const { return shape.size(); }
  bool isContiguous() const;

  /// The same elements in row-major order under another shape; none if an axis
  /// of `newShape` would have no single stride.
  std::optional<StridedView> reshaped(llvm::ArrayRef<int64_t> newShape) const;
  /// Axis i of the result is axis perm[i] of this.
  StridedView transposed(llvm::ArrayRef<int64_t> perm) const;
  StridedView sliced(llvm::ArrayRef<int64_t> starts, llvm::ArrayRef<int64_t> sizes,
                     llvm::ArrayRef<int64_t> steps) const;
  /// Numpy broadcast: axes are aligned at the end, axes of extent 1 are repeated.
  StridedView broadcastTo(llvm::ArrayRef<int64_t> newShape) const;
};

/// True for nn.reshape, transpose, slice and broadcast.
bool isMovement(mlir::Operation *op);
/// The view of a movement op's result, given that of its input.
std::optional<StridedView> viewThrough(mlir::Operation *movement, const StridedView &input);

struct ResolvedView {
  mlir::Value base; ///< the value (not the result of a movement op) whose row-major buffer is read
  StridedView view; ///< with the shape of the value that was asked for
};

/// Follows movement ops upward from `value` as far as there is a view. Stops
/// (still with a right answer) at the first one that has none.
ResolvedView resolveView(mlir::Value value);

/// Where the elements of `value` must be stored so that `result`, made of it by
/// transposes and reshapes alone, lies row-major in its own buffer. The view has
/// the shape of `value`. None if another op stands between or no view exists.
std::optional<StridedView> resolveResultView(mlir::Value value, mlir::Value result);

} // namespace fettle::codegen

#endif
