//===- Pipeline.h - from an ONNX file to an artifact ----------------------===//
#ifndef FETTLE_TOOLS_PIPELINE_H
#define FETTLE_TOOLS_PIPELINE_H

#include "ir/profile/Profile.h"
#include "ir/target/Target.h"
#include "passes/Pipelines.h"
#include "passes/quantize/LayerFacts.h"
#include "tools/fettle/BindingChoices.h"
#include "tools/fettle/Comparison.h"
#include "tools/fettle/Environment.h"
#include "tools/fettle/Recipe.h"
#include "tools/fettle/SampleData.h"
#include "tools/fettle/TokenReport.h"

namespace fettle::codegen {
class KernelCache;
}

namespace fettle::cli {

struct CompileRequest {
  std::string model;  ///< path of the .onnx file
  std::string output; ///< the artifact's folder; with `until`, a file for the IR, or empty for standard output
  std::string name;   ///< empty: from the path
  Target target;
  Recipe recipe;
  BindingChoices bindings; ///< one specialization for each combination; a single one for an ONNX model
  std::string calibration, profile; ///< paths of samples and of a profile; a recipe that measures needs one of them
  std::shared_ptr<const Profile> measured; ///< if it is known already: takes the place of both
  std::optional<TokenPlan> tokenPlan; ///< if it is known already: nothing is searched
  std::string evaluation;     ///< path of samples that are read, but not measured on; empty: none
  bool tokenErrors = false; ///< measure what each removal of `tokenPlan` brings and costs; needs `calibration`
  bool layerErrors = false; ///< measure how far each quantized layer is from its teacher; needs `calibration`
  std::optional<Phase> until; ///< stop there and write the IR
  std::string dumpFolder;     ///< empty: no dumps
  std::string pictureFolder;  ///< where tokens are drawn; empty: they are not. For recipes that reduce them
  std::string pictureSamples; ///< path of what they are drawn on
  unsigned jobs = 1;          ///< threads of code generation; the result does not depend on it
  codegen::KernelCache *kernels = nullptr; ///< of compilations for this target before; for one specialization. Names of kernels depend on it
  bool golden = true;         ///< run the result once and ship input and answer

  /// The target, if it is an ONNX model; else null.
  const OnnxTarget *onnx() const { return std::get_if<OnnxTarget>(&target); }
};

struct PhaseTime {
  std::string name;
  double seconds;
};

struct SpecializationFacts {
  std::string inputs; ///< Manifest::shapesOf
  int64_t steps = 0, macs = 0;
};

/// What is known of a layer when all is done.
struct LayerReport : LayerFacts {
  std::optional<double> sqnrDecibels; ///< of its result, errors of the layers before it included
  std::optional<double> sensitivity;  ///< how much less the outputs' divergence is when it alone stays in float
  std::optional<double> floatMicroseconds, integerMicroseconds; ///< of the step that it runs in
  std::string reason;                 ///< why it stays in float, if it does
};

/// What is worth telling about a compilation, for report.json and for people. Steps and macs are those of the first
/// specialization; importedMacs are the model's own, before anything is done to it.
struct CompileResult {
  std::string name;
  int64_t modelBytes = 0, nodes = 0, steps = 0, kernels = 0, importedMacs = 0, macs = 0, weightsBytes = 0, arenaBytes = 0, largestLiveBytes = 0;
  llvm::json::Object macsByPrecision; ///< multiply-adds by the type of what is multiplied: "f32", "bf16", "int8"
  std::vector<SpecializationFacts> specializations;
  NumericPromise promise;
  std::vector<PhaseTime> phases;
  std::optional<TokenReport> tokens;      ///< of a recipe that removes tokens
  std::string pictures;                   ///< of tokens: a sentence on what was drawn, or why nothing was
  std::vector<LayerReport> layers;        ///< of a recipe that quantizes
  std::shared_ptr<const SampleData> evaluation; ///< the request's, for one of the specializations
  std::shared_ptr<const Profile> profile; ///< what was measured, of a recipe that measures
  double seconds = 0;

  /// What fitting weights to rounded inputs brought; null where the recipe does not ask for it.
  const RoundingRefit *roundingRefit() const { return profile && profile->roundingRefit ? &*profile->roundingRefit : nullptr; }
};

/// Runs all phases. Problems of the model are printed to the error stream, all of
/// them; the error then has exit code 1 and no text.
llvm::Expected<CompileResult> compileModel(Environment &environment, mlir::MLIRContext &context,
                                           const CompileRequest &request);

/// Imports and fuses `request.model` and measures it on `request.calibration`: of the result, the profile and what is told about tokens.
llvm::Expected<CompileResult> measureModel(Environment &environment, mlir::MLIRContext &context,
                                     const CompileRequest &request);

/// The name of the file without extension, or of its folder for a `model.onnx`.
std::string defaultModelName(llvm::StringRef path);

} // namespace fettle::cli

#endif
