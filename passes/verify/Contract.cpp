//===- Contract.cpp - checks of a phase, op by op -------------------------===//

#include "passes/verify/Contract.h"

using namespace mlir;

namespace fettle {

LogicalResult checkOps(func::FuncOp function, llvm::function_ref<StringRef(Operation *)> findBreach) {
  bool valid = true;
  if (function.isExternal())
    return success();
  for (Operation &op : function.getBody().front().without_terminator()) {
    StringRef breach = findBreach(&op);
    if (breach.empty())
      continue;
    op.emitError(breach);
    valid = false;
  }
  return success(valid);
}

} // namespace fettle
