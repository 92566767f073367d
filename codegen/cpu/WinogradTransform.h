//===- WinogradTransform.h - the three transforms of Winograd's algorithm -===//
#ifndef FETTLE_CODEGEN_CPU_WINOGRADTRANSFORM_H
#define FETTLE_CODEGEN_CPU_WINOGRADTRANSFORM_H

#include "codegen/cpu/RegisterTile.h"

namespace fettle::codegen {

/// F(2x2, 3x3) or F(4x4, 3x3).
struct WinogradForm {
  int64_t output; ///< side of a tile of the output: 2 or 4

  /// Side of the patch of the input that a tile is made from.
  int64_t patch() const { return output + 2; }
  /// Products that stand for the nine taps of each pixel of a tile.
  int64_t positions() const { return patch() * patch(); }
};
constexpr WinogradForm winogradForms[] = {{2}, {4}};

/// Emits the transforms of vectors; matrices are addressed row by row.
class WinogradTransform {
public:
  WinogradTransform(mlir::ImplicitLocOpBuilder &b, WinogradForm form, bool hasFma) : b(b), form(form), hasFma(hasFma) {}

  using Load = llvm::function_ref<mlir::Value(int64_t index)>;
  /// B^T d B of a patch d. Loads are emitted where they are needed, and each result goes to `store` as soon as it is there.
  void emitInput(Load patch, llvm::function_ref<void(int64_t position, mlir::Value)> store);
  /// A^T m A of the products m: the pixels of a tile of the output.
  llvm::SmallVector<mlir::Value> emitOutput(Load products);

private:
  using Vectors = llvm::SmallVector<mlir::Value, 6>;
  /// B^T d and A^T m of one dimension.
  Vectors emitInputOfLine(llvm::ArrayRef<mlir::Value> d);
  Vectors emitOutputOfLine(llvm::ArrayRef<mlir::Value> m);
  mlir::Value sum(mlir::Value x, mlir::Value y);
  mlir::Value difference(mlir::Value x, mlir::Value y);
  mlir::Value factorOf(mlir::Value x, double factor); ///< as a vector like `x`
  mlir::Value multiply(double factor, mlir::Value x);
  /// x + factor * y.
  mlir::Value multiplyAdd(mlir::Value x, double factor, mlir::Value y);

  mlir::ImplicitLocOpBuilder &b;
  WinogradForm form;
  bool hasFma;
};

/// Weights [out, in, 3, 3] of f32 as G g G^T, computed in double and rounded once, in panels as a register tile reads
/// them: [panels][positions][in][columns of a panel]. The last panel is moved back as in packPanels.
OperandPacking packWinogradWeights(unsigned operand, mlir::RankedTensorType type, WinogradForm form, const RegisterTile &tile);

} // namespace fettle::codegen

#endif
