//===- CompileModule.h - nn kernels to a compiled model -------------------===//
#ifndef FETTLE_CODEGEN_CPU_COMPILEMODULE_H
#define FETTLE_CODEGEN_CPU_COMPILEMODULE_H

#include "codegen/artifact/CompiledModel.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"
#include <functional>

namespace fettle::codegen {

/// Kernels that were compiled before, for compilations of modules that differ in few of them. All must be for one target and
/// level of optimization. Not for use by two compilations at a time.
class KernelCache {
public:
  KernelCache();
  ~KernelCache();

private:
  friend llvm::Expected<CompiledModel> compileModule(llvm::ArrayRef<mlir::ModuleOp>, const CpuTarget &, const struct CompileOptions &);
  struct Entries;
  std::unique_ptr<Entries> entries;
};

struct CompileOptions {
  unsigned jobs = 1;     ///< threads for code generation; the result does not depend on it
  unsigned optLevel = 3; ///< LLVM's
  KernelCache *cache = nullptr; ///< for modules of one specialization; names of kernels then depend on what it holds
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
