//===- VectorMath.h - our own elementary functions ------------------------===//
//
// Artifacts have no libm. Every function here emits branch-free arith ops that
// work on scalars and vectors alike (f32 and f64), with its error stated in ULP
// and tested in tests/unit/codegen/common.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_CODEGEN_COMMON_VECTORMATH_H
#define FETTLE_CODEGEN_COMMON_VECTORMATH_H

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace fettle::codegen {

mlir::Value emitExp(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
mlir::Value emitLog(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
mlir::Value emitTanh(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
mlir::Value emitErf(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
mlir::Value emitSigmoid(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
mlir::Value emitSin(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
mlir::Value emitCos(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
mlir::Value emitPow(mlir::ImplicitLocOpBuilder &b, mlir::Value base, mlir::Value exponent);
mlir::Value emitFmod(mlir::ImplicitLocOpBuilder &b, mlir::Value x, mlir::Value y);

} // namespace fettle::codegen

#endif
