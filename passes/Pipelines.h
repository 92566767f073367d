//===- Pipelines.h - which passes make up a phase -------------------------===//
#ifndef FETTLE_PASSES_PIPELINES_H
#define FETTLE_PASSES_PIPELINES_H

#include "passes/quantize/Grid.h"
#include "passes/quantize/IntegerRule.h"
#include "passes/quantize/WeightOptions.h"
#include "passes/tokens/TokenPlan.h"
#include "mlir/Pass/PassManager.h"

namespace fettle {

enum class Phase {
#define FETTLE_PHASE(ENUMERATOR, NAME, MEANING) ENUMERATOR,
#include "passes/Phases.def"
};

struct PhaseInfo {
  Phase phase;
  llvm::StringRef name;    ///< what `--until` takes
  llvm::StringRef meaning; ///< what holds once the phase is done
};

/// All phases, in the order they run.
llvm::ArrayRef<PhaseInfo> phases();
/// The phase called `name`, if there is one.
std::optional<Phase> findPhase(llvm::StringRef name);

struct QuantizationOptions {
  bool equalize = true; ///< whether channels are scaled to use their grids alike
  GridOptions activations;
  WeightOptions weights;
  std::vector<std::string> floatLayers; ///< contractions that stay in float, by the names of their results
};

/// What the equalize and quantize phases work by.
struct Quantization {
  const Profile *profile = nullptr; ///< null: nothing is quantized
  QuantizationOptions options;
};

/// What the phases ask of recipe and target.
struct PhaseOptions {
  Quantization quantization;
  const TokenPlan *tokens = nullptr; ///< null: tokens stay as they are
  const Profile *refits = nullptr;   ///< whose moments products are fitted to before tokens go; null: weights stay as they are
  /// Pairs of quantize and dequantize stay as they are, weights dequantized: the target takes them so. Integer
  /// arithmetic is made of them by buildIntegerIslands, if at all.
  bool keepsPairs = false;
  /// How sums become 8 bits again, in the recipe's integers and the model's own.
  IntegerRule integerRule = IntegerRule::IeeeF32;
  bool bf16Products = false; ///< operands of products are rounded to bf16
  std::optional<bool> unsignedActivations; ///< the sign that quantized activations take; none: as they are
};

/// Adds the passes of `phase` and its contract check, for a module of nn functions.
/// A phase whose work is not done by passes (import) adds its check alone.
void buildPhase(mlir::OpPassManager &passManager, Phase phase, const PhaseOptions &options = {});

/// Carries out `plan`, which must outlive the pass manager, on functions in the form that the fuse phase leaves.
void buildTokenReduction(mlir::OpPassManager &passManager, const TokenPlan &plan);

/// Makes integer arithmetic of the pairs that `keepsPairs` left. To be run before the layout phase.
void buildIntegerIslands(mlir::OpPassManager &passManager);

/// Registers every pass of ours, and each phase as a pipeline `phase-<name>`, for fettle-opt.
void registerPasses();

} // namespace fettle

#endif
