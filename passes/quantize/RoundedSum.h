//===- RoundedSum.h - what is added up before it is rounded ----------------===//
#ifndef FETTLE_PASSES_QUANTIZE_ROUNDEDSUM_H
#define FETTLE_PASSES_QUANTIZE_ROUNDEDSUM_H

#include "ir/nn/Nn.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace fettle {

/// A value that is a sum of integer products and bytes, each times a factor, within bounds perhaps:
///   clamp(conv + relu(conv) - bytes)
struct RoundedSum {
  llvm::SmallVector<mlir::Operation *> products; ///< more than one: of one type, channel beside channel
  llvm::SmallVector<mlir::Value> bytes;

  /// None if `value` is anything else. `isBytes`: whether this use reads integers of 8 bits; `isProduct`: of integers.
  static std::optional<RoundedSum> of(mlir::Value value, llvm::function_ref<bool(mlir::OpOperand &)> isBytes,
                                      llvm::function_ref<bool(mlir::Operation *)> isProduct);
};

} // namespace fettle

#endif
