//===- KernelLowering.h - one kernel function to an object file -----------===//
#ifndef FETTLE_CODEGEN_CPU_KERNELLOWERING_H
#define FETTLE_CODEGEN_CPU_KERNELLOWERING_H

#include "ir/target/CpuTarget.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "llvm/Support/Error.h"
#include <string>

namespace fettle::codegen {

/// The dialects that lowering creates. They must be loaded before the first
/// lowerKernel: loading one while another thread works on the context is a race.
void registerLoweringDialects(mlir::DialectRegistry &registry);

/// Lowers a module with one func @kernel (Kernel.h) to LLVM and compiles it to a
/// relocatable object that defines `symbol` with the signature
///   void symbol(void *const *arguments, int64_t begin, int64_t end).
/// The module is consumed.
llvm::Expected<std::string> lowerKernel(mlir::ModuleOp module, llvm::StringRef symbol, const CpuTarget &target, unsigned optLevel);

} // namespace fettle::codegen

#endif
