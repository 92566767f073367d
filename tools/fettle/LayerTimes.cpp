//===- LayerTimes.cpp - layers in floats and in integers, by the clock -----===//

#include "tools/fettle/LayerTimes.h"
#include "llvm/ADT/StringExtras.h"
#include <numeric>

namespace fettle::cli {

/// What else the machine does comes and goes: short turns, each model's fastest counts.
static constexpr int turns = 4;
static constexpr double secondsOfTurn = 0.05;
/// Fastest times of one thing differ by less than this share, and a few ticks of the clock.
static constexpr double noise = 0.03, ticks = 0.05;

TimedModel::TimedModel(mlir::MLIRContext &context, codegen::LoadedModel &model, std::vector<HostTensor> inputs, size_t specialization)
    : model(model), buffers(std::move(inputs), model.outputTypes(&context, specialization)), specialization(specialization) {}

std::optional<size_t> findStep(llvm::ArrayRef<codegen::Manifest::Step> steps, const LayerFacts &layer) {
  llvm::StringRef node = llvm::StringRef(layer.name).split('+').first;
  // Values of one node are told apart by ~2, ~3 (ValueNames.h).
  if (auto [name, number] = node.rsplit('~'); !number.empty() && llvm::all_of(number, llvm::isDigit))
    node = name;
  std::optional<size_t> found;
  for (auto [index, step] : llvm::enumerate(steps))
    if (step.macs == layer.macs && llvm::is_contained(llvm::split(step.name, '+'), node)) {
      if (found)
        return std::nullopt;
      found = index;
    }
  return found;
}

/// The fastest times of the steps of two models.
static llvm::Expected<std::pair<std::vector<double>, std::vector<double>>> timeInTurn(Environment &environment, TimedModel &first,
                                                                                      TimedModel &second) {
  std::pair<std::vector<double>, std::vector<double>> fastest;
  for (int turn = 0; turn < turns; ++turn)
    for (auto [timed, into] : {std::pair(&first, &fastest.first), {&second, &fastest.second}}) {
      auto times = timeSteps(environment, timed->model, timed->buffers, timed->specialization, secondsOfTurn);
      if (!times)
        return times.takeError();
      into->resize(times->size(), std::numeric_limits<double>::infinity());
      for (auto [least, time] : llvm::zip_equal(*into, *times))
        least = std::min(least, time);
    }
  return fastest;
}

llvm::Expected<std::map<std::string, LayerLatency>> timeLayers(Environment &environment, TimedModel &floats, TimedModel &integers,
                                                               llvm::ArrayRef<LayerFacts> layers) {
  auto times = timeInTurn(environment, floats, integers);
  if (!times)
    return times.takeError();
  auto stepsOf = [](TimedModel &timed) -> llvm::ArrayRef<codegen::Manifest::Step> {
    return timed.model.manifest().specializations[timed.specialization].steps;
  };
  std::map<std::string, LayerLatency> latencies;
  for (const LayerFacts &layer : layers) {
    std::optional<size_t> ofFloats = findStep(stepsOf(floats), layer), ofIntegers = findStep(stepsOf(integers), layer);
    if (ofFloats && ofIntegers)
      latencies[layer.name] = {1e6 * times->first[*ofFloats], 1e6 * times->second[*ofIntegers], false};
  }
  return latencies;
}

llvm::Expected<std::pair<double, double>> timeCalls(Environment &environment, TimedModel &first, TimedModel &second) {
  auto times = timeInTurn(environment, first, second);
  if (!times)
    return times.takeError();
  auto sum = [](llvm::ArrayRef<double> steps) { return std::accumulate(steps.begin(), steps.end(), 0.0); };
  return std::pair(sum(times->first), sum(times->second));
}

std::vector<std::string> slowerInIntegers(const std::map<std::string, LayerLatency> &layers) {
  std::vector<std::string> slower;
  for (const auto &[name, latency] : layers)
    if (latency.integerMicroseconds > (1 + noise) * latency.floatMicroseconds + ticks)
      slower.push_back(name);
  return slower;
}

} // namespace fettle::cli
