//===- RegisterTile.h - the innermost loops of contractions ---------------===//
#ifndef FETTLE_CODEGEN_CPU_REGISTERTILE_H
#define FETTLE_CODEGEN_CPU_REGISTERTILE_H

#include "codegen/cpu/Epilogue.h"
#include "codegen/cpu/TileShape.h"

namespace fettle::codegen {

/// Emits rows x vectors accumulators that stay in registers over a whole
/// reduction: start from the bias, one multiply-add per step, epilogue and store
/// at the end. Rows read scalars of the left-hand side at a fixed distance from
/// each other; vectors read consecutive lanes of the right-hand side.
struct RegisterTile {
  TileShape shape;
  int64_t lanes;           ///< of one vector
  int64_t columns;         ///< of the output, per block
  mlir::Type accumulator;  ///< f32, f64 or i32
  bool hasFma;
  mlir::Type lhsElement, rhsElement;
  mlir::Value lhs, rhs;    ///< flat memrefs
  bool rhsIsPacked;        ///< else row-major with masked tails

  /// The tile for an output of `rows` x `columns`; the flat memrefs are set once the function exists.
  /// `rhsElement` null: the right-hand side is packed, in the accumulator's type.
  static RegisterTile choose(const CpuTarget &target, mlir::Type accumulator, int64_t rows, int64_t columns, mlir::Type lhsElement,
                             mlir::Type rhsElement);

  int64_t panelColumns() const { return shape.vectors * lanes; }
  int64_t panels() const { return (columns + panelColumns() - 1) / panelColumns(); }

  using Accumulators = llvm::SmallVector<mlir::Value>;

  /// First column of a panel (see firstColumnOfPanel).
  mlir::Value emitFirstColumn(mlir::ImplicitLocOpBuilder &b, mlir::Value panel) const;
  /// Mask of the last vector where the columns are fewer than one panel's; else null.
  mlir::Value emitTailMask(mlir::ImplicitLocOpBuilder &b) const;

  /// Zeros, or the bias at the panel's columns (bias: flat memref, may be null).
  Accumulators emitStart(mlir::ImplicitLocOpBuilder &b, mlir::Value bias, mlir::Type biasElement, mlir::Value firstColumn, mlir::Value mask) const;

  /// `steps` steps: row i reads lhs[lhsBase + i * lhsRowStride + step * lhsStepStride], vector j reads
  /// rhs[rhsBase + step * rhsStepStride + j * lanes]. Rows not in `activeRows` (empty: all are) are left alone.
  Accumulators emitSteps(mlir::ImplicitLocOpBuilder &b, Accumulators accumulators, int64_t steps, mlir::Value lhsBase, int64_t lhsRowStride,
                         int64_t lhsStepStride, mlir::Value rhsBase, int64_t rhsStepStride, mlir::Value mask,
                         llvm::ArrayRef<bool> activeRows = {}) const;

  /// Epilogue and store: row i is output row firstRow + i, vector j is columns firstColumn + j * lanes.
  void emitFinish(KernelFrame &frame, const Epilogue &epilogue, const Accumulators &accumulators, mlir::Value firstRow, mlir::Value firstColumn,
                  mlir::Value mask) const;
};

/// a * b + c in one rounding where the target has it, in two elsewhere (never a call).
mlir::Value emitMultiplyAdd(mlir::ImplicitLocOpBuilder &b, bool hasFma, mlir::Value x, mlir::Value y, mlir::Value z);

} // namespace fettle::codegen

#endif
