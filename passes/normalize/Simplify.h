//===- Simplify.h - groups of simplification patterns ---------------------===//
#ifndef FETTLE_PASSES_NORMALIZE_SIMPLIFY_H
#define FETTLE_PASSES_NORMALIZE_SIMPLIFY_H

#include "mlir/IR/PatternMatch.h"

namespace fettle {

void populatePointwiseSimplifications(mlir::RewritePatternSet &patterns);
void populateBroadcastSimplifications(mlir::RewritePatternSet &patterns);
void populateClampSimplifications(mlir::RewritePatternSet &patterns);
void populateMovementSimplifications(mlir::RewritePatternSet &patterns);
void populateViewSimplifications(mlir::RewritePatternSet &patterns);
void populateShapeSimplifications(mlir::RewritePatternSet &patterns);

} // namespace fettle

#endif
