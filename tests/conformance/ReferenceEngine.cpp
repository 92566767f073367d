//===- ReferenceEngine.cpp - run by the interpreter -----------------------===//
#include "ir/reference/Evaluate.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "tests/conformance/Engine.h"

using namespace mlir;

namespace fettle::conformance {

llvm::Expected<std::vector<HostTensor>> runReference(ModuleOp module, llvm::ArrayRef<HostTensor> inputs) {
  std::string message = "the interpreter fails without a diagnosis";
  ScopedDiagnosticHandler handler(module.getContext(), [&](Diagnostic &diagnostic) {
    message = diagnostic.str();
    return success();
  });
  auto results = reference::evaluate(module.lookupSymbol<func::FuncOp>("main"), inputs);
  if (failed(results))
    return llvm::createStringError(message);
  return std::vector<HostTensor>(results->begin(), results->end());
}

} // namespace fettle::conformance
