//===- Contract.h - checks of a phase, op by op ---------------------------===//
#ifndef FETTLE_PASSES_VERIFY_CONTRACT_H
#define FETTLE_PASSES_VERIFY_CONTRACT_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace fettle {

/// Calls `findBreach` on each op of the function but the return, and reports what it gives as an error on that op: the fact, or
/// nothing if the op keeps the contract. Fails if there was one.
mlir::LogicalResult checkOps(mlir::func::FuncOp function, llvm::function_ref<llvm::StringRef(mlir::Operation *)> findBreach);

} // namespace fettle

#endif
