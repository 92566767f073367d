//===- Quantized.h - operators on dequantized operands --------------------===//
#ifndef FETTLE_IR_IMPORT_OPS_QUANTIZED_H
#define FETTLE_IR_IMPORT_OPS_QUANTIZED_H

#include "ir/import/NodeImporter.h"

namespace fettle {

/// Operand `i` with scale `i + 1` and zero point `i + 2`; parameters of a vector vary along `axis`.
mlir::Value dequantizeOperand(NodeImporter &node, size_t i, int64_t axis);
/// `result` with scale operand `i` and zero point `i + 1`, whose element type it gets.
mlir::Value quantizeResult(NodeImporter &node, mlir::Value result, size_t i);
/// A tensor over its own range as uint8 with scale and zero point (DynamicQuantizeLinear).
struct DynamicallyQuantized {
  mlir::Value values, scale, zeroPoint;
};
DynamicallyQuantized quantizeDynamically(NodeImporter &node, mlir::Value input);
/// Matrix product of integers less their zero points (which may be null), in i32.
mlir::Value emitIntegerMatMul(NodeImporter &node, mlir::Value lhs, mlir::Value rhs, mlir::Value lhsZeroPoint,
                              mlir::Value rhsZeroPoint);

} // namespace fettle

#endif
