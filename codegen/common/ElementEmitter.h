//===- ElementEmitter.h - one element of a value, as code -----------------===//
//
// The pull model: the value of a tensor at an index is code over its operands'
// values at other indices. Movement ops are arithmetic on IndexExprs and leave
// no code; pointwise ops pass the index through; reductions loop. A value that
// is read at several indices is computed at each of them: right for cheap ops,
// slow but right for all others.
//
// With `lanes` > 0 every value is a vector of that many elements, along the
// space's vector symbol. That works as long as this symbol meets only loads with
// stride 0 or 1; what does not fit sets the space's `needsScalars`, and the
// caller emits again without lanes.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_CODEGEN_COMMON_ELEMENTEMITTER_H
#define FETTLE_CODEGEN_COMMON_ELEMENTEMITTER_H

#include "codegen/common/IndexSpace.h"
#include "codegen/common/Lanes.h"
#include "ir/nn/Nn.h"
#include <functional>
#include <map>

namespace fettle::codegen {

class ElementEmitter {
public:
  using Index = llvm::ArrayRef<IndexExpr>;
  /// Loads a leaf (a value no nn op of this kernel defines) at a row-major position,
  /// `vectorLength` elements from there on, or one when 0; in the compute type.
  using Leaf = std::function<mlir::Value(mlir::Value tensor, mlir::Value position, int64_t vectorLength)>;

  ElementEmitter(mlir::ImplicitLocOpBuilder &b, IndexSpace &space, Leaf leaf) : b(b), space(space), leaf(std::move(leaf)) {}

  /// Null if every element of `op`'s result can be emitted, else why not.
  static std::optional<std::string> whyNot(mlir::Operation *op);

  /// Says that a leaf lies in memory with its axes in this order, the fastest last.
  void setStorageOrder(mlir::Value tensor, llvm::ArrayRef<int64_t> axes) { storageOrder[tensor].assign(axes.begin(), axes.end()); }

  /// The element of `tensor` at `index`, or at a row-major position.
  Lanes element(mlir::Value tensor, Index index);
  Lanes at(mlir::Value tensor, const IndexExpr &position);
  /// The element as a scalar even while emitting vectors; the index must not depend on the vector symbol.
  Lanes scalarElement(mlir::Value tensor, Index index);

  //===--- For the families of ops ----------------------------------------===//

  mlir::ImplicitLocOpBuilder &b;
  IndexSpace &space;
  int64_t lanes = 0;

  /// The type in which elements of an nn element type are computed here, and constants of it.
  mlir::Type valueType(mlir::Type element) const;
  Lanes constant(mlir::Type element, double v);
  /// An element type's accumulator: f32 for short floats, f64, and integers as they are.
  static mlir::Type accumulatorType(mlir::Type element);

  /// `inside` where all of the conditions (i1 scalars) hold, else `outside`.
  Lanes guarded(llvm::ArrayRef<mlir::Value> conditions, llvm::function_ref<Lanes()> inside, llvm::function_ref<Lanes()> outside);
  /// Conditions for 0 <= expr < extent, appended where they are not known to hold.
  void requireInRange(const IndexExpr &expr, int64_t extent, llvm::SmallVectorImpl<mlir::Value> &conditions);

  using LoopBody = llvm::function_ref<llvm::SmallVector<mlir::Value>(Index, mlir::ValueRange)>;
  /// Carries `values` through a loop nest of these extents; small nests are unrolled.
  llvm::SmallVector<mlir::Value> loop(llvm::ArrayRef<int64_t> extents, mlir::ValueRange values, LoopBody body);

  /// A symbol for a runtime index of an nn integer type, clamped to [0, extent); negative ones count from the end.
  IndexExpr runtimeIndex(mlir::Value tensor, Index index, int64_t extent);
  /// Expression as a float or integer value (of every lane).
  Lanes indexValue(const IndexExpr &expr, mlir::Type element);

private:
  Lanes emit(mlir::Value tensor, const IndexExpr &position, std::optional<Index> index);
  Lanes loadLeaf(mlir::Value tensor, const IndexExpr &position);
  bool dominatesHere(mlir::Value value) const;
  llvm::SmallVector<mlir::Value> loopFrom(llvm::ArrayRef<int64_t> extents, llvm::SmallVectorImpl<IndexExpr> &index,
                                          mlir::ValueRange values, LoopBody body);

  Leaf leaf;
  llvm::DenseMap<mlir::Value, llvm::SmallVector<int64_t>> storageOrder;
  std::map<std::tuple<void *, IndexExpr, int64_t>, mlir::Value> emitted;
};

inline llvm::ArrayRef<int64_t> shapeOf(mlir::Value tensor) {
  return mlir::cast<mlir::RankedTensorType>(tensor.getType()).getShape();
}
inline mlir::Type elementOf(mlir::Value tensor) { return mlir::cast<mlir::RankedTensorType>(tensor.getType()).getElementType(); }
/// Index of `operand` that numpy broadcasting pairs with `index` of a result.
llvm::SmallVector<IndexExpr> broadcastIndex(mlir::Value operand, llvm::ArrayRef<IndexExpr> index);

} // namespace fettle::codegen

#endif
