//===- LayerErrors.cpp - how far each layer is from its teacher ------------===//

#include "calibration/LayerErrors.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Sequence.h"
#include "llvm/ADT/SmallVectorExtras.h"
#include <algorithm>
#include <cmath>

namespace fettle::calibration {

llvm::Expected<std::vector<double>> compareValues(Executor &executor, const Twins &twins, int64_t samples) {
  std::vector<double> signal(twins.teacherValues.size(), 0), noise(signal);
  auto first = llvm::to_vector(llvm::seq<int64_t>(std::min(samples, executor.numSamples())));
  auto see = [&](int64_t, llvm::ArrayRef<HostTensor> teacher, llvm::ArrayRef<HostTensor> student) {
    for (size_t i = 0; i < signal.size(); ++i)
      for (int64_t element = 0; element < teacher[i].numElements(); ++element) {
        double value = teacher[i].doubleAt(element), error = student[i].doubleAt(element) - value;
        signal[i] += value * value;
        noise[i] += error * error;
      }
  };
  if (llvm::Error error = runTwins(executor, twins, first, see))
    return std::move(error);
  std::vector<double> decibels;
  for (auto [power, error] : llvm::zip_equal(signal, noise))
    decibels.push_back(error == 0 ? 300 : std::clamp(10 * std::log10(power / error), -300.0, 300.0));
  return decibels;
}

} // namespace fettle::calibration
