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

} // namespace fettle

#endif
