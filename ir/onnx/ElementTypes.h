//===- ElementTypes.h - ONNX data types and MLIR types --------------------===//
#ifndef FETTLE_IR_ONNX_ELEMENTTYPES_H
#define FETTLE_IR_ONNX_ELEMENTTYPES_H

#include "ir/onnx/Model.h"
#include "ir/support/HostTensor.h"

namespace fettle {

/// The element type that stands for `type` in the nn dialect (signed integers
/// signless, unsigned ones ui8...); null for strings, complex numbers and floats
/// of 8 bits and less.
mlir::Type elementTypeOf(mlir::MLIRContext *context, onnx::DataType type);

/// The data type that stands for an element type of the nn dialect.
onnx::DataType dataTypeOf(mlir::Type type);

/// ONNX's name of an element type ("float32", "uint8"...).
std::string elementTypeName(mlir::Type type);

/// A tensor of the model in host layout (4-bit elements unpacked). The bytes are
/// shared where the layouts agree. Error: the tensor's own problem, or a data
/// type that has no element type.
llvm::Expected<HostTensor> toHostTensor(mlir::MLIRContext *context, const onnx::Tensor &tensor);

/// The opposite, in the file's layout of `type`: that of the tensor's elements, or 8 bits for 4-bit ones. The bytes are
/// shared where the layouts agree.
onnx::Tensor toModelTensor(llvm::StringRef name, const HostTensor &tensor, onnx::DataType type);

} // namespace fettle

#endif
