//===- ChannelClasses.h - channels that can be scaled together -------------===//
//
// Channel c of a tensor may be divided by any s[c] > 0 if whoever makes the tensor
// divides by it and whoever reads it multiplies: a convolution before and one
// behind, with a ReLU between, take the factors into their weights. Where nobody can
// divide before, as behind a SiLU, and depthwise convolutions read, whose weights do not get
// coarser, a product by 1 / s is put: there the tensor is rounded, which multiplies by
// the inverse of a scale anyway. A class is a set
// of tensors whose channels must share factors, such as all tensors of a residual
// spine, with all that must take them up.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_PASSES_QUANTIZE_CHANNELCLASSES_H
#define FETTLE_PASSES_QUANTIZE_CHANNELCLASSES_H

#include "passes/quantize/QuantizationPlan.h"

namespace fettle {

struct ChannelClass {
  int64_t channels = 0;
  /// The tensors, with the axis of the channels.
  llvm::MapVector<mlir::Value, int64_t> values;
  llvm::SetVector<mlir::Operation *> producers; ///< contractions and layer norms with a result in `values`
  llvm::SetVector<mlir::Value> cuts; ///< tensors in `values` that take a product of their own
  llvm::SetVector<mlir::Operation *> consumers; ///< contractions that contract the channels
  /// Constant operands that stand beside tensors of the class (summed with them, concatenated), with the axis of the
  /// channels counted from the back; it may be missing or of extent 1.
  llvm::SmallVector<std::pair<mlir::OpOperand *, int64_t>> constants;
};

/// The classes that hold a value which `plan` quantizes, are contracted by a contraction of it, and whose readers
/// all can take factors: there is none where one of them is not homogeneous.
llvm::SmallVector<ChannelClass> findChannelClasses(const QuantizationPlan &plan);

} // namespace fettle

#endif
