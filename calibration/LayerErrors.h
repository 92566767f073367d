//===- LayerErrors.h - how far each layer is from its teacher --------------===//
#ifndef FETTLE_CALIBRATION_LAYERERRORS_H
#define FETTLE_CALIBRATION_LAYERERRORS_H

#include "ir/profile/Executor.h"

namespace fettle::calibration {

/// Two functions, and values in them that are meant to be the same.
struct Twins {
  mlir::func::FuncOp teacher, student;
  llvm::SmallVector<mlir::Value> teacherValues, studentValues;
};

/// For each pair of values the ratio of signal to noise in dB, 10 log10(sum teacher^2 / sum (student - teacher)^2) over at
/// most `samples` samples, from -300 to 300.
llvm::Expected<std::vector<double>> compareValues(Executor &executor, const Twins &twins, int64_t samples);

} // namespace fettle::calibration

#endif
