//===- Passes.td - normalization passes -----------------------------------===//
#ifndef FETTLE_PASSES_NORMALIZE_PASSES_TD
#define FETTLE_PASSES_NORMALIZE_PASSES_TD

include "mlir/Pass/PassBase.td"

#endif
