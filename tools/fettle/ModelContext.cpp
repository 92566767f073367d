//===- ModelContext.cpp - an MLIR context with our dialects ---------------===//

#include "tools/fettle/ModelContext.h"
#include "codegen/cpu/CompileModule.h"
#include "ir/nn/Nn.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace fettle::cli {

ModelContext::ModelContext(unsigned jobs)
    : pool(llvm::hardware_concurrency(jobs)), context(mlir::MLIRContext::Threading::DISABLED) {
  // Even with one job: a context without threading takes no locks, and code generation has threads of its own.
  context.setThreadPool(pool);
  context.loadDialect<nn::NnDialect, mlir::func::FuncDialect>();
  codegen::loadCodegenDialects(context);
}

} // namespace fettle::cli
