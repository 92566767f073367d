//===- Pipelines.cpp - which passes make up a phase -----------------------===//

#include "passes/Pipelines.h"
#include "passes/fuse/Passes.h"
#include "passes/normalize/Passes.h"
#include "passes/quantize/Passes.h"
#include "passes/tokens/Passes.h"
#include "passes/verify/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace fettle {

ArrayRef<PhaseInfo> phases() {
  static const PhaseInfo table[] = {
#define FETTLE_PHASE(ENUMERATOR, NAME, MEANING) {Phase::ENUMERATOR, NAME, MEANING},
#include "passes/Phases.def"
  };
  return table;
}

std::optional<Phase> findPhase(StringRef name) {
  for (const PhaseInfo &info : phases())
    if (info.name == name)
      return info.phase;
  return std::nullopt;
}

void buildIntegerIslands(OpPassManager &passManager) {
  OpPassManager &function = passManager.nest<func::FuncOp>();
  function.addPass(createFormIntegerIslandsPass());
  function.addPass(createFoldConstantsPass());
  function.addPass(createSimplifyPass());
  function.addPass(createCSEPass());
}

/// What a rewrite of the tokens leaves behind: constants to be folded, slices of slices.
static void addCleanup(OpPassManager &function) {
  function.addPass(createFoldConstantsPass());
  function.addPass(createSimplifyPass());
  function.addPass(createCSEPass());
}

void buildTokenReduction(OpPassManager &passManager, const TokenPlan &plan) {
  OpPassManager &function = passManager.nest<func::FuncOp>();
  function.addPass(createReduceTokensPass(plan));
  addCleanup(function);
}

void buildPhase(OpPassManager &passManager, Phase phase, const PhaseOptions &options) {
  OpPassManager &function = passManager.nest<func::FuncOp>();
  FormIntegerIslandsPassOptions islands;
  islands.rule = options.integerRule;
  FoldConstantsPassOptions folding;
  folding.keepsPairs = options.keepsPairs;
  switch (phase) {
  case Phase::Import:
    function.addPass(createVerifyImportPass());
    return;
  case Phase::Normalize:
    // While the model's own quantized weights are still dequantized ones.
    if (!options.keepsPairs)
      function.addPass(createFormIntegerIslandsPass(islands));
    function.addPass(createFoldConstantsPass(folding));
    function.addPass(createSimplifyPass());
    function.addPass(createCSEPass());
    function.addPass(createRaiseLayerNormPass());
    function.addPass(createRaiseActivationPass());
    function.addPass(createRaiseAttentionPass());
    function.addPass(createFoldConstantsPass(folding));
    function.addPass(createSimplifyPass());
    function.addPass(createCSEPass());
    function.addPass(createVerifyNormalizePass());
    return;
  case Phase::Fuse:
    // Before anything is measured or rounded to 8 bits; a graph that stays ONNX and is not rounded keeps its types.
    if (!options.keepsPairs || options.quantization.profile)
      function.addPass(createWidenHalfPass());
    function.addPass(createFoldConstantsPass(folding));
    function.addPass(createFoldBatchNormPass());
    function.addPass(createFoldAffinePass());
    function.addPass(createFoldConstantsPass(folding));
    function.addPass(createSimplifyPass());
    function.addPass(createMergeProductsPass());
    function.addPass(createFoldConstantsPass(folding));
    // Products of queries, keys and values are one by now, and are parted again where fewer queries than keys are read.
    function.addPass(createDropUnreadTokensPass());
    function.addPass(createFoldConstantsPass(folding));
    function.addPass(createSimplifyPass());
    function.addPass(createCSEPass());
    function.addPass(createVerifyFusePass());
    return;
  case Phase::Tokens:
    if (options.refits)
      function.addPass(createRefitProductsPass(*options.refits));
    if (options.tokens)
      buildTokenReduction(passManager, *options.tokens);
    return;
  case Phase::Equalize:
    if (options.quantization.profile && options.quantization.options.equalize)
      function.addPass(createEqualizeChannelsPass(*options.quantization.profile));
    return;
  case Phase::Quantize:
    if (const Profile *profile = options.quantization.profile) {
      const QuantizationOptions &recipe = options.quantization.options;
      function.addPass(createQuantizeActivationsPass(*profile, recipe.activations, recipe.floatLayers));
      function.addPass(createQuantizeWeightsPass(*profile, recipe.weights, recipe.floatLayers));
      if (!options.keepsPairs)
        function.addPass(createFormIntegerIslandsPass(islands));
      function.addPass(createFoldConstantsPass(folding));
      function.addPass(createSimplifyPass());
      function.addPass(createCSEPass());
    }
    if (options.unsignedActivations) {
      SetActivationSignPassOptions sign;
      sign.isUnsigned = *options.unsignedActivations;
      function.addPass(createSetActivationSignPass(sign));
    }
    return;
  case Phase::Layout:
    function.addPass(createConvertLayoutPass());
    function.addPass(createFoldConstantsPass());
    // Steps that a transpose kept from their contraction.
    function.addPass(createFoldAffinePass());
    function.addPass(createSimplifyPass());
    function.addPass(createCSEPass());
    // Once weights are what they will be.
    if (options.bf16Products) {
      function.addPass(createBf16ProductsPass());
      function.addPass(createFoldConstantsPass());
    }
    function.addPass(createVerifyLayoutPass());
    return;
  case Phase::Kernels:
    function.addPass(createFormKernelsPass());
    function.addPass(createPairDirectionsPass());
    function.addPass(createVerifyKernelsPass());
    return;
  }
}

void registerPasses() {
  registerNormalizePasses();
  registerFusePasses();
  registerQuantizePasses();
  registerTokensPasses();
  registerVerifyPasses();
  for (const PhaseInfo &info : phases())
    registerPassPipeline(
        ("phase-" + info.name).str(), info.meaning,
        [phase = info.phase](OpPassManager &passManager, StringRef options, function_ref<LogicalResult(const Twine &)> error) {
          if (!options.empty())
            return error("a phase takes no options");
          buildPhase(passManager, phase);
          return success();
        },
        [](function_ref<void(const mlir::detail::PassOptions &)>) {}); // none to tell about; --help asks
}

} // namespace fettle
