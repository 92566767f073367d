//===- AccuracyBudget.cpp - which layers go back to float ------------------===//
//
// All sets of layers are too many to try, and what one layer costs depends on the
// others. But few layers do most of the harm, and they can be found one by one:
// a layer's sensitivity is what the divergence of the student falls by when that layer
// alone goes back to float. Layers are ranked by it, and the shortest prefix of the
// ranking that holds the budget is looked for by bisection. Example: of 50 layers the
// sensitivities are 0.4, 0.1, 0.02, ... Reverting none fails, all that may be holds;
// then 25 holds, 12 holds, 6, 3 hold, 1 fails, 2 holds: layers 1 and 2 are reverted,
// after 51 measurements of divergence and 7 of the budget.
//
// More reverted layers mean smaller errors, but accuracy on samples is a little noisy,
// so the budget need not hold for every longer prefix. Bisection keeps one end that
// failed and one that held, so what it returns was seen to hold, whatever lies between.
// A layer that is larger than what may still be reverted is passed over; smaller
// ones behind it are not.
//
// Cost: layers + 1 students for the ranking, log2(layers) + 1 for the cut.
// Source: ranking by single layers and a cut is folklore of mixed precision (NNCF's accuracy
// control, AIMET's AMP); divergence of the student instead of labels follows our research.
//
//===----------------------------------------------------------------------===//

#include "calibration/AccuracyBudget.h"
#include "llvm/ADT/STLExtras.h"
#include <numeric>

namespace fettle::calibration {

/// Layers by falling sensitivity, equal ones in order, as many as may be reverted together.
static std::vector<size_t> rank(const BudgetProblem &problem, llvm::ArrayRef<double> sensitivity) {
  std::vector<size_t> order(problem.macs.size()), ranked;
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return sensitivity[a] > sensitivity[b]; });
  int64_t left = problem.revertibleMacs;
  for (size_t layer : order)
    if (problem.macs[layer] <= left) {
      left -= problem.macs[layer];
      ranked.push_back(layer);
    }
  return ranked;
}

llvm::Expected<BudgetResult> searchBudget(const BudgetProblem &problem) {
  BudgetResult result;
  // Where nothing may be reverted there is nothing to rank.
  if (llvm::none_of(problem.macs, [&](int64_t macs) { return macs <= problem.revertibleMacs; }))
    return result;
  auto base = problem.divergence({});
  if (!base)
    return base.takeError();
  for (size_t layer = 0; layer < problem.macs.size(); ++layer) {
    auto without = problem.divergence({layer});
    if (!without)
      return without.takeError();
    result.sensitivity.push_back(*base - *without);
  }
  std::vector<size_t> ranked = rank(problem, result.sensitivity);
  auto prefix = [&](size_t length) { return llvm::ArrayRef<size_t>(ranked).take_front(length); };
  size_t fails = 0, holds = ranked.size();
  auto all = problem.holds(prefix(holds));
  if (!all)
    return all.takeError();
  result.holds = *all;
  while (result.holds && holds - fails > 1) {
    size_t middle = fails + (holds - fails) / 2;
    auto held = problem.holds(prefix(middle));
    if (!held)
      return held.takeError();
    (*held ? holds : fails) = middle;
  }
  result.reverted = prefix(holds).vec();
  return result;
}

} // namespace fettle::calibration
