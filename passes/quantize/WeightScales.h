//===- WeightScales.h - a scale for each output channel --------------------===//
#ifndef FETTLE_PASSES_QUANTIZE_WEIGHTSCALES_H
#define FETTLE_PASSES_QUANTIZE_WEIGHTSCALES_H

#include "passes/quantize/ContractionRows.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"

namespace fettle {

/// f32 values, one for each output channel; 1 for one without weights.
using WeightScales = llvm::DenseMap<mlir::Operation *, std::vector<double>>;

/// The scales with which the greatest weight of each channel is 127, or up to 1 / 256 more where that makes a factor between
/// integers that leaves no ties (OddDenominators.h). `contractions` read dequantized bytes.
WeightScales chooseWeightScales(mlir::func::FuncOp function, llvm::ArrayRef<std::pair<mlir::Operation *, ContractionRows>> contractions);

} // namespace fettle

#endif
