//===- QuantizedPair.h - QuantizeLinear and DequantizeLinear --------------===//
//
// The operators grew with the opsets: 13 has one scale per tensor or per channel, for 8 bits (32 to dequantize); 21 has
// blocks, 16 and 4 bits. What an opset lacks is composed of division, rounding, addition and clipping. Values are f32
// in both (wider and narrower ones are cast), which is the rule that nn.quantize states.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_IR_EXPORT_QUANTIZEDPAIR_H
#define FETTLE_IR_EXPORT_QUANTIZEDPAIR_H

#include "ir/export/NodeWriter.h"

namespace fettle {

Term writeQuantize(NodeWriter &writer, nn::QuantizeOp op);

/// `op` on `integers` in place of its operand, with scales along `axis` in place of its own: its operand may have been
/// transposed.
Term writeDequantize(NodeWriter &writer, nn::DequantizeOp op, Term integers, int64_t axis);

} // namespace fettle

#endif
