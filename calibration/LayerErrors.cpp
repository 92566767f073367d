//===- LayerErrors.cpp - how far each layer is from its teacher ------------===//

#include "calibration/LayerErrors.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <cmath>

namespace fettle::calibration {

llvm::Expected<std::vector<double>> compareValues(Executor &executor, const Twins &twins, int64_t samples) {
  auto teacher = executor.prepare(twins.teacher, twins.teacherValues);
  if (!teacher)
    return teacher.takeError();
  auto student = executor.prepare(twins.student, twins.studentValues);
  if (!student)
    return student.takeError();
  std::vector<double> signal(twins.teacherValues.size(), 0), noise(signal);
  for (int64_t sample = 0; sample < std::min(samples, executor.numSamples()); ++sample) {
    auto wanted = (*teacher)->run(sample);
    if (!wanted)
      return wanted.takeError();
    auto seen = (*student)->run(sample);
    if (!seen)
      return seen.takeError();
    for (size_t i = 0; i < signal.size(); ++i)
      for (int64_t element = 0; element < (*wanted)[i].numElements(); ++element) {
        double value = (*wanted)[i].doubleAt(element), error = (*seen)[i].doubleAt(element) - value;
        signal[i] += value * value;
        noise[i] += error * error;
      }
  }
  std::vector<double> decibels;
  for (auto [power, error] : llvm::zip_equal(signal, noise))
    decibels.push_back(error == 0 ? 300 : std::clamp(10 * std::log10(power / error), -300.0, 300.0));
  return decibels;
}

} // namespace fettle::calibration
