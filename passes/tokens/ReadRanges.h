//===- ReadRanges.h - which part of each value is read --------------------===//
//
// The problem: the head of a vision transformer reads one of 65 tokens, but everything behind the last mixing of tokens is
// computed for all 65.
//
//   %x [1,65,c] = add(%r, %attention)
//   %y [1,65,c] = add(%x, mlp(layer_norm(%x)))
//   slice %y [0:1 of axis 1]
//
// From the results of the function backwards, each op says which range of each axis of its operands it reads, given the ranges
// that are read of its result: a tie of axes passes a range on, unless the op mixes positions along it; a slice shifts it; any other
// axis is read whole. What is read of a value is the hull over its readers: %x is read by the layer norm and by the sum, by both in
// [0, 1). An op then computes what is read and no more.
//
// Sound because the ties name all operand axes a narrowed result axis depends on (NnOpInterface::mixesAlong). Every op is
// computed once, on at most what it was, so the work never grows; but a slice of an operand that stays whole is a copy. Narrowed
// ops that feed each other are taken together, and stay as they are unless more multiply-accumulates
// and elements are saved than copied.
//
// Cost: a walk over the ops, and another for each time that some of them stay.
// The same in compilers at large: demand-driven (backward) liveness, on index ranges instead of whole values.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_PASSES_TOKENS_READRANGES_H
#define FETTLE_PASSES_TOKENS_READRANGES_H

#include "ir/nn/Nn.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"

namespace fettle {

/// Positions [begin, end) of an axis.
struct Range {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
  bool operator==(const Range &other) const { return begin == other.begin && end == other.end; }
};

/// A range for each axis of a tensor.
using Box = llvm::SmallVector<Range, 4>;

/// All of a tensor.
Box wholeBox(mlir::Value value);
int64_t numElements(llvm::ArrayRef<Range> box);
/// Whether a slice gives a box of its operand, position by position.
bool isWindow(nn::SliceOp op);

class ReadRanges {
public:
  /// Looks at the ops of `function`, which has one block. Valid until they change.
  explicit ReadRanges(mlir::func::FuncOp function);

  /// What is to be computed of `value`: no less than what is read.
  Box computed(mlir::Value value) const;
  /// What the owner of `operand` reads of it to compute what is to be computed of its own result.
  Box readBy(mlir::OpOperand &operand) const;
  /// Whether the result of `op` is to be computed in part only.
  bool isNarrowed(mlir::Operation *op) const { return narrowed.contains(op); }

private:
  void walk(mlir::func::FuncOp function);
  bool refuseIdle(mlir::func::FuncOp function);

  llvm::DenseMap<mlir::Value, Box> read;        ///< hulls over the readers; absent: not read yet
  llvm::DenseSet<mlir::Operation *> narrowed;
  llvm::DenseSet<mlir::Operation *> refused; ///< ops that are not worth it
};

} // namespace fettle

#endif
