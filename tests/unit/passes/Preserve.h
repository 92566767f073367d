//===- Preserve.h - do passes keep what a function computes? --------------===//
#ifndef FETTLE_TESTS_UNIT_PASSES_PRESERVE_H
#define FETTLE_TESTS_UNIT_PASSES_PRESERVE_H

#include "mlir/IR/BuiltinOps.h"
#include "passes/Pipelines.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace fettle::test {

/// Loads the nn dialect and func into a context.
void loadDialects(mlir::MLIRContext &context);

/// Evaluates every function of `module` by the reference interpreter on random inputs, runs `build`'s passes, evaluates again and
/// expects equal results: exactly for integers, within `tolerance` of the largest value for floats.
void expectPreserved(mlir::ModuleOp module, llvm::function_ref<void(mlir::OpPassManager &)> build, double tolerance);

/// The same for all phases, one after the other.
void expectPhasesPreserve(mlir::ModuleOp module, double tolerance);

} // namespace fettle::test

#endif
