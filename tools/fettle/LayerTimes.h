//===- LayerTimes.h - layers in floats and in integers, by the clock -------===//
#ifndef FETTLE_TOOLS_LAYERTIMES_H
#define FETTLE_TOOLS_LAYERTIMES_H

#include "ir/profile/Profile.h"
#include "passes/quantize/LayerFacts.h"
#include "tools/fettle/StepTimer.h"

namespace fettle::cli {

/// A loaded artifact, and the call of it that is timed.
struct TimedModel {
  codegen::LoadedModel &model;
  CallBuffers buffers;
  size_t specialization;

  TimedModel(mlir::MLIRContext &context, codegen::LoadedModel &model, std::vector<HostTensor> inputs, size_t specialization);
};

/// The step that a layer runs in: the one that lists its first node and has as many multiply-adds. None where there is not exactly one.
std::optional<size_t> findStep(llvm::ArrayRef<codegen::Manifest::Step> steps, const LayerFacts &layer);

/// Layers by name: the time of the step that a layer runs in, with all that is fused into it, in the artifact with floats and
/// in that with integers. Both are run in turn, on one thread. Layers that have no step of their own in both are left out.
llvm::Expected<std::map<std::string, LayerLatency>> timeLayers(Environment &environment, TimedModel &floats, TimedModel &integers,
                                                               llvm::ArrayRef<LayerFacts> layers);

/// Seconds of a whole call of each, step by step, run in turn.
llvm::Expected<std::pair<double, double>> timeCalls(Environment &environment, TimedModel &first, TimedModel &second);

/// Those that take longer in integers, by more than what two measurements of one thing differ by.
std::vector<std::string> slowerInIntegers(const std::map<std::string, LayerLatency> &layers);

} // namespace fettle::cli

#endif
