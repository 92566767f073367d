//===- LayerErrors.h - how far each layer is from its teacher --------------===//
#ifndef FETTLE_CALIBRATION_LAYERERRORS_H
#define FETTLE_CALIBRATION_LAYERERRORS_H

#include "calibration/Twins.h"

namespace fettle::calibration {

/// For each pair of values the ratio of signal to noise in dB, 10 log10(sum teacher^2 / sum (student - teacher)^2) over at
/// most `samples` samples, from -300 to 300.
llvm::Expected<std::vector<double>> compareValues(Executor &executor, const Twins &twins, int64_t samples);

} // namespace fettle::calibration

#endif
