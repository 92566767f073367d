//===- IntegerOperand.h - an 8-bit operand with its zero point ------------===//
#ifndef FETTLE_IR_EXPORT_INTEGEROPERAND_H
#define FETTLE_IR_EXPORT_INTEGEROPERAND_H

#include "ir/export/NodeWriter.h"

namespace fettle {

/// An operand as ConvInteger and MatMulInteger take it: 8-bit integers and what is subtracted from them.
struct IntegerOperand {
  Term integers;
  Term zeroPoint; ///< of the same type, a scalar; omitted where it is 0
};

/// `value`, of 8 bits with `zeroPoint` or of 32, as such an operand; none where its elements are not made of 8-bit
/// ones:
///   q,  cast q,  cast q - cast z,  a constant that spans at most 255
std::optional<IntegerOperand> asIntegerOperand(NodeWriter &writer, mlir::Value value, int64_t zeroPoint = 0);

} // namespace fettle

#endif
