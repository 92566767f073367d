//===- ObjectEmitter.cpp - from an LLVM module to a relocatable object ----===//

#include "codegen/common/ObjectEmitter.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Analysis/LoopAnalysisManager.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include <mutex>

namespace fettle::codegen {

/// Only the two architectures we generate code for: initializing all of LLVM's costs start-up time.
static void initializeTargets() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeAArch64TargetInfo();
    LLVMInitializeAArch64Target();
    LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64AsmPrinter();
  });
}

llvm::Expected<std::unique_ptr<llvm::TargetMachine>> createTargetMachine(const CpuTarget &target, unsigned optLevel) {
  initializeTargets();
  llvm::Triple triple(target.triple);
  std::string reason;
  const llvm::Target *backend = llvm::TargetRegistry::lookupTarget(triple, reason);
  if (!backend)
    return llvm::createStringError("no code generator for '" + target.triple + "': " + reason);
  llvm::TargetOptions options;
  options.FunctionSections = true; // the linker drops what is not called
  options.DataSections = true;
  std::unique_ptr<llvm::TargetMachine> machine(backend->createTargetMachine(
      triple, target.cpu, target.features, options, llvm::Reloc::PIC_, llvm::CodeModel::Small,
      llvm::CodeGenOpt::getLevel(optLevel).value_or(llvm::CodeGenOptLevel::Aggressive)));
  if (!machine)
    return llvm::createStringError("no code generator for '" + target.triple + "'");
  return machine;
}

/// Every function states its target in the same words: LLVM inlines only between functions that agree, and code
/// generation reads the attributes, not the machine.
static void setTargetAttributes(llvm::Module &module, const CpuTarget &target) {
  for (llvm::Function &function : module) {
    if (function.isIntrinsic())
      continue;
    for (llvm::StringRef attribute : {"target-cpu", "target-features", "tune-cpu", "prefer-vector-width",
                                      "min-legal-vector-width", "stack-protector-buffer-size"})
      function.removeFnAttr(attribute);
    for (llvm::Attribute::AttrKind kind :
         {llvm::Attribute::StackProtect, llvm::Attribute::StackProtectReq, llvm::Attribute::StackProtectStrong})
      function.removeFnAttr(kind);
    function.addFnAttr("target-cpu", target.cpu);
    std::string features = target.features;
    if (llvm::Triple(target.triple).isX86()) // gathers and scatters are slower than scalars (measured on Zen 5)
      features += std::string(features.empty() ? "" : ",") + "+prefer-no-gather,+prefer-no-scatter";
    if (!features.empty())
      function.addFnAttr("target-features", features);
    function.addFnAttr("prefer-vector-width", std::to_string(target.vectorBytes * 8));
    // Nothing unwinds through an artifact; without this each function gets unwind tables.
    function.setDoesNotThrow();
  }
}

static void optimize(llvm::Module &module, llvm::TargetMachine &machine, unsigned optLevel) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  const llvm::OptimizationLevel levels[] = {llvm::OptimizationLevel::O0, llvm::OptimizationLevel::O1,
                                            llvm::OptimizationLevel::O2, llvm::OptimizationLevel::O3};
  llvm::OptimizationLevel level = levels[std::min(optLevel, 3u)];
  llvm::ModulePassManager pipeline = optLevel == 0 ? builder.buildO0DefaultPipeline(level)
                                                   : builder.buildPerModuleDefaultPipeline(level);
  pipeline.run(module, modules);
}

llvm::Expected<std::string> emitObject(llvm::Module &module, const CpuTarget &target, unsigned optLevel) {
  llvm::Expected<std::unique_ptr<llvm::TargetMachine>> machine = createTargetMachine(target, optLevel);
  if (!machine)
    return machine.takeError();
  module.setTargetTriple(llvm::Triple(target.triple));
  module.setDataLayout((*machine)->createDataLayout());
  setTargetAttributes(module, target);
  std::string problem;
  llvm::raw_string_ostream problemStream(problem);
  if (llvm::verifyModule(module, &problemStream))
    return llvm::createStringError("malformed LLVM module '" + module.getModuleIdentifier() + "': " + problem);
  optimize(module, **machine, optLevel);

  llvm::SmallString<0> object;
  llvm::raw_svector_ostream stream(object);
  llvm::legacy::PassManager emitter;
  if ((*machine)->addPassesToEmitFile(emitter, stream, nullptr, llvm::CodeGenFileType::ObjectFile))
    return llvm::createStringError("'" + target.triple + "' cannot emit object files");
  emitter.run(module);
  return object.str().str();
}

} // namespace fettle::codegen
