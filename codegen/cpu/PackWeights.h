//===- PackWeights.h - weights in the order register tiles read them ------===//
#ifndef FETTLE_CODEGEN_CPU_PACKWEIGHTS_H
#define FETTLE_CODEGEN_CPU_PACKWEIGHTS_H

#include "codegen/common/Kernel.h"

namespace fettle::codegen {

/// A contraction's right-hand side as [blocks][columns][steps] indices into the
/// unpacked tensor: blocks are groups or batches, steps the reduction in the order
/// in which the kernel walks it.
struct WeightsView {
  int64_t blocks, columns, steps;
  /// Linear index of an element of the unpacked tensor.
  std::function<int64_t(int64_t block, int64_t column, int64_t step)> index;
  std::string order; ///< names `index`
};

/// Panels are `panelColumns` wide; the last one is moved back over its neighbour
/// where the columns do not divide evenly, so that no panel has a ragged edge.
int64_t firstColumnOfPanel(int64_t panel, int64_t panelColumns, int64_t columns);

/// Packs into [blocks][panels][steps][panelColumns] of `element` type (f32, f64 or
/// i32), zero-filled where a single panel is wider than the columns, so that a
/// register tile reads each panel front to back.
OperandPacking packPanels(unsigned operand, WeightsView view, int64_t panelColumns, mlir::Type element);

/// Rows of the convolution weights [out, in/groups, r, s] as columns of groups
/// blocks; steps run over r, s, then channels.
WeightsView viewConvolutionWeights(mlir::RankedTensorType type, int64_t groups);
/// [batch..., k, n], or [batch..., n, k] if `transposed`.
WeightsView viewMatrixWeights(mlir::RankedTensorType type, bool transposed);

} // namespace fettle::codegen

#endif
