//===- AccuracySearch.h - layers go back to float until the budget holds ---===//
#ifndef FETTLE_TOOLS_ACCURACYSEARCH_H
#define FETTLE_TOOLS_ACCURACYSEARCH_H

#include "calibration/AccuracyBudget.h"
#include "tools/fettle/AccuracyJudge.h"

namespace fettle::cli {

/// What --max-drop asks for.
struct AccuracyGate {
  double allowedDrop = 0;     ///< points
  double confidence = 0.95;
  bool boundDecides = false;  ///< the interval's upper bound, not the estimate

  bool holds(const calibration::AccuracyDrop &drop) const {
    return (boundDecides ? drop.high : drop.points) <= allowedDrop;
  }
};

/// Which layers of `quantized`, the result of `request` that fails the gate, are to stay in float: compiles and judges students
/// with different layers. `layers` are those that may go back: indices into quantized.layers. The result's are indices into `layers`.
llvm::Expected<calibration::BudgetResult> searchPrecisions(Environment &environment, mlir::MLIRContext &context,
                                                           const CompileRequest &request, const CompileResult &quantized,
                                                           llvm::ArrayRef<size_t> layers, AccuracyJudge &judge, const AccuracyGate &gate);

} // namespace fettle::cli

#endif
