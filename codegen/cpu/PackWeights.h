//===- PackWeights.h - weights in the order register tiles read them ------===//
#ifndef FETTLE_CODEGEN_CPU_PACKWEIGHTS_H
#define FETTLE_CODEGEN_CPU_PACKWEIGHTS_H

#include "codegen/common/Kernel.h"
#include "codegen/cpu/DotProduct.h"
#include "llvm/Support/MathExtras.h"

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

/// A stretch of `length` steps whose left-hand elements lie side by side, cut into words (DotProduct.h). Where the length
/// does not divide evenly no read may leave the stretch. The last word of bytes is moved back, and what it covers a second
/// time has weight 0; only a stretch below four bytes has to be put together from single bytes, as the last word of floats
/// always is.
class WordRun {
public:
  WordRun(const DotProduct &dot, int64_t length) : length(length), elements(dot.elements()), movesBack(dot.hasExactZero()) {}
  int64_t words() const { return (length + elements - 1) / elements; }
  /// First element of a word.
  int64_t offset(int64_t word) const {
    return movesBack ? std::max<int64_t>(0, std::min(elements * word, length - elements)) : elements * word;
  }
  /// Whether element `i` of a word counts there: it lies inside and in no earlier word.
  bool counts(int64_t word, int64_t i) const { return offset(word) + i >= elements * word && offset(word) + i < length; }

  int64_t length, elements; ///< of the stretch, and of a word

private:
  bool movesBack;
};

/// What the zero point takes from a sum: entry e of a panel's table is -zeroPoint * (sum of the weights of the steps
/// that `covers` names), for each column. Kernels add an entry to the start of a sum instead of subtracting the zero
/// point from every input; where steps are left out (padding), another entry belongs to the sum.
struct ZeroPointTable {
  int64_t zeroPoint = 0, entries = 0;
  std::function<bool(int64_t entry, int64_t step)> covers;
  std::string name; ///< names `covers`
};

/// si8, i16 or bf16 weights packed for DotProduct: [blocks][panels][runs][words] groups of `vectors` vectors of words, then
/// (64-aligned) the table as i32 [blocks][panels][entries][panelColumns].
struct WordPanels {
  WeightsView view;
  WordRun run;
  DotProduct dot;
  int64_t vectors; ///< of one panel
  ZeroPointTable table;

  int64_t panelColumns() const { return vectors * dot.lanes(); }
  int64_t panels() const { return (view.columns + panelColumns() - 1) / panelColumns(); }
  int64_t wordBytes() const { return vectors * dot.weightBytes(); }
  int64_t panelBytes() const { return view.steps / run.length * run.words() * wordBytes(); }
  int64_t tableOffset() const { return llvm::alignTo(view.blocks * panels() * panelBytes(), 64); }
  int64_t tableBytes() const { return table.entries * panelColumns() * 4; } ///< of one panel

  OperandPacking pack(mlir::MLIRContext *context, unsigned operand) const;
};

/// Rows of the convolution weights [out, in/groups, r, s] as columns of groups
/// blocks; steps run over r, s, then channels.
WeightsView viewConvolutionWeights(mlir::RankedTensorType type, int64_t groups);
/// [batch..., k, n], or [batch..., n, k] if `transposed`.
WeightsView viewMatrixWeights(mlir::RankedTensorType type, bool transposed);

} // namespace fettle::codegen

#endif
