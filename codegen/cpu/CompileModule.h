//===- CompileModule.h - nn kernels to a compiled model -------------------===//
#ifndef FETTLE_CODEGEN_CPU_COMPILEMODULE_H
#define FETTLE_CODEGEN_CPU_COMPILEMODULE_H

#include "codegen/artifact/CompiledModel.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"
#include <functional>

namespace fettle::codegen {

struct CompileOptions {
  unsigned jobs = 1;     ///< threads for code generation; the result does not depend on it
  unsigned optLevel = 3; ///< LLVM's
  std::function<void(int64_t done, int64_t total)> progress; ///< kernels compiled so far; called from any thread, one at a time
};

/// Registers and loads every dialect that code generation creates. Once per
/// context, before compileModule.
void loadCodegenDialects(mlir::MLIRContext &context);

/// Compiles @main of modules in the form that form-kernels leaves (nn.kernel,
/// nn.constant, nn.reshape, return): one module for each specialization of one
/// model. The constants must outlive the result: weights are packed when the
/// artifact is written. Equal kernels are compiled once, equal weights stored once.
llvm::Expected<CompiledModel> compileModule(llvm::ArrayRef<mlir::ModuleOp> modules, const CpuTarget &target, const CompileOptions &options);

} // namespace fettle::codegen

#endif
