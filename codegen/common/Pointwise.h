//===- Pointwise.h - scalar and vector code of elementwise ops ------------===//
#ifndef FETTLE_CODEGEN_COMMON_POINTWISE_H
#define FETTLE_CODEGEN_COMMON_POINTWISE_H

#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Operation.h"

namespace fettle::codegen {

/// True for nn ops that map equal positions of broadcast operands to a position
/// of the result: unary, binary, compare, select, clamp, cast, rescale, and
/// per-tensor quantize and dequantize.
bool isPointwise(mlir::Operation *op);

/// Emits one pointwise op on `operands`: scalars, or vectors of one length, of
/// the operands' compute types (Kernel.h). The result has the compute type of
/// the op's result and the same vector length. f16 and bf16 chains stay in f32;
/// nn.cast rounds.
mlir::Value emitPointwise(mlir::ImplicitLocOpBuilder &b, mlir::Operation *op, mlir::ValueRange operands);

/// Loads and stores with conversion between storage and compute type. `elementType`
/// is the nn element type; `vectorLength` 0 means scalar. Indices name the first element.
mlir::Value emitLoad(mlir::ImplicitLocOpBuilder &b, mlir::Type elementType, mlir::Value buffer, mlir::ValueRange index, int64_t vectorLength = 0);
void emitStore(mlir::ImplicitLocOpBuilder &b, mlir::Type elementType, mlir::Value value, mlir::Value buffer, mlir::ValueRange index);
/// The same for the first lanes where `mask` (vector of i1) is set; masked-off lanes load 0.
mlir::Value emitMaskedLoad(mlir::ImplicitLocOpBuilder &b, mlir::Type elementType, mlir::Value buffer, mlir::ValueRange index, mlir::Value mask);
/// `lanes` elements, under `mask` if there is one.
mlir::Value emitLoadOfLanes(mlir::ImplicitLocOpBuilder &b, mlir::Type elementType, mlir::Value buffer, mlir::ValueRange index, int64_t lanes, mlir::Value mask);
void emitMaskedStore(mlir::ImplicitLocOpBuilder &b, mlir::Type elementType, mlir::Value value, mlir::Value buffer, mlir::ValueRange index, mlir::Value mask);

} // namespace fettle::codegen

#endif
