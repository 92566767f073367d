//===- Passes.h - the passes of passes/quantize ----------------------------===//
#ifndef FETTLE_PASSES_QUANTIZE_PASSES_H
#define FETTLE_PASSES_QUANTIZE_PASSES_H

#include "ir/nn/Nn.h"
#include "passes/quantize/Grid.h"
#include "passes/quantize/IntegerRule.h"
#include "passes/quantize/WeightOptions.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace fettle {

#define GEN_PASS_DECL
#include "passes/quantize/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/quantize/Passes.h.inc"

/// `profile` must outlive the passes.
std::unique_ptr<mlir::Pass> createEqualizeChannelsPass(const Profile &profile);
std::unique_ptr<mlir::Pass> createQuantizeActivationsPass(const Profile &profile, const GridOptions &options,
                                                          llvm::ArrayRef<std::string> floatLayers);
std::unique_ptr<mlir::Pass> createQuantizeWeightsPass(const Profile &profile, const WeightOptions &options,
                                                      llvm::ArrayRef<std::string> floatLayers);

} // namespace fettle

#endif
