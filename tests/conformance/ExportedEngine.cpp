//===- ExportedEngine.cpp - run what was written as ONNX ------------------===//
#include "ir/export/Export.h"
#include "ir/import/Import.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Pipelines.h"
#include "tests/conformance/Engine.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"

using namespace mlir;

namespace fettle::conformance {

/// Those before the layout phase, which are the same for every target.
static llvm::Error runNeutralPhases(ModuleOp module) {
  std::string message = "the passes fail without a diagnosis";
  ScopedDiagnosticHandler handler(module.getContext(), [&](Diagnostic &diagnostic) {
    message = diagnostic.str();
    return success();
  });
  PhaseOptions options;
  options.keepsPairs = true;
  PassManager passManager(module.getContext());
  for (const PhaseInfo &phase : phases())
    if (phase.phase < Phase::Layout)
      buildPhase(passManager, phase.phase, options);
  if (failed(passManager.run(module)))
    return llvm::createStringError(message);
  return llvm::Error::success();
}

static llvm::Error describe(llvm::StringRef stage, llvm::ArrayRef<Problem> problems) {
  std::string text = stage.str();
  for (const Problem &problem : problems)
    text += ": " + problem.op + ": " + problem.reason;
  return llvm::createStringError(text);
}

static llvm::Expected<std::vector<HostTensor>> runExported(ModuleOp module, llvm::ArrayRef<HostTensor> inputs,
                                                           int64_t opset) {
  ExportOptions options;
  options.opset = opset;
  options.name = "conformance";
  ExportResult exported = exportModule(module, options);
  if (!exported.model)
    return describe("export", exported.problems);
  llvm::SmallString<128> scratch;
  if (std::error_code error = llvm::sys::fs::createUniqueDirectory("case", scratch))
    return llvm::createStringError(error, scratch);
  auto cleanUp = llvm::make_scope_exit([&] { llvm::sys::fs::remove_directories(scratch); });
  std::string path = (scratch + "/model.onnx").str();
  if (llvm::Error error = onnx::writeModel(*exported.model, path))
    return std::move(error);
  ImportResult imported = importModel(*module.getContext(), path, {});
  if (!imported.module)
    return describe("import of what was exported", imported.problems);
  auto before = module.lookupSymbol<func::FuncOp>("main"), after = imported.module->lookupSymbol<func::FuncOp>("main");
  if (before.getFunctionType() != after.getFunctionType() || before.getAllArgAttrs() != after.getAllArgAttrs() ||
      before.getAllResultAttrs() != after.getAllResultAttrs())
    return llvm::createStringError("the exported model has other inputs or outputs");
  return runReference(*imported.module, inputs);
}

Engine exportedEngine(int64_t opset, bool isLiteral) {
  return [=](ModuleOp module, llvm::ArrayRef<HostTensor> inputs) -> llvm::Expected<std::vector<HostTensor>> {
    if (!isLiteral)
      if (llvm::Error error = runNeutralPhases(module))
        return std::move(error);
    return runExported(module, inputs, opset);
  };
}

} // namespace fettle::conformance
