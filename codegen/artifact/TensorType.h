//===- TensorType.h - element types in the C ABI --------------------------===//
#ifndef FETTLE_CODEGEN_ARTIFACT_TENSORTYPE_H
#define FETTLE_CODEGEN_ARTIFACT_TENSORTYPE_H

#include "codegen/artifact/CompiledModel.h"
#include "llvm/Support/Error.h"
#include <cstdint>

namespace fettle::codegen {

/// An element type as the C ABI, manifests and .npy files name it.
struct AbiType {
  int32_t dtype;                   ///< enum fettle_dtype
  llvm::StringLiteral name;        ///< in manifests: "f32"
  llvm::StringLiteral constant;    ///< "FETTLE_F32"
  llvm::StringLiteral cType;       ///< that holds one element: "float"; f16 and bf16: "uint16_t"
  llvm::StringLiteral description; ///< of a .npy header: "<f4"
  int64_t bytes;
};

/// Null where the ABI has no such type.
const AbiType *findAbiType(mlir::Type element);
const AbiType *findAbiType(llvm::StringRef name);
/// The nn element type.
mlir::Type elementType(const AbiType &type, mlir::MLIRContext *context);
/// Checks that all inputs and outputs can be described by a fettle_tensor: known
/// type, static shape, rank up to FETTLE_MAX_RANK. The error names the tensor.
llvm::Error checkTensors(const CompiledModel &model);
/// Checks that a call can tell the specializations apart and treat them alike: names and types of inputs and outputs
/// and ranks of inputs agree, and no two have the same input shapes.
llvm::Error checkSpecializations(const CompiledModel &model);
/// Bytes of a tensor at the ABI: contiguous, row-major.
int64_t tensorBytes(const ModelTensor &tensor);

} // namespace fettle::codegen

#endif
