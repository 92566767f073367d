//===- TokenRefit.h - weights fitted to fewer tokens -----------------------===//
#ifndef FETTLE_TOOLS_TOKENREFIT_H
#define FETTLE_TOOLS_TOKENREFIT_H

#include "passes/tokens/TokenPlan.h"
#include "tools/fettle/Calibration.h"
#include "tools/fettle/TokenReport.h"

namespace fettle::cli {

/// Measures for each product of `function` behind tokens that `plan` removes what it is to be fitted to, one after the other in
/// program order, on three of four samples, and compares the outputs with the teacher's on the fourth. `profile` gets the moments if
/// they came clearly closer, and none if not.
llvm::Expected<TokenRefitReport> measureRefits(Calibration &calibration, mlir::func::FuncOp function, const TokenPlan &plan,
                                               llvm::function_ref<void(int64_t done, int64_t total)> progress, Profile &profile);

} // namespace fettle::cli

#endif
