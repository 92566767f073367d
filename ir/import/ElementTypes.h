//===- ElementTypes.h - ONNX data types as MLIR types ---------------------===//
#ifndef FETTLE_IR_IMPORT_ELEMENTTYPES_H
#define FETTLE_IR_IMPORT_ELEMENTTYPES_H

#include "ir/onnx/Model.h"
#include "ir/support/HostTensor.h"

namespace fettle {

/// The element type that stands for `type` in the nn dialect (signed integers
/// signless, unsigned ones ui8...); null for strings, complex numbers and floats
/// of 8 bits and less.
mlir::Type elementTypeOf(mlir::MLIRContext *context, onnx::DataType type);

/// ONNX's name of an element type ("float32", "uint8"...).
std::string elementTypeName(mlir::Type type);

/// A tensor of the model in host layout (4-bit elements unpacked). The bytes are
/// shared where the layouts agree. Error: the tensor's own problem, or a data
/// type that has no element type.
llvm::Expected<HostTensor> toHostTensor(mlir::MLIRContext *context, const onnx::Tensor &tensor);

} // namespace fettle

#endif
