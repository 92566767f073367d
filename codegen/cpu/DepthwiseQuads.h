//===- DepthwiseQuads.h - depthwise convolutions of bytes -----------------===//
//
// A dot product adds four products into a lane (DotProduct.h), and a channel of a
// depthwise convolution has only its own window to add up: a quad here is four rows
// of the window, one below the other, at one column. Bytes of four rows are
// interleaved once per column and serve every pixel whose window reaches it.
//
//   row 0:  a0 a1 a2 ...      byte c of a row is channel c
//   row 1:  b0 b1 b2 ...
//   row 2:  c0 c1 c2 ...   -> a0 b0 c0 0 | a1 b1 c1 0 | ...   one quad a channel
//
// Instructions that interleave work within 128 bits: the quads of bytes 0 to 3, 16 to 19, 32 to 35 and 48 to 51 are one
// vector, the next four of each the next one. They stay so: weights and sums before the first product are packed in that
// order, the epilogue reads what belongs to channels in it (Epilogue.h), and packing sums to bytes undoes it for nothing.
// To bring channels in order before and behind took eleven permutations of 44 instructions for 64 sums.
//
// Three rows (and a missing one) of three columns are 3 dot products per
// vector of sums, where single products would be 9 multiply-adds of widened inputs.
//
// A register of bytes holds more channels than many layers have. It is then cut into
// *slots*: each holds the same few channels at another stretch of the output row.
// With 32 channels and 64 bytes, slot 0 works on the left half of the row while
// slot 1 works on the right.
//
// Bytes outside the input are the zero point, so that a sum always starts with the
// bias less the zero point times all weights. Lines that have all their rows inside
// read them as they are, others by selection.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_CODEGEN_CPU_DEPTHWISEQUADS_H
#define FETTLE_CODEGEN_CPU_DEPTHWISEQUADS_H

#include "codegen/cpu/BytePack.h"
#include "codegen/cpu/ConvolutionBuilder.h"
#include "codegen/cpu/DotProduct.h"
#include "codegen/cpu/Epilogue.h"

namespace fettle::codegen {

class DepthwiseQuads {
public:
  /// Fails where the target has no DotProduct for the types, and for fewer channels than its narrowest vector of sums has lanes.
  static mlir::FailureOr<DepthwiseQuads> choose(const CpuTarget &target, const ConvolutionShape &shape, mlir::Type input, mlir::Type weight,
                                                int64_t zeroPoint);

  OperandPacking pack(mlir::MLIRContext *context, unsigned operand) const;

  /// Flat memrefs of a kernel, and what follows the sums. The bias (i32) may be null.
  struct Operands {
    KernelFrame &frame;
    const Epilogue &epilogue;
    mlir::Value input, weights, bias;
  };
  /// All pixels and channels of output row `line` = image * oh + oy.
  void emitLine(const Operands &operands, mlir::Value line) const;

private:
  /// Channels in blocks of `width`, each register holding `slots` of them; the last block is moved back over its neighbour.
  struct Blocks {
    int64_t first, end, width;
    int64_t firstIndex; ///< in the packed weights
    int64_t count() const { return (end - first + width - 1) / width; }
    int64_t channelOf(int64_t block) const { return std::min(first + block * width, end - width); }
  };
  /// Tiles [firstTile, lastTile) of a row in which the same bytes lie inside the input.
  struct Span {
    int64_t firstTile, lastTile;
    llvm::SmallVector<llvm::SmallVector<bool>> inside; ///< [slot][column of the tile]
  };
  struct Tile;

  int64_t bytes() const { return 4 * dot.lanes(); } ///< of a register
  /// Which byte of a register becomes lane `lane` of vector `vector` of quads.
  static int64_t byteOf(int64_t vector, int64_t lane) { return lane / runLanes * 16 + vector * runLanes + lane % runLanes; }
  int64_t slots(const Blocks &blocks) const { return bytes() / blocks.width; }
  int64_t rowQuads() const { return (s.r + 3) / 4; }
  int64_t blockBytes() const { return s.s * rowQuads() * 4 * dot.weightBytes(); }
  int64_t tableOffset() const { return blockCount * blockBytes(); }
  /// Pixels of an output row that each slot works on, and where slot `slot` begins.
  int64_t stretch(const Blocks &blocks) const { return (s.ow + slots(blocks) - 1) / slots(blocks); }
  int64_t slotStart(const Blocks &blocks, int64_t slot) const { return std::min(slot * stretch(blocks), s.ow - stretch(blocks)); }
  int64_t pixels(const Blocks &blocks, bool isEdge) const;
  int64_t columns(int64_t pixels) const { return (pixels - 1) * s.strideX + (s.s - 1) * s.dilationX + 1; }
  llvm::SmallVector<Span> spans(const Blocks &blocks, int64_t width) const; ///< tiles of `width` pixels

  void emitBlocks(const Operands &operands, const Blocks &blocks, mlir::Value line, bool isEdge) const;
  llvm::SmallVector<mlir::Value> interleave(mlir::ImplicitLocOpBuilder &b, llvm::ArrayRef<mlir::Value> rows) const;

  ConvolutionShape s;
  DotProduct dot;
  int64_t zeroPoint = 0;
  int64_t blockCount = 0; ///< of all blocks
  llvm::SmallVector<Blocks, 2> blocks;
};

} // namespace fettle::codegen

#endif
