//===- GoldenInputs.h - the random sample in an artifact ------------------===//
#ifndef FETTLE_TOOLS_GOLDENINPUTS_H
#define FETTLE_TOOLS_GOLDENINPUTS_H

#include "calibration/Samples.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace fettle::cli {

/// The inputs of an imported @main for Samples::random. Integers that are used as indices stay below what they index:
/// other runtimes refuse what lies outside.
std::vector<calibration::InputSpec> describeNoise(mlir::func::FuncOp main);

} // namespace fettle::cli

#endif
