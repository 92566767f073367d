//===- Origin.h - which ONNX node an op came from -------------------------===//
//
// Locations carry the ONNX node name and operator: NameLoc(node, NameLoc(op)).
// Fused ops carry a FusedLoc of all their origins, in order.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_IR_SUPPORT_ORIGIN_H
#define FETTLE_IR_SUPPORT_ORIGIN_H

#include "mlir/IR/Location.h"
#include "llvm/ADT/SmallVector.h"
#include <string>

namespace fettle {

struct Origin {
  std::string node; ///< ONNX node name, or its first output where it has none.
  std::string op;   ///< ONNX operator, with domain unless it is the default one.
};

/// Bytes of the names that are no UTF-8 are replaced.
mlir::Location makeOriginLocation(mlir::MLIRContext *context, const Origin &origin);
llvm::SmallVector<Origin> getOrigins(mlir::Location location);
/// "Conv_12" or "Conv_12+Relu_13".
std::string formatOrigins(mlir::Location location);
/// A FusedLoc of the distinct origins of all `locations`, in order.
mlir::Location fuseLocations(mlir::MLIRContext *context, llvm::ArrayRef<mlir::Location> locations);

} // namespace fettle

#endif
