//===- Measure.cpp - a profile of a function -------------------------------===//

#include "calibration/Measure.h"
#include "calibration/Observers.h"
#include "calibration/RowObserver.h"
#include "passes/quantize/ActivationGrids.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace fettle::calibration {

namespace {

class Measurement {
public:
  Measurement(Executor &executor, func::FuncOp function, const MeasureOptions &options)
      : executor(executor), options(options), names(function), plan(function) {}

  llvm::Error prepare(func::FuncOp function) {
    auto prepared = executor.prepare(function, plan.values());
    if (!prepared)
      return prepared.takeError();
    program = std::move(*prepared);
    profile.samples = executor.numSamples();
    return llvm::Error::success();
  }
  llvm::Error observeRanges();
  llvm::Error observeHistograms();
  llvm::Error observeRows();
  Profile take() { return std::move(profile); }

private:
  using See = llvm::function_ref<llvm::Error(int64_t sample, size_t index, ArrayRef<float> elements)>;
  llvm::Error runAll(See see);
  std::string nameOf(Value value) const { return names.nameOf(value).str(); }

  Executor &executor;
  const MeasureOptions &options;
  ValueNames names;
  QuantizationPlan plan;
  std::unique_ptr<TappedProgram> program;
  int64_t done = 0;
  std::vector<RangeObserver> ranges; ///< of the plan's values
  Profile profile;
};

} // namespace

llvm::Error Measurement::runAll(See see) {
  for (int64_t sample = 0; sample < executor.numSamples(); ++sample) {
    auto seen = program->run(sample);
    if (!seen)
      return seen.takeError();
    for (auto [index, tensor] : llvm::enumerate(*seen)) {
      ArrayRef<float> elements(reinterpret_cast<const float *>(tensor.bytes().data()), tensor.numElements());
      if (llvm::Error error = see(sample, index, elements))
        return error;
    }
    if (options.progress)
      options.progress(++done, (options.rows ? 3 : 2) * executor.numSamples());
  }
  return llvm::Error::success();
}

llvm::Error Measurement::observeRanges() {
  ranges.resize(plan.values().size());
  return runAll([&](int64_t sample, size_t index, ArrayRef<float> elements) -> llvm::Error {
    ranges[index].see(elements);
    if (ranges[index].allFinite())
      return llvm::Error::success();
    return llvm::createStringError("'" + nameOf(plan.values()[index]) + "' is NaN or infinite on sample " +
                                   llvm::Twine(sample));
  });
}

llvm::Error Measurement::observeHistograms() {
  std::vector<HistogramObserver> histograms;
  for (RangeObserver &range : ranges)
    histograms.emplace_back(range.isEmpty() ? 0.0f : range.min(), range.isEmpty() ? 0.0f : range.max(), options.bins);
  llvm::Error error = runAll([&](int64_t, size_t index, ArrayRef<float> elements) -> llvm::Error {
    histograms[index].see(elements);
    return llvm::Error::success();
  });
  for (auto [value, histogram] : llvm::zip_equal(plan.values(), histograms))
    profile.tensors[nameOf(value)] = histogram.take();
  return error;
}

llvm::Error Measurement::observeRows() {
  auto grids = chooseGrids(plan, names, profile, options.grids);
  if (!grids)
    return grids.takeError();
  // Contractions that see one tensor through the same window share what is observed.
  std::vector<std::vector<std::pair<std::string, RowObserver>>> observers(plan.values().size());
  int64_t samples = executor.numSamples(), perSample = std::max<int64_t>(1, (options.rows + samples - 1) / samples);
  for (Operation *op : plan.contractions()) {
    Value input = op->getOperand(0);
    auto rows = ContractionRows::get(op);
    if (!rows)
      continue;
    size_t index = llvm::find(plan.values(), input) - plan.values().begin();
    std::string key = rowsKey(input, *rows, names);
    if (llvm::none_of(observers[index], [&](const auto &observer) { return observer.first == key; }))
      observers[index].emplace_back(key, RowObserver(*rows, grids->lookup(input), perSample));
  }
  llvm::Error error = runAll([&](int64_t sample, size_t index, ArrayRef<float> elements) -> llvm::Error {
    for (auto &[name, observer] : observers[index])
      observer.see(sample, elements);
    return llvm::Error::success();
  });
  for (auto &list : observers)
    for (auto &[name, observer] : list)
      profile.rows[name] = observer.take();
  return error;
}

llvm::Expected<Profile> measure(Executor &executor, func::FuncOp function, const MeasureOptions &options) {
  Measurement measurement(executor, function, options);
  if (llvm::Error error = measurement.prepare(function))
    return std::move(error);
  if (llvm::Error error = measurement.observeRanges())
    return std::move(error);
  if (llvm::Error error = measurement.observeHistograms())
    return std::move(error);
  if (options.rows)
    if (llvm::Error error = measurement.observeRows())
      return std::move(error);
  return measurement.take();
}

} // namespace fettle::calibration
