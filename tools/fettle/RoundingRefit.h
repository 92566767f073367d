//===- RoundingRefit.h - weights fitted to rounded inputs ------------------===//
#ifndef FETTLE_TOOLS_ROUNDINGREFIT_H
#define FETTLE_TOOLS_ROUNDINGREFIT_H

#include "tools/fettle/Calibration.h"

namespace fettle::cli {

/// Measures the rows that layers of `function`, in the form that the equalize phase leaves, get in the student beside those they get in
/// the teacher (passes/quantize/RoundedWeights.cpp), one tensor after the other in program order, on three of four samples, and
/// compares the outputs with the teacher's on the fourth. `options` are those of the phases to come. `profile`, which is their profile and has been measured,
/// keeps the rows if outputs came closer, and what was found.
llvm::Error measureRoundingRefit(Calibration &calibration, mlir::func::FuncOp function, const PhaseOptions &options,
                                 llvm::function_ref<void(int64_t done, int64_t total)> progress, Profile &profile);

} // namespace fettle::cli

#endif
