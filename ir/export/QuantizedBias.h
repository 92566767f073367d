//===- QuantizedBias.h - the bias of a product of quantized operands ------===//
#ifndef FETTLE_IR_EXPORT_QUANTIZEDBIAS_H
#define FETTLE_IR_EXPORT_QUANTIZEDBIAS_H

#include "ir/export/NodeWriter.h"

namespace fettle {

/// The bias of a convolution or matrix product of `lhs` and `rhs`, omitted if there is none. Where both are
/// dequantized, a constant bias is rounded to steps of the product (as our own integer code rounds it) and dequantized
/// from i32: runtimes compute in integers only where the bias, too, is quantized.
Term biasOfProduct(NodeWriter &writer, mlir::Value bias, mlir::Value lhs, mlir::Value rhs);

} // namespace fettle

#endif
