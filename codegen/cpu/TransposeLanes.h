//===- TransposeLanes.h - squares of vectors, transposed or summed --------===//
#ifndef FETTLE_CODEGEN_CPU_TRANSPOSELANES_H
#define FETTLE_CODEGEN_CPU_TRANSPOSELANES_H

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace fettle::codegen {

/// Lane i of result j is lane j of row i. As many rows as lanes, a power of two.
llvm::SmallVector<mlir::Value> emitTransposeLanes(mlir::ImplicitLocOpBuilder &b, llvm::SmallVector<mlir::Value> rows);

/// Lane i of the result is what `combine`, lane by lane of two vectors, makes of row i. As many rows as lanes, a power
/// of two.
mlir::Value emitFoldOfRows(mlir::ImplicitLocOpBuilder &b, llvm::SmallVector<mlir::Value> rows,
                           llvm::function_ref<mlir::Value(mlir::Value, mlir::Value)> combine);

/// Lane i of the result is the sum of the lanes of row i (floats). As many rows as lanes, a power of two.
mlir::Value emitSumsOfRows(mlir::ImplicitLocOpBuilder &b, llvm::SmallVector<mlir::Value> rows);

/// The largest lane of a float vector, in two instructions a halving; which of the other lanes stands for a NaN is open.
/// LLVM's own reductions go lane by lane for the sake of NaNs, which took a tenth of an attention kernel.
mlir::Value emitLargestLane(mlir::ImplicitLocOpBuilder &b, mlir::Value vector);

} // namespace fettle::codegen

#endif
