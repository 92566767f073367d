//===- AccuracyBudget.h - which layers go back to float --------------------===//
#ifndef FETTLE_CALIBRATION_ACCURACYBUDGET_H
#define FETTLE_CALIBRATION_ACCURACYBUDGET_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <functional>
#include <vector>

namespace fettle::calibration {

/// A network with quantized layers, some of which may be reverted to float. Layers are numbers; sets of them
/// are given in the order in which they were chosen.
struct BudgetProblem {
  std::vector<int64_t> macs;  ///< multiply-adds of each layer
  int64_t revertibleMacs = 0; ///< how many of them may go back to float, over all layers
  /// How far the outputs are from the teacher's, with these layers reverted. Smaller is better.
  std::function<llvm::Expected<double>(llvm::ArrayRef<size_t> reverted)> divergence;
  /// Whether the budget holds with these layers reverted.
  std::function<llvm::Expected<bool>(llvm::ArrayRef<size_t> reverted)> holds;
};

struct BudgetResult {
  bool holds = false;
  /// The layers to revert, most sensitive first. If the budget cannot be held: all that may be.
  std::vector<size_t> reverted;
  /// Of each layer: how much less the divergence is when it alone is reverted.
  std::vector<double> sensitivity;
};

/// For a network that does not hold its budget with all layers quantized. Evaluates `divergence` once more than there are
/// layers, and `holds` about as often as the logarithm of their number.
/// If the budget holds with all layers reverted that may be, layers are found with which it holds.
llvm::Expected<BudgetResult> searchBudget(const BudgetProblem &problem);

} // namespace fettle::calibration

#endif
