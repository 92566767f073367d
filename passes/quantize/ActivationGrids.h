//===- ActivationGrids.h - the grid of each planned value ------------------===//
#ifndef FETTLE_PASSES_QUANTIZE_ACTIVATIONGRIDS_H
#define FETTLE_PASSES_QUANTIZE_ACTIVATIONGRIDS_H

#include "ir/profile/ValueNames.h"
#include "passes/quantize/ContractionRows.h"
#include "passes/quantize/Grid.h"
#include "passes/quantize/QuantizationPlan.h"

namespace fettle {

/// Chooses a grid for every value of `plan`; values that share one get that of the widest among them.
/// Error: the name of a value that `profile` does not have.
llvm::Expected<llvm::DenseMap<mlir::Value, Grid>> chooseGrids(const QuantizationPlan &plan, const ValueNames &names,
                                                              const Profile &profile, const GridOptions &options);

/// The key of a contraction's rows in a profile.
std::string rowsKey(mlir::Value input, const ContractionRows &rows, const ValueNames &names);

} // namespace fettle

#endif
