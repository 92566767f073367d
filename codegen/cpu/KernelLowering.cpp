//===- KernelLowering.cpp - one kernel function to an object file ---------===//

#include "codegen/cpu/KernelLowering.h"
#include "codegen/common/ObjectEmitter.h"
#include "codegen/common/PointwiseFamilies.h"
#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVMPass.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Conversion/VectorToSCF/VectorToSCF.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Target/LLVMIR/ModuleTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include <thread>

using namespace mlir;

namespace fettle::codegen {

static void buildLowering(OpPassManager &pm) {
  pm.addNestedPass<func::FuncOp>(createCanonicalizerPass());
  pm.addNestedPass<func::FuncOp>(createCSEPass());
  pm.addNestedPass<func::FuncOp>(createLoopInvariantCodeMotionPass());
  pm.addNestedPass<func::FuncOp>(createConvertVectorToSCFPass());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createConvertVectorToLLVMPass());
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createConvertIndexToLLVMPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createFinalizeMemRefToLLVMConversionPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  ConvertFuncToLLVMPassOptions options;
  options.useBarePtrCallConv = true;
  pm.addPass(createConvertFuncToLLVMPass(options));
  pm.addPass(createUBToLLVMConversionPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
}

void registerLoweringDialects(DialectRegistry &registry) {
  OpPassManager pm(ModuleOp::getOperationName());
  buildLowering(pm);
  pm.getDependentDialects(registry);
}

/// `symbol` takes its pointers from an array, so that all kernels have one type;
/// the body keeps them as noalias parameters, which is what LLVM's alias analysis reads.
static void addEntryPoint(llvm::Module &module, llvm::Function &body, llvm::StringRef symbol, const CpuTarget &target) {
  llvm::LLVMContext &context = module.getContext();
  auto *pointer = llvm::PointerType::getUnqual(context);
  auto *i64 = llvm::Type::getInt64Ty(context);
  auto *entryType = llvm::FunctionType::get(llvm::Type::getVoidTy(context), {pointer, i64, i64}, false);
  auto *entry = llvm::Function::Create(entryType, llvm::Function::ExternalLinkage, symbol, module);
  entry->setVisibility(llvm::GlobalValue::HiddenVisibility);
  entry->addFnAttr(llvm::Attribute::NoUnwind);
  llvm::IRBuilder<> b(llvm::BasicBlock::Create(context, "", entry));
  llvm::SmallVector<llvm::Value *> arguments;
  unsigned pointers = body.arg_size() - 2;
  for (unsigned i = 0; i < pointers; ++i) {
    arguments.push_back(b.CreateLoad(pointer, b.CreateConstInBoundsGEP1_64(pointer, entry->getArg(0), i)));
    body.addParamAttr(i, llvm::Attribute::NoAlias);
    body.addParamAttr(i, llvm::Attribute::NonNull);
    body.addParamAttr(i, llvm::Attribute::getWithCaptureInfo(context, llvm::CaptureInfo::none()));
  }
  arguments.push_back(entry->getArg(1));
  arguments.push_back(entry->getArg(2));
  b.CreateCall(&body, arguments);
  b.CreateRetVoid();
  body.setLinkage(llvm::GlobalValue::InternalLinkage);
  body.addFnAttr(llvm::Attribute::NoInline);
  body.addFnAttr(llvm::Attribute::NoUnwind);
  // The stack is aligned to 16 bytes, and LLVM learns of wide vectors that it spills too late to align it further: three
  // times in four all of them would lie across two cache lines (INT8 depthwise convolutions: 6 % of the time with
  // AVX-512, up to 26 % with AVX2; where nothing is spilled it costs nothing).
  if (target.vectorBytes > 16)
    body.addFnAttr("stackrealign");
}

/// Roundings to bf16 that the target has no instruction for: LLVM would call a function for each element.
static void writeOutBf16(ModuleOp module) {
  module.walk([](arith::TruncFOp op) {
    if (!getElementTypeOrSelf(op.getType()).isBF16())
      return;
    ImplicitLocOpBuilder b(op.getLoc(), op);
    op.replaceAllUsesWith(narrowToBf16({b, op.getIn()}));
    op.erase();
  });
}

llvm::Expected<std::string> lowerKernel(ModuleOp module, llvm::StringRef symbol, const CpuTarget &target, unsigned optLevel) {
  std::string problem;
  // Handlers belong to the context: those of other threads' kernels are passed on.
  auto self = std::this_thread::get_id();
  ScopedDiagnosticHandler handler(module.getContext(), [&](Diagnostic &diagnostic) {
    if (std::this_thread::get_id() != self)
      return failure();
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
      problem += (problem.empty() ? "" : "; ") + diagnostic.str();
    return success();
  });
  if (!target.hasBf16DotProduct)
    writeOutBf16(module);
  PassManager pm(module.getContext(), ModuleOp::getOperationName());
  pm.enableVerifier(false);
  buildLowering(pm);
  if (failed(verify(module)) || failed(pm.run(module)))
    return llvm::createStringError("kernel does not lower to LLVM: " + problem);
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> llvmModule = translateModuleToLLVMIR(module, context, symbol);
  if (!llvmModule)
    return llvm::createStringError("kernel does not translate to LLVM IR: " + problem);
  addEntryPoint(*llvmModule, *llvmModule->getFunction("kernel"), symbol, target);
  return emitObject(*llvmModule, target, optLevel);
}

} // namespace fettle::codegen
