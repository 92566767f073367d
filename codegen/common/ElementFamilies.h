//===- ElementFamilies.h - the parts of ElementEmitter --------------------===//
//
// One function per family of ops: the element of `op`'s result at `index`, or
// nothing if the op is not of the family.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_CODEGEN_COMMON_ELEMENTFAMILIES_H
#define FETTLE_CODEGEN_COMMON_ELEMENTFAMILIES_H

#include "codegen/common/ElementEmitter.h"

namespace fettle::codegen {

using MaybeLanes = std::optional<Lanes>;

MaybeLanes emitMovementElement(ElementEmitter &e, mlir::Operation *op, ElementEmitter::Index index);
MaybeLanes emitGatherElement(ElementEmitter &e, mlir::Operation *op, ElementEmitter::Index index);
MaybeLanes emitReductionElement(ElementEmitter &e, mlir::Operation *op, ElementEmitter::Index index);
MaybeLanes emitNormalizationElement(ElementEmitter &e, mlir::Operation *op, ElementEmitter::Index index);
MaybeLanes emitWindowElement(ElementEmitter &e, mlir::Operation *op, ElementEmitter::Index index);
MaybeLanes emitContractionElement(ElementEmitter &e, mlir::Operation *op, ElementEmitter::Index index);
MaybeLanes emitResizeElement(ElementEmitter &e, mlir::Operation *op, ElementEmitter::Index index);

/// The lowest (highest) value of an nn element type, infinite for floats.
Lanes extremeConstant(ElementEmitter &e, mlir::Type element, bool lowest);

} // namespace fettle::codegen

#endif
