//===- Pipelines.h - which passes make up a phase -------------------------===//
#ifndef FETTLE_PASSES_PIPELINES_H
#define FETTLE_PASSES_PIPELINES_H

#include "passes/quantize/Grid.h"
#include "passes/quantize/WeightOptions.h"
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

/// What a recipe asks of the quantize phase.
struct Quantization {
  const Profile *profile = nullptr; ///< of the module that the fuse phase leaves; null: nothing is quantized
  GridOptions activations;
  WeightOptions weights;
};

/// Adds the passes of `phase` and its contract check, for a module of nn functions.
/// A phase whose work is not done by passes (import) adds its check alone.
void buildPhase(mlir::OpPassManager &passManager, Phase phase, const Quantization &quantization = {});

/// Registers every pass of ours, and each phase as a pipeline `phase-<name>`, for fettle-opt.
void registerPasses();

} // namespace fettle

#endif
