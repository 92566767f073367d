//===- TransposedWeights.h - a matrix with its axes swapped ---------------===//
#ifndef FETTLE_IR_EXPORT_TRANSPOSEDWEIGHTS_H
#define FETTLE_IR_EXPORT_TRANSPOSEDWEIGHTS_H

#include "ir/export/NodeWriter.h"

namespace fettle {

/// `operand` with its last two axes swapped.
Term swapLastAxes(NodeWriter &writer, Term operand);

/// The tensor that `value` has become with its last two axes swapped. Weights that nothing else reads are swapped in
/// the file, quantized ones below their DequantizeLinear, where runtimes look for them.
Term transposeMatrices(NodeWriter &writer, mlir::Value value);

} // namespace fettle

#endif
