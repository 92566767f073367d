//===- WinogradTransform.h - the three transforms of F(2x2, 3x3) ----------===//
#ifndef FETTLE_CODEGEN_CPU_WINOGRADTRANSFORM_H
#define FETTLE_CODEGEN_CPU_WINOGRADTRANSFORM_H

#include "codegen/cpu/RegisterTile.h"

namespace fettle::codegen {

/// Side of a tile of the output, and of the patch of the input that it is made from.
constexpr int64_t winogradOutput = 2, winogradPatch = 4;
/// Products that stand for the nine taps of a window.
constexpr int64_t winogradPositions = winogradPatch * winogradPatch;

/// B^T d B of a patch d of vectors, row by row.
llvm::SmallVector<mlir::Value> emitInputTransform(mlir::ImplicitLocOpBuilder &b, llvm::ArrayRef<mlir::Value> patch);
/// A^T m A of the products m, row by row: the four vectors of a tile of the output.
llvm::SmallVector<mlir::Value> emitOutputTransform(mlir::ImplicitLocOpBuilder &b, llvm::ArrayRef<mlir::Value> products);

/// Weights [out, in, 3, 3] of f32 as G g G^T, computed in double and rounded once, in panels as a register tile reads
/// them: [panels][positions][in][columns of a panel]. The last panel is moved back as in packPanels.
OperandPacking packWinogradWeights(unsigned operand, mlir::RankedTensorType type, const RegisterTile &tile);

} // namespace fettle::codegen

#endif
