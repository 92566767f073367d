//===- FusedExpression.h - a fused value, element by element --------------===//
//
// What stands before and after the root op of a kernel is pointwise ops and data
// movement. A FusedExpression is such a value as a function of a position: a DAG
// of pointwise ops whose leaves are strided views of buffers, splat constants,
// and the root's own result. All views share one position space (`shape`), so
// movement has vanished into strides: add(transpose(%a), %bias) over [n, h] is
//   add(%a at (0, 1) -> strides (1, n), %bias at (0, 1) -> strides (0, 1)).
// The space may be rewritten (reshape, transpose, broadcast) as a whole, which a
// builder does to meet the loops it wants.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_CODEGEN_COMMON_FUSEDEXPRESSION_H
#define FETTLE_CODEGEN_COMMON_FUSEDEXPRESSION_H

#include "codegen/common/StridedView.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include <vector>

namespace fettle::codegen {

/// One element, or `lanes` elements along `laneAxis` of which the first
/// `activeLanes` exist (the others compute with zeros and are not stored).
struct ElementPosition {
  llvm::SmallVector<mlir::Value> coordinates; ///< index values, one per axis of the space; the first lane's
  int64_t laneAxis = -1;
  int64_t lanes = 0; ///< 0: scalar
  int64_t activeLanes = 0;
};

/// The flat (one-dimensional) memref of a kernel body argument.
using FlatBufferFn = llvm::function_ref<mlir::Value(mlir::BlockArgument)>;

class FusedExpression {
public:
  /// The expression of `value`, a value of a kernel body, over positions of `value`. `root`'s results are
  /// leaves to be given at emission. Fails at any other op that is neither pointwise nor movement, at
  /// movement without a view, and at constants that are not splats.
  static mlir::FailureOr<FusedExpression> get(mlir::Value value, mlir::Operation *root = nullptr);

  /// The same value over positions of `rootResult`, from which it is made by pointwise ops, transposes and
  /// reshapes. Fails where a broadcast or slice stands between, where the root's result is needed at two
  /// positions, where another result of the root is needed, and where `value` does not depend on the root.
  static mlir::FailureOr<FusedExpression> getAtRoot(mlir::Value value, mlir::Value rootResult);

  llvm::ArrayRef<int64_t> shape() const { return resultView.shape; }
  mlir::Type elementType() const { return element; }
  /// Where the value is stored in its own row-major buffer.
  const StridedView &result() const { return resultView; }
  bool readsRoot() const;
  /// True if it is one buffer, read as it is.
  bool isPlainRead() const;
  /// Every view of the expression: the result's and those of its leaves.
  llvm::SmallVector<const StridedView *> views() const;
  /// Rewrites the position space; fails (and leaves the expression unusable) if a view does not allow it.
  mlir::LogicalResult rewrite(llvm::function_ref<std::optional<StridedView>(const StridedView &)> change);

  /// The value at a position, in the element's compute type. `rootResults` are the
  /// root's results there (scalars or vectors of `position.lanes`).
  mlir::Value emit(mlir::ImplicitLocOpBuilder &b, const ElementPosition &position, FlatBufferFn flat,
                   mlir::ValueRange rootResults = {}) const;
  /// Stores `value` (compute type) at a position of its own flat buffer.
  void emitStore(mlir::ImplicitLocOpBuilder &b, const ElementPosition &position, mlir::Value value,
                 mlir::Value flatBuffer) const;

private:
  struct Node {
    enum Kind { Buffer, Splat, Root, Pointwise } kind;
    mlir::Value value;                    ///< Buffer: the body argument; Root: the root's result
    mlir::ElementsAttr constant;          ///< Splat
    mlir::Operation *op = nullptr;        ///< Pointwise
    llvm::SmallVector<unsigned> operands; ///< Pointwise: earlier nodes
    StridedView view;                     ///< Buffer
    /// Buffer and Root: ops between it and the value that move or broadcast, nearest the value first.
    llvm::SmallVector<mlir::Operation *> path;
  };
  class Builder;
  /// Nodes without views.
  static mlir::FailureOr<FusedExpression> collect(mlir::Value value, mlir::Operation *root);

  std::vector<Node> nodes; ///< operands before users; the last one is the value
  StridedView resultView;
  mlir::Type element;
};

/// The only op of a kernel body that is neither pointwise nor movement nor a
/// constant; null if there is none or more than one.
mlir::Operation *findRoot(mlir::Block &kernelBody);

/// offset + sum(coordinate * stride), as index arithmetic.
mlir::Value emitFlatIndex(mlir::ImplicitLocOpBuilder &b, const StridedView &view,
                          llvm::ArrayRef<mlir::Value> coordinates);

} // namespace fettle::codegen

#endif
