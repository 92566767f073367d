//===- LayerFacts.h - what becomes of each layer ---------------------------===//
#ifndef FETTLE_PASSES_QUANTIZE_LAYERFACTS_H
#define FETTLE_PASSES_QUANTIZE_LAYERFACTS_H

#include "passes/quantize/Grid.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace fettle {

/// A layer is a contraction that can be quantized.
struct LayerFacts {
  std::string name; ///< of its result (ValueNames.h)
  int64_t macs = 0;
  bool integers = false; ///< false: it stays in float
  Grid input;            ///< what its input is rounded to, if it is quantized
};

/// The layers of `function` before it is quantized, in program order.
/// Error: the name of a value that `profile` does not have.
llvm::Expected<std::vector<LayerFacts>> describeLayers(mlir::func::FuncOp function, const Profile &profile,
                                                       const GridOptions &grids, llvm::ArrayRef<std::string> floatLayers);

} // namespace fettle

#endif
