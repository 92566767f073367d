//===- FusionClass.h - how an op may be grouped with its neighbours -------===//
#ifndef FETTLE_PASSES_FUSE_FUSIONCLASS_H
#define FETTLE_PASSES_FUSE_FUSIONCLASS_H

#include "ir/nn/Nn.h"

namespace fettle {

enum class FusionClass {
  Constant,
  Pointwise,   ///< equal positions of broadcast operands give a position of the result
  Movement,    ///< each result element is one operand element, found by index arithmetic (or a per-channel rescaling of it)
  Reshape,     ///< the same bytes: a view
  Contraction, ///< root: sums of products; takes a pointwise epilogue
  Window,      ///< root: pooling and interpolation; takes a pointwise epilogue
  Row,         ///< root: works along axes; takes cheap pointwise ops before it and an epilogue
  Whole,       ///< root that stands alone
};

/// The class of an op of the nn dialect; kernels and yields are Whole.
FusionClass fusionClass(mlir::Operation *op);

/// True if the op costs more than a few instructions per element, so that computing
/// it again is worse than storing its result.
bool isExpensive(mlir::Operation *op);

/// How often a result of `user` reads one element of operand `use` on average: 1 for a
/// transpose, 64 for a broadcast of one channel to 64; never below 1.
double readsPerElement(mlir::OpOperand &use);

/// True if every result element of the reshape is found without division: the
/// result splits axes of the input or adds and removes axes of extent 1.
bool isSplittingReshape(fettle::nn::ReshapeOp reshape);

} // namespace fettle

#endif
