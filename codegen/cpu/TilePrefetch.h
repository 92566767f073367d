//===- TilePrefetch.h - what is fetched while a tile multiplies -----------===//
//
// Problem. A tile multiplies for microseconds and then stores its sums, adding perhaps what other tensors have there.
// These places come from beyond the second level of the cache, as the weights of the next panel do, and whoever asks
// for them when they are needed waits. The processor does not foresee either: a tile stores a few lines in each of its
// rows, far apart.
//
// Example. A product of 128 x 768 by 768 x 3072 in tiles of 8 x 48 steps over 768 columns of the weights; a turn of its
// loop takes three. On the way, tile t of 16 fetches a sixteenth of the next panel of weights, and the turns before the
// middle fetch the eight rows of three lines that it will store: 128 x 768 x 3072 goes from 95 to 99 % of the peak. All
// of them at once, before the first turn, would gain a third of it: the loads of the product wait behind them. Where a
// residual stream is added, as in resnet50's last convolution of each block, it is fetched too: those take a tenth less,
// and with two threads a sixth.
//
// Hints only: nothing depends on what is fetched, and a place outside of a buffer does no harm.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_CODEGEN_CPU_TILEPREFETCH_H
#define FETTLE_CODEGEN_CPU_TILEPREFETCH_H

#include "codegen/cpu/Epilogue.h"

namespace fettle::codegen {

/// Knows a tile's way through its panel of weights, and what to fetch where on it. By default, nothing.
class TilePrefetch {
public:
  TilePrefetch() = default;
  /// For tiles whose `steps` steps go over `size` elements of the right-hand side.
  TilePrefetch(int64_t steps, int64_t size) : steps(steps), size(size) {}

  /// Fetches from `weights` the panel that begins at `panel`, a part by each of `tiles` tiles. Where weights are read once,
  /// front to back, that gains little: the processor sees it by itself.
  void addWeights(mlir::ImplicitLocOpBuilder &b, mlir::Value weights, mlir::Value panel, mlir::Value tile, int64_t tiles);
  /// Fetches what `epilogue` reads and writes in `rows` x `columns` from (firstRow, firstColumn) on,
  /// unless the way is too short for it.
  void addResults(const Epilogue &epilogue, mlir::Value firstRow, int64_t rows, mlir::Value firstColumn, int64_t columns);

  /// The same for steps that begin `offset` elements further into the panel.
  TilePrefetch from(mlir::ImplicitLocOpBuilder &b, mlir::Value offset) const;
  /// Emits the part of steps that take `elements` elements from here on.
  void emit(mlir::ImplicitLocOpBuilder &b, int64_t elements) const;

private:
  int64_t steps = 0, size = 0;
  mlir::Value position; ///< in the panel; null: its beginning
  mlir::Value weights, part;
  unsigned shift = 0; ///< of 2^shift elements stepped over, one of `weights` is fetched, from `part` on
  const Epilogue *epilogue = nullptr;
  mlir::Value firstRow, firstColumn;
  int64_t rows = 0, columns = 0;
};

} // namespace fettle::codegen

#endif
