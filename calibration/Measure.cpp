//===- Measure.cpp - a profile of a function -------------------------------===//

#include "calibration/Measure.h"
#include "calibration/Observers.h"
#include "calibration/RowObserver.h"
#include "passes/quantize/ActivationGrids.h"
#include "passes/quantize/ChannelClasses.h"
#include "passes/quantize/ChannelImportance.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace fettle::calibration {

namespace {

/// One look at some values of a function, in any number of runs over all samples.
class Measurement {
public:
  Measurement(Executor &executor, func::FuncOp function, const MeasureOptions &options, int64_t runs, Profile &profile)
      : executor(executor), function(function), options(options), runs(runs), names(function), plan(function),
        profile(profile) {
    profile.samples = executor.numSamples();
  }

  llvm::Error observeChannels();
  /// In this order.
  llvm::Error prepareValues() { return prepare(plan.values()); }
  llvm::Error observeRanges();
  llvm::Error observeHistograms();
  llvm::Error observeRows();

private:
  using See = llvm::function_ref<void(int64_t sample, size_t index, ArrayRef<float> elements)>;
  llvm::Error prepare(ArrayRef<Value> taps);
  llvm::Error runAll(See see);
  std::string nameOf(Value value) const { return names.nameOf(value).str(); }

  Executor &executor;
  func::FuncOp function;
  const MeasureOptions &options;
  int64_t done = 0, runs;
  ValueNames names;
  QuantizationPlan plan;
  SmallVector<Value> values; ///< that are seen
  std::unique_ptr<TappedProgram> program;
  std::vector<RangeObserver> ranges; ///< of `values`
  Profile &profile;
};

} // namespace

llvm::Error Measurement::prepare(ArrayRef<Value> taps) {
  auto prepared = executor.prepare(function, taps);
  if (!prepared)
    return prepared.takeError();
  program = std::move(*prepared);
  values.assign(taps.begin(), taps.end());
  ranges.resize(values.size());
  return llvm::Error::success();
}

llvm::Error Measurement::runAll(See see) {
  for (int64_t sample = 0; sample < executor.numSamples(); ++sample) {
    auto seen = program->run(sample);
    if (!seen)
      return seen.takeError();
    for (auto [index, tensor] : llvm::enumerate(*seen))
      see(sample, index, floatsOf(tensor));
    for (auto [value, range] : llvm::zip_equal(values, ranges))
      if (!range.allFinite())
        return llvm::createStringError("'" + nameOf(value) + "' is NaN or infinite on sample " + llvm::Twine(sample));
    if (options.progress)
      options.progress(++done, runs * executor.numSamples());
  }
  return llvm::Error::success();
}

llvm::Error Measurement::observeChannels() {
  SmallVector<Value> taps;
  std::vector<ChannelObserver> observers;
  for (const ChannelClass &channels : findChannelClasses(plan))
    for (auto [value, axis] : channels.values)
      if (llvm::is_contained(plan.values(), value)) {
        int64_t inner = 1;
        for (int64_t extent : cast<RankedTensorType>(value.getType()).getShape().drop_front(axis + 1))
          inner *= extent;
        taps.push_back(value);
        observers.emplace_back(channels.channels, inner);
      }
  if (taps.empty())
    return llvm::Error::success();
  if (llvm::Error error = prepare(taps))
    return error;
  llvm::Error error = runAll([&](int64_t, size_t index, ArrayRef<float> elements) {
    ranges[index].see(elements);
    observers[index].see(elements);
  });
  for (auto [value, observer] : llvm::zip_equal(values, observers))
    profile.channels[nameOf(value)] = observer.take();
  return error;
}

llvm::Error Measurement::observeRanges() {
  return runAll([&](int64_t, size_t index, ArrayRef<float> elements) { ranges[index].see(elements); });
}

llvm::Error Measurement::observeHistograms() {
  std::vector<HistogramObserver> histograms;
  for (RangeObserver &range : ranges)
    histograms.emplace_back(range.min(), range.max(), options.bins);
  // Squared errors count by what they do to the outputs; shares of elements and divergences are of the elements as they are.
  std::vector<ChannelImportance> importance;
  for (Value value : values)
    importance.push_back(options.grids.method == GridMethod::Mse ? importanceOf(value, plan) : ChannelImportance{1, {1}});
  llvm::Error error = runAll([&](int64_t, size_t index, ArrayRef<float> elements) {
    const auto &[inner, weights] = importance[index];
    if (weights.size() == 1)
      return histograms[index].see(elements, weights.front());
    for (size_t at = 0, channel = 0; at < elements.size(); at += inner, channel = (channel + 1) % weights.size())
      histograms[index].see(elements.slice(at, inner), weights[channel]);
  });
  for (auto [value, histogram] : llvm::zip_equal(values, histograms))
    profile.tensors[nameOf(value)] = histogram.take();
  return error;
}

llvm::Error Measurement::observeRows() {
  auto grids = chooseGrids(plan, names, profile, options.grids);
  if (!grids)
    return grids.takeError();
  // Contractions that see one tensor through the same window share what is observed.
  std::vector<std::vector<std::pair<std::string, RowObserver>>> observers(values.size());
  int64_t samples = executor.numSamples(), perSample = std::max<int64_t>(1, (options.rows + samples - 1) / samples);
  for (Operation *op : plan.contractions()) {
    Value input = op->getOperand(0);
    auto rows = ContractionRows::get(op);
    if (!rows)
      continue;
    size_t index = llvm::find(values, input) - values.begin();
    std::string key = rowsKey(input, *rows, names);
    if (llvm::none_of(observers[index], [&](const auto &observer) { return observer.first == key; }))
      observers[index].emplace_back(key, RowObserver(*rows, grids->lookup(input), perSample));
  }
  llvm::Error error = runAll([&](int64_t sample, size_t index, ArrayRef<float> elements) {
    for (auto &[key, observer] : observers[index])
      observer.see(sample, elements);
  });
  for (auto &list : observers)
    for (auto &[key, observer] : list)
      profile.rows[key] = observer.take();
  return error;
}

llvm::Error measureChannels(Executor &executor, func::FuncOp function, const MeasureOptions &options, Profile &profile) {
  return Measurement(executor, function, options, 1, profile).observeChannels();
}

llvm::Error measure(Executor &executor, func::FuncOp function, const MeasureOptions &options, Profile &profile) {
  Measurement measurement(executor, function, options, options.rows ? 3 : 2, profile);
  for (auto step : {&Measurement::prepareValues, &Measurement::observeRanges, &Measurement::observeHistograms})
    if (llvm::Error error = (measurement.*step)())
      return error;
  return options.rows ? measurement.observeRows() : llvm::Error::success();
}

} // namespace fettle::calibration
