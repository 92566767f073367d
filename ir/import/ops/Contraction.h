//===- Contraction.h - products shared by operator families ---------------===//
#ifndef FETTLE_IR_IMPORT_OPS_CONTRACTION_H
#define FETTLE_IR_IMPORT_OPS_CONTRACTION_H

#include "ir/import/NodeImporter.h"

namespace fettle {

/// numpy's matmul of operands of any rank from 1 on.
mlir::Value emitMatMul(NodeImporter &node, mlir::Value lhs, mlir::Value rhs);
/// Gemm with the node's attributes; `c` may be null.
mlir::Value emitGemm(NodeImporter &node, mlir::Value a, mlir::Value b, mlir::Value c);
/// Convolution with the node's attributes; `bias` may be null.
mlir::Value emitConv(NodeImporter &node, mlir::Value input, mlir::Value weight, mlir::Value bias);

} // namespace fettle

#endif
