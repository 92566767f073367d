//===- VectorMath.h - our own elementary functions ------------------------===//
//
// Artifacts have no libm. Every function here emits branch-free arith ops that
// work on scalars and vectors alike (f32 and f64), with its error stated in ULP
// and tested in tests/unit/codegen/common.
//
// Functions on the hot path of networks (exp, log, tanh, erf, sigmoid, softplus)
// have polynomials of their own for f32; the others compute f32 in f64 and round
// once, which is both short and correct to 1 ULP.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_CODEGEN_COMMON_VECTORMATH_H
#define FETTLE_CODEGEN_COMMON_VECTORMATH_H

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace fettle::codegen {

// Maximum errors, f32 | f64 in ULP of the result.

/// 2 | 2. Results below 1.7e-38 (2.3e-308 in f64) are flushed to 0.
mlir::Value emitExp(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
/// 2^x for x < 127, f32 only: 3. Exactly 1 at 0; from -127 downward (-inf too) 0. Half the work of emitExp.
mlir::Value emitExp2(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
/// exp(x) - 1 without cancellation: 3 | 3.
mlir::Value emitExpMinusOne(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
/// 2 | 2, denormals included. log(0) = -inf, of negatives NaN.
mlir::Value emitLog(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
/// log(1 + x) without cancellation: 3 | 3.
mlir::Value emitLogOnePlus(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
/// 5 | 4.
mlir::Value emitTanh(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
/// 6 | 4.
mlir::Value emitErf(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
/// 1 / (1 + exp(-x)): 3 | 3; below 1e-38 flushed to 0.
mlir::Value emitSigmoid(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
/// log(1 + exp(x)): 4 | 4.
mlir::Value emitSoftplus(mlir::ImplicitLocOpBuilder &b, mlir::Value x);

/// 1 for |x| < 1e6 | 3 for |x| < 1e6, both measured against max(|result|, 2^-20).
mlir::Value emitSin(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
mlir::Value emitCos(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
mlir::Value emitTan(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
/// The inverse and hyperbolic functions: 1 | 4.
mlir::Value emitAsin(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
mlir::Value emitAcos(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
mlir::Value emitAtan(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
mlir::Value emitSinh(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
mlir::Value emitCosh(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
mlir::Value emitAsinh(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
mlir::Value emitAcosh(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
mlir::Value emitAtanh(mlir::ImplicitLocOpBuilder &b, mlir::Value x);

/// f32: 1. f64: about |exponent * log(base)| + 2 ULP. Negative bases take integral exponents.
mlir::Value emitPow(mlir::ImplicitLocOpBuilder &b, mlir::Value base, mlir::Value exponent);
/// Remainder with the sign of x. f32: exact while |x / y| < 2^29, f64: while |x / y| < 2^26.
mlir::Value emitFmod(mlir::ImplicitLocOpBuilder &b, mlir::Value x, mlir::Value y);

} // namespace fettle::codegen

#endif
