//===- IntegerPatterns.h - the rewrites of form-integer-islands -----------===//
#ifndef FETTLE_PASSES_QUANTIZE_INTEGERPATTERNS_H
#define FETTLE_PASSES_QUANTIZE_INTEGERPATTERNS_H

#include "mlir/IR/PatternMatch.h"

namespace fettle {

/// Activations i8 with zero point z become ui8 with zero point z + 128, or the other way, where nothing but dequantization
/// reads them.
void populateActivationSign(mlir::RewritePatternSet &patterns, bool isUnsigned);
/// What is added to a matrix product of dequantized operands, one value per column, becomes its bias.
void populateProductBias(mlir::RewritePatternSet &patterns);
/// Products of dequantized operands become products of integers with a factor behind them.
void populateIntegerProducts(mlir::RewritePatternSet &patterns);
/// Products of integers that were widened to 32 bits (ConvInteger, MatMulInteger) become products of 8 bits.
void populateNarrowProducts(mlir::RewritePatternSet &patterns);
/// Dequantization sinks, and quantization rises, through ops that move or pick elements.
void populateMoveQuantization(mlir::RewritePatternSet &patterns);
/// Rule ieee_f32: quantize(x, scale) behind computation becomes quantize(x * (1 / scale), 1), and factors meet.
void populateRequantization(mlir::RewritePatternSet &patterns);
/// Rule tosa: quantize behind sums, means and bounds of scaled integers becomes nn.rescale.
void populateFixedPointRequantization(mlir::RewritePatternSet &patterns);

} // namespace fettle

#endif
