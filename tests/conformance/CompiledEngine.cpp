//===- CompiledEngine.cpp - run as an artifact ----------------------------===//
//
// The whole way of `fettle compile` and `fettle run`: phases, code generation,
// the artifact's folder, the loader. The code is optimized little, so that 1,300
// cases compile in minutes.
//
//===----------------------------------------------------------------------===//
#include "codegen/artifact/Artifact.h"
#include "codegen/artifact/Loader.h"
#include "codegen/cpu/CompileModule.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Pipelines.h"
#include "tests/conformance/Engine.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"

using namespace mlir;

namespace fettle::conformance {

static llvm::Error runPhases(ModuleOp module) {
  std::string message = "the passes fail without a diagnosis";
  ScopedDiagnosticHandler handler(module.getContext(), [&](Diagnostic &diagnostic) {
    message = diagnostic.str();
    return success();
  });
  PassManager passManager(module.getContext());
  for (const PhaseInfo &phase : phases())
    buildPhase(passManager, phase.phase);
  if (failed(passManager.run(module)))
    return llvm::createStringError(message);
  return llvm::Error::success();
}

llvm::Expected<std::vector<HostTensor>> runCompiled(ModuleOp module, llvm::ArrayRef<HostTensor> inputs) {
  MLIRContext *context = module.getContext();
  codegen::loadCodegenDialects(*context);
  if (llvm::Error error = runPhases(module))
    return std::move(error);
  llvm::Expected<CpuTarget> target = parseCpuTarget("cpu:native");
  if (!target)
    return target.takeError();
  codegen::CompileOptions options;
  options.optLevel = 1;
  auto compiled = codegen::compileModule(module, *target, options);
  if (!compiled)
    return compiled.takeError();

  llvm::SmallString<128> scratch;
  if (std::error_code error = llvm::sys::fs::createUniqueDirectory("case", scratch))
    return llvm::createStringError(error, scratch);
  auto cleanUp = llvm::make_scope_exit([&] { llvm::sys::fs::remove_directories(scratch); });
  std::string folder = (scratch + "/artifact").str();
  codegen::ArtifactOptions artifact;
  artifact.name = "conformance";
  if (llvm::Error error = codegen::writeArtifact(folder, *compiled, artifact))
    return std::move(error);
  auto loaded = codegen::LoadedModel::open(folder);
  if (!loaded)
    return loaded.takeError();
  return (*loaded)->run(inputs, context);
}

} // namespace fettle::conformance
