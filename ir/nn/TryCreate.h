//===- TryCreate.h - building ops from operands that may not fit ----------===//
#ifndef FETTLE_IR_NN_TRYCREATE_H
#define FETTLE_IR_NN_TRYCREATE_H

#include "ir/nn/Nn.h"
#include "mlir/IR/Builders.h"

namespace fettle::nn {

/// Creates an op with inferred result types (an Nn_InferredOp) from what a user's
/// file says. `OpTy::create` ends the program when the types cannot be inferred;
/// this reports the reason at `location` and fails. `arguments` are those of
/// `OpTy::build` after the result types.
template <typename OpTy, typename... Arguments>
mlir::FailureOr<OpTy> tryCreate(mlir::OpBuilder &builder, mlir::Location location, Arguments &&...arguments) {
  mlir::OperationState state(location, OpTy::getOperationName());
  constexpr unsigned numResults = OpTy::template hasTrait<mlir::OpTrait::OneResult>()           ? 1
                                  : OpTy::template hasTrait<mlir::OpTrait::NResults<2>::Impl>() ? 2
                                                                                                : 3;
  llvm::SmallVector<mlir::Type, 3> placeholders(numResults, builder.getNoneType());
  OpTy::build(builder, state, mlir::TypeRange(placeholders), std::forward<Arguments>(arguments)...);
  llvm::SmallVector<mlir::Type, 3> types;
  if (mlir::failed(OpTy::inferReturnTypes(builder.getContext(), location, state.operands,
                                          state.attributes.getDictionary(builder.getContext()),
                                          state.getRawProperties(), state.regions, types)))
    return mlir::failure();
  state.types.assign(types.begin(), types.end());
  return llvm::cast<OpTy>(builder.create(state));
}

} // namespace fettle::nn

#endif
