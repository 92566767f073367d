//===- SinkTranspose.h - moving transposes behind other ops ---------------===//
#ifndef FETTLE_PASSES_FUSE_SINKTRANSPOSE_H
#define FETTLE_PASSES_FUSE_SINKTRANSPOSE_H

#include "ir/nn/Nn.h"
#include "passes/OpFactory.h"
#include "mlir/IR/PatternMatch.h"

namespace fettle {

/// A permutation as nn.transpose has it: result axis i is input axis perm[i].
using Permutation = llvm::SmallVector<int64_t>;

/// The transpose that undoes `perm`.
Permutation invert(llvm::ArrayRef<int64_t> perm);

/// values[i] for result axis i of a transpose, ordered by the axes of its input.
template <typename T> llvm::SmallVector<T> toInputOrder(llvm::ArrayRef<T> values, llvm::ArrayRef<int64_t> perm) {
  llvm::SmallVector<T> result(values.size());
  for (auto [axis, from] : llvm::enumerate(perm))
    result[from] = values[axis];
  return result;
}

/// `value` as it would stand in the layout before a transpose by `perm`: the transpose's input, a view where only axes of
/// extent 1 move, a transposed copy otherwise. Axes that `value` lacks in front count as 1.
mlir::Value beforeTranspose(mlir::OpBuilder &builder, mlir::Value value, llvm::ArrayRef<int64_t> perm);
/// Elements that beforeTranspose would have to copy at run time.
int64_t copiedElements(mlir::Value value, llvm::ArrayRef<int64_t> perm);

/// The frame of a pattern op(transpose x) = transpose(op' x) for an op with one input to look at.
template <typename OpTy> struct SinkThrough : mlir::OpRewritePattern<OpTy> {
  using mlir::OpRewritePattern<OpTy>::OpRewritePattern;
  /// op' x, and what then transposes it.
  using Moved = std::pair<mlir::Value, Permutation>;
  /// `input` is x, `perm` its transpose. Fails with a reason, before anything is made.
  virtual mlir::FailureOr<Moved> move(OpTy op, mlir::Value input, llvm::ArrayRef<int64_t> perm, mlir::PatternRewriter &rewriter) const = 0;

  mlir::LogicalResult matchAndRewrite(OpTy op, mlir::PatternRewriter &rewriter) const final {
    auto transpose = op.getInput().template getDefiningOp<nn::TransposeOp>();
    if (!transpose)
      return rewriter.notifyMatchFailure(op, "input is not transposed");
    mlir::FailureOr<Moved> moved = move(op, transpose.getInput(), transpose.getPerm(), rewriter);
    if (failed(moved))
      return mlir::failure();
    rewriter.replaceOp(op, makeTranspose(rewriter, op.getLoc(), moved->first, moved->second));
    return mlir::success();
  }
};

/// op(transpose x) = transpose(op' x) for pointwise ops, concatenations, reductions and softmax.
void populateSinkThroughComputation(mlir::RewritePatternSet &patterns);
/// The same for slices, pads, tiles, interpolation and reshapes.
void populateSinkThroughMovement(mlir::RewritePatternSet &patterns);

} // namespace fettle

#endif
