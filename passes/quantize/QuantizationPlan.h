//===- QuantizationPlan.h - which values become integers -------------------===//
#ifndef FETTLE_PASSES_QUANTIZE_QUANTIZATIONPLAN_H
#define FETTLE_PASSES_QUANTIZE_QUANTIZATIONPLAN_H

#include "ir/nn/Nn.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/SetVector.h"

namespace fettle {

class QuantizationPlan {
public:
  /// Contractions whose results have a name (ValueNames.h) in `floatLayers` are left out.
  explicit QuantizationPlan(mlir::func::FuncOp function, llvm::ArrayRef<std::string> floatLayers = {});

  /// Convolutions and matrix products with constant weights, in program order: the layers.
  llvm::ArrayRef<mlir::Operation *> contractions() const { return planned.getArrayRef(); }
  /// The values that are quantized, in program order: inputs of the contractions, and
  /// what is only moved on its way there.
  llvm::ArrayRef<mlir::Value> values() const { return wanted; }
  /// The values that share the grid of `value`, itself among them, in program order.
  llvm::SmallVector<mlir::Value> sharing(mlir::Value value) const;
  /// Whether this use of a quantized value reads the integers.
  bool readsIntegers(mlir::OpOperand &use) const;

private:
  void want(mlir::Value value);
  bool comesFromIntegers(mlir::Value value) const;

  llvm::SetVector<mlir::Operation *> planned;
  llvm::SmallVector<mlir::Value> wanted;
  llvm::DenseMap<mlir::Value, unsigned> numbers;
  llvm::EquivalenceClasses<unsigned> groups; ///< of indices into `wanted`
};

} // namespace fettle

#endif
