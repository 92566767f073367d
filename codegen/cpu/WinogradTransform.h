//===- WinogradTransform.h - the three transforms of Winograd's algorithm -===//
#ifndef FETTLE_CODEGEN_CPU_WINOGRADTRANSFORM_H
#define FETTLE_CODEGEN_CPU_WINOGRADTRANSFORM_H

#include "codegen/cpu/RegisterTile.h"

namespace fettle::codegen {

/// F(output, taps) of one dimension.
struct WinogradAxis {
  int64_t output; ///< pixels of a tile of the output: 2 or 4; 1 where the window has one tap
  int64_t taps;   ///< of the window: 1, 3 or 5

  /// Pixels of the input that a tile is made from, and products that it takes: 1, 4, 6 or 8.
  int64_t patch() const { return output + taps - 1; }
};

/// F(y.output x x.output, y.taps x x.taps). Matrices of pixels and of positions are addressed row by row.
struct WinogradForm {
  WinogradAxis y, x;

  int64_t outputs() const { return y.output * x.output; }
  /// Products that stand for all taps of all pixels of a tile.
  int64_t positions() const { return y.patch() * x.patch(); }
  int64_t taps() const { return y.taps * x.taps; }
};
/// Of all forms.
constexpr int64_t mostWinogradPositions = 36, mostWinogradTaps = 25;

/// Emits the transforms of vectors.
class WinogradTransform {
public:
  WinogradTransform(mlir::ImplicitLocOpBuilder &b, WinogradForm form, bool hasFma) : b(b), form(form), hasFma(hasFma) {}

  using Load = llvm::function_ref<mlir::Value(int64_t index)>;
  /// B^T d B of a patch d. Loads are emitted where they are needed, and each result goes to `store` as soon as it is there.
  void emitInput(Load patch, llvm::function_ref<void(int64_t position, mlir::Value)> store);
  /// A^T m A of the products m: the pixels of a tile of the output.
  llvm::SmallVector<mlir::Value> emitOutput(Load products);

private:
  using Vectors = llvm::SmallVector<mlir::Value, 8>;
  /// B^T d and A^T m of one dimension.
  Vectors emitInputOfLine(WinogradAxis axis, llvm::ArrayRef<mlir::Value> d);
  Vectors emitOutputOfLine(WinogradAxis axis, llvm::ArrayRef<mlir::Value> m);
  using Line = Vectors (WinogradTransform::*)(WinogradAxis, llvm::ArrayRef<mlir::Value>);
  /// One of them for each column of a patch, or of its products.
  llvm::SmallVector<mlir::Value> emitColumns(Load load, Line emitLine);
  /// `sum` + factor * x; a null `sum` is zero.
  mlir::Value multiplyAdd(mlir::Value sum, double factor, mlir::Value x);

  mlir::ImplicitLocOpBuilder &b;
  WinogradForm form;
  bool hasFma;
};

/// Weights [out, in, y.taps, x.taps] of f32 as G g G^T, computed in double and rounded once, in panels as a register tile reads
/// them: [panels][positions][in][columns of a panel]. The last panel is moved back as in packPanels.
OperandPacking packWinogradWeights(unsigned operand, mlir::RankedTensorType type, WinogradForm form, const RegisterTile &tile);

} // namespace fettle::codegen

#endif
