//===- TokenRewriter.h - a transformer with fewer tokens -------------------===//
#ifndef FETTLE_PASSES_TOKENS_TOKENREWRITER_H
#define FETTLE_PASSES_TOKENS_TOKENREWRITER_H

#include "passes/tokens/TokenPlan.h"
#include "passes/tokens/TokenStreams.h"
#include "mlir/IR/Builders.h"

namespace fettle {

/// Carries out `plan` on `function`, whose streams are `streams`. Fails with a diagnostic where the plan names a
/// site that there is not or removes more tokens than can be merged there, and leaves the function half done.
mlir::LogicalResult reduceTokens(mlir::func::FuncOp function, const TokenStreams &streams, const TokenPlan &plan);

/// What a value was before tokens were removed.
struct TokenTwin {
  mlir::Value teacher; ///< with all tokens
  mlir::Value target;  ///< merged as the value itself is; null if that has all tokens
};

/// The same, and in front of the function with fewer tokens stays the one that it was. `twins` gets one for each of `values`.
mlir::LogicalResult reduceTokensBesideTeacher(mlir::func::FuncOp function, const TokenStreams &streams, const TokenPlan &plan,
                                              llvm::ArrayRef<mlir::Value> values, llvm::SmallVectorImpl<TokenTwin> &twins);

} // namespace fettle

#endif
