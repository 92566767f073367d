//===- TiledProduct.h - a matrix product out of register tiles ------------===//
#ifndef FETTLE_CODEGEN_CPU_TILEDPRODUCT_H
#define FETTLE_CODEGEN_CPU_TILEDPRODUCT_H

#include "codegen/cpu/RegisterTile.h"

namespace fettle::codegen {

/// out[row][column] = start[row][column] + sum over steps of lhs[row][step] * rhs[step][column], in f32, inside
/// a larger kernel. The right-hand side lies in panels as wide as a tile, so that a tile reads it front to back:
/// rows of a power of two would meet in a few sets of the cache.
struct TiledProduct {
  mlir::Value lhs, lhsBase; ///< element (row, step) at lhsBase + row * lhsRowStride + step * lhsStepStride
  int64_t lhsRowStride, lhsStepStride;
  mlir::Value rhs;                           ///< panels of columns, one after the other, each [steps][panelColumns]
  int64_t panelColumns;                      ///< a multiple of `lanes`; no tile may reach over a panel's edge
  int64_t panelElements;                     ///< from one panel to the next
  int64_t rows, firstColumn, vectors, steps; ///< columns [firstColumn, firstColumn + vectors * lanes)
  int64_t lanes;
  TileShape tile;

  /// Calls `start` and `finish` with row and column once per vector of the result. A panel of
  /// columns is kept for all rows. Remainders of rows and vectors get tiles of their own.
  void emit(mlir::ImplicitLocOpBuilder &b, const CpuTarget &target,
            llvm::function_ref<mlir::Value(mlir::Value row, mlir::Value column)> start,
            llvm::function_ref<void(mlir::Value row, mlir::Value column, mlir::Value sum)> finish) const;
};

} // namespace fettle::codegen

#endif
