//===- PointwiseFamilies.h - the parts of emitPointwise -------------------===//
//
// One function per family of ops. All take values of compute types (Kernel.h);
// nn element types say what the bits of an integer mean.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_CODEGEN_COMMON_POINTWISEFAMILIES_H
#define FETTLE_CODEGEN_COMMON_POINTWISEFAMILIES_H

#include "codegen/common/Lanes.h"
#include "ir/nn/Nn.h"

namespace fettle::codegen {

/// True where an nn element type has no sign (i1 included).
inline bool isUnsignedElement(mlir::Type element) { return element.isUnsignedInteger() || element.isSignlessInteger(1); }

/// nn.unary of `kind` on x, whose nn element type is `element`.
Lanes emitUnary(nn::UnaryKind kind, Lanes x, mlir::Type element, double alpha, double beta);
/// nn.binary; `exponentElement` is the nn element type of rhs, which only pow may have different.
Lanes emitBinary(nn::BinaryKind kind, Lanes x, Lanes y, mlir::Type element, mlir::Type exponentElement);
Lanes emitCompare(nn::CompareKind kind, Lanes x, Lanes y, mlir::Type element);
Lanes emitClamp(Lanes x, mlir::Type element, double low, double high);

/// nn.cast between nn element types; floats become integers by truncation and
/// saturation (NaN: 0). f16 and bf16 results are rounded, and stay f32. `flushes`: denormal bf16 may become 0.
Lanes emitCast(Lanes x, mlir::Type from, mlir::Type to, bool flushes = false);
/// nn.quantize with the operands of one element; `zeroPoint` may be null.
Lanes emitQuantize(Lanes x, Lanes scale, mlir::Value zeroPoint, mlir::Type to);
/// nn.dequantize likewise, giving the compute type of `to`.
Lanes emitDequantize(Lanes x, Lanes scale, mlir::Value zeroPoint, mlir::Type from, mlir::Type to);

/// nn.rescale with all operands.
Lanes emitRescale(nn::RescaleOp op, Lanes x, Lanes multiplier, Lanes shift);

/// x (f32) rounded to the nearest bf16, ties to even, kept as f32.
Lanes roundToBf16(Lanes x);
/// The same as a bf16 or a vector of them, by operations of integers.
mlir::Value narrowToBf16(Lanes x);

/// Widens or narrows an integer.
Lanes resizeInteger(Lanes x, unsigned width, bool isUnsigned);

} // namespace fettle::codegen

#endif
