//===- Pipeline.cpp - from an ONNX file to an artifact --------------------===//
//
// The order of things; what each step does is in Compilation.h.
//
//===----------------------------------------------------------------------===//

#include "tools/fettle/Compilation.h"

namespace fettle::cli {

/// What a recipe must know about the module before `phase` is measured on samples, or read from a profile.
static llvm::Error decideBefore(Phase phase, Compilation &compilation, const Recipe &recipe) {
  if (compilation.measuresBefore(phase))
    if (llvm::Error error = compilation.measure(phase))
      return error;
  // What outputs lose by fewer tokens.
  if (phase == Phase::Tokens && recipe.reducesTokens())
    if (llvm::Error error = compilation.planTokens())
      return error;
  if (phase == Phase::Tokens && recipe.refitsProducts())
    if (llvm::Error error = compilation.refitProducts())
      return error;
  // What weights are to make up for.
  if (phase == Phase::Quantize && recipe.refitsWeights())
    if (llvm::Error error = compilation.refitWeights())
      return error;
  // Whether layers gain by integers at all.
  if (phase == Phase::Quantize && recipe.quantizes() && recipe.refusesSlower)
    return compilation.refuseSlower();
  return llvm::Error::success();
}

llvm::Expected<CompileResult> compileModel(Environment &environment, mlir::MLIRContext &context,
                                           const CompileRequest &request) {
  Compilation compilation(environment, context, request);
  // The file becomes an nn module, one for each choice of sizes. After this line every shape is static and no
  // protobuf is left.
  if (llvm::Error error = compilation.importFile())
    return std::move(error);
  // Samples that accuracy will be measured on later are looked at before any work is done.
  if (!request.evaluation.empty())
    if (llvm::Error error = compilation.readEvaluation())
      return std::move(error);
  // Each module is tidied, raised, fused, laid out for the target and cut into kernels (passes/Phases.def),
  // each phase closing with the check of its contract.
  for (const PhaseInfo &phase : phases()) {
    // The rest of the phases is about code, and the same ops in ONNX are channels-first.
    if (request.onnx() && phase.phase == Phase::Layout)
      break;
    if (llvm::Error error = decideBefore(phase.phase, compilation, request.recipe))
      return std::move(error);
    if (phase.phase == Phase::Quantize && request.recipe.quantizes())
      if (llvm::Error error = compilation.describeLayers())
        return std::move(error);
    if (llvm::Error error = compilation.runPhase(phase))
      return std::move(error);
    if (phase.phase == Phase::Tokens && !request.pictureFolder.empty())
      if (llvm::Error error = compilation.drawTokens())
        return std::move(error);
    if (phase.phase == request.until) {
      if (llvm::Error error = compilation.writeIr())
        return std::move(error);
      return compilation.take();
    }
  }
  if (const OnnxTarget *target = request.onnx()) {
    // The module becomes a graph of ONNX, and then code for this machine, whose answer the graph can be checked against.
    if (llvm::Error error = compilation.exportGraph(*target))
      return std::move(error);
    if (llvm::Error error = compilation.makeTwin())
      return std::move(error);
  } else if (llvm::Error error = compilation.generateCode(std::get<CpuTarget>(request.target))) {
    // Each distinct kernel becomes machine code. After this line memory is planned and the IR is history.
    return std::move(error);
  }
  // Code or graph, weights and golden vectors become one folder, which appears when it is whole.
  if (llvm::Error error = compilation.writeFolder())
    return std::move(error);
  return compilation.take();
}

llvm::Expected<CompileResult> measureModel(Environment &environment, mlir::MLIRContext &context,
                                           const CompileRequest &request) {
  CompileRequest upToThere = request;
  upToThere.until = Phase::Quantize;
  Compilation compilation(environment, context, upToThere);
  if (llvm::Error error = compilation.importFile())
    return std::move(error);
  for (const PhaseInfo &phase : phases()) {
    if (phase.phase > Phase::Quantize)
      break;
    if (llvm::Error error = decideBefore(phase.phase, compilation, request.recipe))
      return std::move(error);
    if (phase.phase < Phase::Quantize)
      if (llvm::Error error = compilation.runPhase(phase))
        return std::move(error);
  }
  return compilation.take();
}

} // namespace fettle::cli
