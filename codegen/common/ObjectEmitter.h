//===- ObjectEmitter.h - from an LLVM module to a relocatable object ------===//
#ifndef FETTLE_CODEGEN_COMMON_OBJECTEMITTER_H
#define FETTLE_CODEGEN_COMMON_OBJECTEMITTER_H

#include "ir/target/CpuTarget.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>

namespace llvm {
class Module;
class TargetMachine;
} // namespace llvm

namespace fettle::codegen {

/// LLVM's code generator for `target` (x86-64 or AArch64 ELF, position
/// independent). An error names a triple this build cannot compile for.
llvm::Expected<std::unique_ptr<llvm::TargetMachine>> createTargetMachine(const CpuTarget &target, unsigned optLevel);

/// Optimizes `module` at -O`optLevel` (0 to 3) for `target` and returns an ELF
/// object. The module's triple, data layout and the target attributes of its
/// functions are set here. The result is a pure function of the module's content.
/// Calls may run at once on modules of different LLVMContexts.
/// Errors: a malformed module (our bug), an unknown triple.
llvm::Expected<std::string> emitObject(llvm::Module &module, const CpuTarget &target, unsigned optLevel = 3);

} // namespace fettle::codegen

#endif
