//===- ModelContext.h - an MLIR context with our dialects -----------------===//
#ifndef FETTLE_TOOLS_MODELCONTEXT_H
#define FETTLE_TOOLS_MODELCONTEXT_H

#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/ThreadPool.h"

namespace fettle::cli {

/// One per command: tensor types of different contexts never compare equal.
class ModelContext {
public:
  explicit ModelContext(unsigned jobs);
  ModelContext(const ModelContext &) = delete;
  ModelContext &operator=(const ModelContext &) = delete;

  mlir::MLIRContext &operator*() { return context; }

private:
  llvm::DefaultThreadPool pool; ///< outlives the context
  mlir::MLIRContext context;
};

} // namespace fettle::cli

#endif
