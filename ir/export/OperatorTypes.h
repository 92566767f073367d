//===- OperatorTypes.h - which element types ONNX operators take ----------===//
#ifndef FETTLE_IR_EXPORT_OPERATORTYPES_H
#define FETTLE_IR_EXPORT_OPERATORTYPES_H

#include "mlir/IR/BuiltinTypes.h"

namespace fettle {

/// Whether the data operands (T of the operator's page) of ONNX's `op` may have elements of `element` in `opset`.
bool takesElements(llvm::StringRef op, int64_t opset, mlir::Type element);

/// `element` where the operator takes it, else a type that it takes and that holds all values of `element`; null if
/// there is none.
mlir::Type computeElement(llvm::StringRef op, int64_t opset, mlir::Type element);

} // namespace fettle

#endif
