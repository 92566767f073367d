//===- ConvolutionBuilder.h - convolutions in register tiles --------------===//
#ifndef FETTLE_CODEGEN_CPU_CONVOLUTIONBUILDER_H
#define FETTLE_CODEGEN_CPU_CONVOLUTIONBUILDER_H

#include "codegen/common/Kernel.h"
#include "ir/target/CpuTarget.h"

namespace fettle::codegen {

/// Dense and grouped convolutions, channels last, of spatial rank 1 or 2.
mlir::FailureOr<LoweredKernel> buildConvolution(nn::KernelOp kernel, nn::ConvOp conv, const CpuTarget &target, mlir::OpBuilder &moduleBuilder);

/// The first op of a kernel that is not a constant.
mlir::Operation *findRoot(nn::KernelOp kernel);
/// What products of `element` are summed in: f32, f64 or i32; null where contractions take no such type.
mlir::Type accumulatorType(mlir::Type element);
/// Whether a value of the kernel's body is an operand whose bytes are known.
bool isConstantOperand(nn::KernelOp kernel, mlir::Value value);

/// A convolution's geometry seen in two spatial dimensions, channels last.
struct ConvolutionShape {
  int64_t n, h, w, c;             ///< input
  int64_t oh, ow, o;              ///< output
  int64_t r, s;                   ///< window
  int64_t strideY, strideX, padY, padX, dilationY, dilationX;
  int64_t groups;

  /// Whether every window lies inside the input's width.
  bool isInteriorInX() const { return padX == 0 && (ow - 1) * strideX + (this->s - 1) * dilationX < w; }
  bool isInteriorInY() const { return padY == 0 && (oh - 1) * strideY + (r - 1) * dilationY < h; }
};
/// Fails for channels-first and for more than two spatial dimensions.
mlir::FailureOr<ConvolutionShape> convolutionShape(nn::ConvOp conv);

/// Tiles of `rows` pixels along an output row, such that within one span each
/// tile sees the same pixels of its window outside the input.
///
/// A row of 56 pixels, 3 taps, padding 1, tiles of 14: tile 0 misses tap 0 of its
/// first pixel, tiles 1 and 2 miss nothing, tile 3 misses tap 2 of its last pixel:
/// three spans, three pieces of straight-line code, no test in any inner loop.
struct PixelSpan {
  int64_t firstTile, lastTile;             ///< tiles [firstTile, lastTile)
  llvm::SmallVector<llvm::SmallVector<bool>> inside; ///< [tap][pixel]
  bool isInterior;                         ///< all true

  /// Which taps of a pixel are inside.
  llvm::SmallVector<bool> tapsOf(int64_t pixel) const;
};
llvm::SmallVector<PixelSpan> pixelSpans(const ConvolutionShape &shape, int64_t rows);

/// Rows of the window inside the input for output row `oy`: [first, last), and
/// the input row of tap 0 (may be negative).
struct WindowRows {
  mlir::Value first, last, inputRow;
};
WindowRows emitWindowRows(mlir::ImplicitLocOpBuilder &b, const ConvolutionShape &shape, mlir::Value oy);

} // namespace fettle::codegen

#endif
