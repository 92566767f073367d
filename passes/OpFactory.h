//===- OpFactory.h - short forms for making nn ops ------------------------===//
#ifndef FETTLE_PASSES_OPFACTORY_H
#define FETTLE_PASSES_OPFACTORY_H

#include "ir/nn/Nn.h"
#include "ir/support/HostTensor.h"
#include "mlir/IR/Builders.h"

namespace fettle {

/// Elementwise function with the parameters `alpha` and `beta` of its kind, if it has any.
mlir::Value makeUnary(mlir::OpBuilder &builder, mlir::Location location, nn::UnaryKind kind, mlir::Value input,
                      double alpha = 1.0, double beta = 0.0);
/// Elementwise function of two tensors of one element type, which broadcast.
mlir::Value makeBinary(mlir::OpBuilder &builder, mlir::Location location, nn::BinaryKind kind, mlir::Value lhs, mlir::Value rhs);
/// A constant of `tensor`'s type and bytes; `name` names its resource blob if it is large.
mlir::Value makeConstant(mlir::OpBuilder &builder, mlir::Location location, const HostTensor &tensor, llvm::StringRef name);
/// A rank 0 constant of any numeric element type.
mlir::Value makeScalar(mlir::OpBuilder &builder, mlir::Location location, mlir::Type element, double value);
/// `input` under another shape, or `input` itself if it has it.
mlir::Value makeReshape(mlir::OpBuilder &builder, mlir::Location location, mlir::Value input, llvm::ArrayRef<int64_t> shape);
/// Result axis i is input axis perm[i]; `input` itself if perm is the identity.
mlir::Value makeTranspose(mlir::OpBuilder &builder, mlir::Location location, mlir::Value input, llvm::ArrayRef<int64_t> perm);

} // namespace fettle

#endif
