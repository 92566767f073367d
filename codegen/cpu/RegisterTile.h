//===- RegisterTile.h - the innermost loops of contractions ---------------===//
#ifndef FETTLE_CODEGEN_CPU_REGISTERTILE_H
#define FETTLE_CODEGEN_CPU_REGISTERTILE_H

#include "codegen/cpu/PackWeights.h"
#include "codegen/cpu/TilePrefetch.h"
#include "codegen/cpu/TileShape.h"

namespace fettle::codegen {

/// Constant weights as a tile reads them.
struct PackedWeights {
  OperandPacking packing;
  int64_t tableOffset = 0, tableBytes = 0; ///< of the zero point table, and its part of one panel
};

/// Emits rows x vectors accumulators that stay in registers over a whole
/// reduction: one multiply-add per step; bias, epilogue and store at the end. Rows
/// read scalars of the left-hand side at a fixed distance from each other; vectors
/// read consecutive lanes of the right-hand side.
///
/// With a DotProduct the left-hand side is read in words and the right-hand side
/// is packed as WordPanels; without, element by element.
struct RegisterTile {
  TileShape shape;
  int64_t lanes;           ///< of one vector
  int64_t columns;         ///< of the output, per block
  mlir::Type accumulator;  ///< f32, f64 or i32
  bool hasFma;
  mlir::Type lhsElement, rhsElement;
  mlir::Value lhs, rhs;    ///< flat memrefs
  bool rhsIsPacked;        ///< else row-major with masked tails
  int64_t lhsZeroPoint = 0; ///< subtracted from each element of the left-hand side (with a DotProduct: by the caller, behind the steps)
  std::optional<DotProduct> dot = std::nullopt;
  PanelChoice panelChoice = {};

  /// The tile for an output of `rows` x `columns`; the flat memrefs are set once the function exists.
  /// `rhsElement` null: the right-hand side is packed, in the accumulator's type or, with `dot`, as its words.
  /// `vectors`: its width, where that is not free.
  static RegisterTile choose(const CpuTarget &target, mlir::Type accumulator, int64_t rows, int64_t columns, mlir::Type lhsElement,
                             mlir::Type rhsElement, std::optional<DotProduct> dot = std::nullopt, int64_t vectors = 0);

  int64_t panelColumns() const { return shape.vectors * lanes; }
  int64_t panels() const { return (columns + panelColumns() - 1) / panelColumns(); }
  /// Elements of the packed right-hand side (bytes, with a DotProduct) that a stretch of `steps` steps takes.
  int64_t packedSize(int64_t steps) const;
  /// Steps that one multiply-add takes: a word's with a DotProduct.
  int64_t stepsAtOnce() const { return dot ? dot->elements() : 1; }

  /// Packs constant weights for this tile. `run`: steps whose left-hand elements lie side by side.
  PackedWeights pack(unsigned operand, WeightsView view, int64_t run, ZeroPointTable table) const;
  /// The table that a tile with a DotProduct needs; empty for others and where the zero point takes nothing.
  ZeroPointTable zeroPointTable(int64_t entries, std::function<bool(int64_t entry, int64_t step)> covers, std::string name) const;

  using Accumulators = llvm::SmallVector<mlir::Value>;

  /// First column of a panel (see firstColumnOfPanel).
  mlir::Value emitFirstColumn(mlir::ImplicitLocOpBuilder &b, mlir::Value panel) const;
  /// Mask of the last vector where the columns are fewer than one panel's; else null.
  mlir::Value emitTailMask(mlir::ImplicitLocOpBuilder &b) const;

  /// Zeros. What else a sum starts from is added behind the steps: live across them, it would take registers of the sums.
  Accumulators emitStart(mlir::ImplicitLocOpBuilder &b) const;
  /// Adds the bias (a flat memref) at the panel's columns.
  void emitAddBias(mlir::ImplicitLocOpBuilder &b, Accumulators &accumulators, mlir::Value bias, mlir::Type biasElement, mlir::Value firstColumn,
                   mlir::Value mask) const;
  /// Adds an entry of the zero point table, at byte `entry` of the packed right-hand side, to the sums of a row, less
  /// the entry at `lessEntry` (may be null).
  void emitAddZeroPoint(mlir::ImplicitLocOpBuilder &b, Accumulators &accumulators, int64_t row, mlir::Value entry,
                        mlir::Value lessEntry = mlir::Value()) const;

  /// `steps` steps: row i reads lhs[lhsBase + i * lhsRowStride + step * lhsStepStride], vector j reads
  /// rhs[rhsBase + step * rhsStepStride + j * lanes]. Rows not in `activeRows` (empty: all are) are left alone.
  /// With a DotProduct, lhsStepStride is 1 and rhs is read front to back.
  Accumulators emitSteps(mlir::ImplicitLocOpBuilder &b, Accumulators accumulators, int64_t steps, mlir::Value lhsBase, int64_t lhsRowStride,
                         int64_t lhsStepStride, mlir::Value rhsBase, int64_t rhsStepStride, mlir::Value mask,
                         llvm::ArrayRef<bool> activeRows = {}, const TilePrefetch &prefetch = {}) const;

  /// A run of `steps` steps of a DotProduct in straight-line code, element by element where it must be: element `step` of
  /// row i is read where isInside(i, step), and is the zero point elsewhere.
  void emitPatchedRun(mlir::ImplicitLocOpBuilder &b, Accumulators &accumulators, int64_t steps, mlir::Value lhsBase, int64_t lhsRowStride,
                      mlir::Value rhsBase, llvm::function_ref<bool(int64_t row, int64_t step)> isInside) const;

  /// Epilogue and store: row i is output row firstRow + i, vector j is columns firstColumn + j * lanes.
  void emitFinish(KernelFrame &frame, const Epilogue &epilogue, const Accumulators &accumulators, mlir::Value firstRow, mlir::Value firstColumn,
                  mlir::Value mask) const;

private:
  /// One step of all rows; `lhsOf` gives the scalar of a row: an element, or a word as i32.
  void emitStep(mlir::ImplicitLocOpBuilder &b, Accumulators &accumulators, llvm::function_ref<mlir::Value(int64_t row)> lhsOf, mlir::Value rhsAt,
                mlir::Value mask, llvm::ArrayRef<bool> activeRows) const;
  mlir::Value emitElement(mlir::ImplicitLocOpBuilder &b, mlir::Value at) const;
  /// A word of the left-hand side as i32.
  mlir::Value emitWord(mlir::ImplicitLocOpBuilder &b, mlir::Value at) const;
  /// A word of a run that begins at `rowBase`; elements that are not inside (null: all are) are the zero point.
  mlir::Value emitPatchedWord(mlir::ImplicitLocOpBuilder &b, const WordRun &run, int64_t word, mlir::Value rowBase,
                              llvm::function_ref<bool(int64_t step)> isInside) const;
};

/// a * b + c in one rounding where the target has it, in two elsewhere (never a call).
mlir::Value emitMultiplyAdd(mlir::ImplicitLocOpBuilder &b, bool hasFma, mlir::Value x, mlir::Value y, mlir::Value z);

} // namespace fettle::codegen

#endif
