//===- RecurrentWeights.h - packed weights of recurrent layers ------------===//
#ifndef FETTLE_CODEGEN_CPU_RECURRENTWEIGHTS_H
#define FETTLE_CODEGEN_CPU_RECURRENTWEIGHTS_H

#include "codegen/common/FusedExpression.h"
#include "codegen/cpu/LoopEmitter.h"

namespace fettle::codegen {

/// W [gates * hidden, steps] of a recurrent layer as a product's right-hand side: each gate's
/// columns are padded to whole vectors, panels of columns follow one another, each
/// [steps][panelVectors * lanes]. Constant weights are packed when the artifact is made, others on the
/// stack in every call.
class RecurrentWeights {
public:
  /// Stack bytes up to which weights that are not constant are taken.
  static constexpr int64_t maxStackBytes = 512 * 1024;

  /// `weights` is an operand of the root. Fails if it is neither a constant operand nor small.
  static mlir::FailureOr<RecurrentWeights> get(nn::KernelOp kernel, mlir::Value weights, int64_t gates, int64_t hidden,
                                               int64_t lanes, int64_t panelVectors);

  /// Appends the packing of a constant operand.
  void addPacking(mlir::MLIRContext *context, std::vector<OperandPacking> &packings) const;
  /// The flat packed buffer; for weights that are not constant emits the copy.
  mlir::Value emit(FlatFrame &frame) const;

  int64_t panelColumns() const { return panelVectors * lanes; }
  int64_t panelElements() const { return steps * panelColumns(); }

private:
  int64_t gates, hidden, lanes, panelVectors, steps;
  std::optional<unsigned> constantOperand;
  FusedExpression expression; ///< over [gates * hidden, steps]
  StridedView view;           ///< of the constant operand
  int64_t paddedHidden() const { return llvm::alignTo(hidden, lanes); }
  int64_t elements() const { return gates * paddedHidden() * steps; }
};

} // namespace fettle::codegen

#endif
