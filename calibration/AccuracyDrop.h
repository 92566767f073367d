//===- AccuracyDrop.h - how much accuracy was lost, and how sure that is ---===//
#ifndef FETTLE_CALIBRATION_ACCURACYDROP_H
#define FETTLE_CALIBRATION_ACCURACYDROP_H

#include "llvm/ADT/ArrayRef.h"

namespace fettle::calibration {

/// In points (per cent of all rows); the true drop lies between `low` and `high` at the confidence that was asked for.
struct AccuracyDrop {
  double points, low, high;
};

/// What a row can contribute.
enum class LossKind {
  Agreement, ///< 0 or 1: whether the student differs from its teacher
  Labelled   ///< 1, 0 or -1: what the teacher scores above the student
};

/// `losses` of independent rows, at least one; `confidence` from 0 to below 1.
AccuracyDrop estimateDrop(llvm::ArrayRef<int> losses, LossKind kind, double confidence);

} // namespace fettle::calibration

#endif
