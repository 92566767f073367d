//===- WinogradPlan.h - which convolutions, in which blocks ---------------===//
#ifndef FETTLE_CODEGEN_CPU_WINOGRADPLAN_H
#define FETTLE_CODEGEN_CPU_WINOGRADPLAN_H

#include "codegen/cpu/ConvolutionBuilder.h"
#include "codegen/cpu/TileShape.h"
#include "codegen/cpu/WinogradTransform.h"

namespace fettle::codegen {

/// How a convolution with stride 1 is cut for Winograd's algorithm (WinogradBuilder.cpp). A tile is a few pixels of
/// the output. Tiles come in blocks of nearly one size, and so do the panels of output channels of a block.
struct WinogradPlan {
  WinogradForm form;
  int64_t tilesY, tilesX, tiles; ///< of the output of an image; of all images
  int64_t blocks = 1;            ///< of tiles
  int64_t parts = 1;             ///< of the panels of a block
  TileShape product;             ///< register tile of the products: tiles by vectors of output channels
  int64_t rowStride = 0;         ///< elements from one tile's input channels to the next's
  int64_t positionStride = 0;    ///< and from one position's tiles to the next's
  double cycles = 0;             ///< estimated, for all of it on one core
  double cost = 0;               ///< what plans are compared by: more cycles where two cores cannot share them evenly

  /// Tiles of the largest block and of the smallest.
  int64_t mostTiles() const { return (tiles + blocks - 1) / blocks; }
  int64_t fewestTiles() const { return tiles / blocks; }

  /// The best plan of a form. `panelVectors`: the width of the product's tile, where that is not free. Fails where the scratch of
  /// one register tile's rows would be too much.
  static mlir::FailureOr<WinogradPlan> choose(WinogradForm form, const ConvolutionShape &shape, const CpuTarget &target, int64_t panelVectors);
};

/// The forms that there are for a convolution, by the size of their weights.
llvm::SmallVector<WinogradForm> winogradForms(const ConvolutionShape &shape);

/// The form that is estimated to be the fastest; none where the direct algorithm is. For one image, whatever the batch is: an artifact of
/// several batch sizes has one form of the weights, and an image's results do not depend on those beside it.
std::optional<WinogradForm> worthwhileForm(ConvolutionShape shape, const CpuTarget &target);

} // namespace fettle::codegen

#endif
