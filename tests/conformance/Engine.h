//===- Engine.h - ways to run an imported model ---------------------------===//
#ifndef FETTLE_TESTS_CONFORMANCE_ENGINE_H
#define FETTLE_TESTS_CONFORMANCE_ENGINE_H

#include "ir/support/HostTensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"
#include <functional>

namespace fettle::conformance {

/// Runs @main of an imported module on `inputs` (in argument order). The error
/// is what a user would be told.
using Engine = std::function<llvm::Expected<std::vector<HostTensor>>(mlir::ModuleOp module, llvm::ArrayRef<HostTensor> inputs)>;

/// The interpreter, on the module as imported.
llvm::Expected<std::vector<HostTensor>> runReference(mlir::ModuleOp module, llvm::ArrayRef<HostTensor> inputs);

/// Compiled for this machine, written as an artifact, loaded and called.
llvm::Expected<std::vector<HostTensor>> runCompiled(mlir::ModuleOp module, llvm::ArrayRef<HostTensor> inputs);

/// Written as an ONNX model of `opset`, imported again, and run by the interpreter: after the phases that come before an
/// export or, if `isLiteral`, as imported.
Engine exportedEngine(int64_t opset, bool isLiteral);

} // namespace fettle::conformance

#endif
