//===- Passes.h - the passes of passes/tokens ------------------------------===//
#ifndef FETTLE_PASSES_TOKENS_PASSES_H
#define FETTLE_PASSES_TOKENS_PASSES_H

#include "ir/nn/Nn.h"
#include "ir/profile/Profile.h"
#include "passes/tokens/TokenPlan.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace fettle {

#define GEN_PASS_DECL
#include "passes/tokens/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/tokens/Passes.h.inc"

std::unique_ptr<mlir::Pass> createReduceTokensPass(const TokenPlan &plan);
/// `profile` must outlive the pass.
std::unique_ptr<mlir::Pass> createRefitProductsPass(const Profile &profile);

} // namespace fettle

#endif
