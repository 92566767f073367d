//===- RefittedProducts.h - products that make up for removed tokens -------===//
#ifndef FETTLE_PASSES_TOKENS_REFITTEDPRODUCTS_H
#define FETTLE_PASSES_TOKENS_REFITTEDPRODUCTS_H

#include "ir/profile/Profile.h"
#include "passes/tokens/TokenPlan.h"

namespace fettle {

/// The products with constant weights that can be re-fitted, in program order: each row of the result is that of a row of the left
/// operand, both of 32-bit floats.
llvm::SmallVector<nn::MatMulOp> findRefittable(mlir::func::FuncOp function);

/// Gives `op` the weights and the bias that come closest to what `moments` want (passes/Refit.h). False, and nothing is
/// changed, if they are for a product of other sizes.
bool refitProduct(nn::MatMulOp op, const ProductMoments &moments);

/// A function with fewer tokens, and in the same function the one it was made of: what is to be measured to re-fit it.
struct TokenTwins {
  struct Product {
    std::string name;     ///< of the result, before tokens are removed (ir/profile/ValueNames.h)
    nn::MatMulOp student; ///< with fewer tokens
    mlir::Value target;   ///< what it gives with all of them, merged like the student's
  };
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::func::FuncOp function;
  mlir::Value student, teacher; ///< the first output of each
  llvm::SmallVector<Product> products; ///< behind removed tokens, in program order
};

/// Of `function`, in the form that the fuse phase leaves. Fails with a diagnostic where the plan is not for it.
mlir::FailureOr<TokenTwins> makeTokenTwins(mlir::func::FuncOp function, const TokenPlan &plan);

} // namespace fettle

#endif
