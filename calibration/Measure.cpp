//===- Measure.cpp - a profile of a function -------------------------------===//

#include "calibration/Measure.h"
#include "calibration/Observers.h"
#include "ir/profile/ValueNames.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace fettle::calibration {

static llvm::ArrayRef<float> floatsOf(const HostTensor &tensor) {
  return {reinterpret_cast<const float *>(tensor.bytes().data()), size_t(tensor.numElements())};
}

llvm::Expected<Profile> measure(Executor &executor, func::FuncOp function, llvm::ArrayRef<Value> values,
                                const MeasureOptions &options) {
  ValueNames names(function);
  auto program = executor.prepare(function, values);
  if (!program)
    return program.takeError();
  int64_t done = 0, count = executor.numSamples();
  auto runAll = [&](llvm::function_ref<llvm::Error(int64_t sample, size_t index, ArrayRef<float>)> see) -> llvm::Error {
    for (int64_t sample = 0; sample < count; ++sample) {
      auto seen = (*program)->run(sample);
      if (!seen)
        return seen.takeError();
      for (auto [index, tensor] : llvm::enumerate(*seen))
        if (llvm::Error error = see(sample, index, floatsOf(tensor)))
          return error;
      if (options.progress)
        options.progress(++done, 2 * count);
    }
    return llvm::Error::success();
  };

  std::vector<RangeObserver> ranges(values.size());
  llvm::Error error = runAll([&](int64_t sample, size_t index, ArrayRef<float> elements) -> llvm::Error {
    ranges[index].see(elements);
    if (ranges[index].allFinite())
      return llvm::Error::success();
    return llvm::createStringError("'" + names.nameOf(values[index]) + "' is NaN or infinite on sample " +
                                   llvm::Twine(sample));
  });
  if (error)
    return std::move(error);

  std::vector<HistogramObserver> histograms;
  for (RangeObserver &range : ranges)
    histograms.emplace_back(range.isEmpty() ? 0.0f : range.min(), range.isEmpty() ? 0.0f : range.max(), options.bins);
  error = runAll([&](int64_t, size_t index, ArrayRef<float> elements) -> llvm::Error {
    histograms[index].see(elements);
    return llvm::Error::success();
  });
  if (error)
    return std::move(error);

  Profile profile;
  profile.samples = count;
  for (auto [value, range, histogram] : llvm::zip_equal(values, ranges, histograms))
    if (!range.isEmpty())
      profile.tensors[names.nameOf(value).str()] = histogram.take();
  return profile;
}

} // namespace fettle::calibration
