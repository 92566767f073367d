//===- TileShape.cpp - register tiles of contractions ---------------------===//

#include "codegen/cpu/TileShape.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>

namespace fettle::codegen {

bool fitsRegisters(const CpuTarget &target, TileShape tile, TileStep step) {
  return tile.rows * tile.vectors + tile.vectors * step.parts + step.temporaries <= target.vectorRegisters;
}

TileStep multiplyAddStep(const CpuTarget &target) {
  // AVX-512 broadcasts from memory inside the multiply-add; others need a register for it,
  // and without FMA one more for the product.
  return {1, target.vectorBytes == 64 || target.hasFma ? 1 : 2};
}

TileShape chooseTile(const CpuTarget &target, int64_t rows, int64_t columnVectors) {
  return chooseTile(target, rows, columnVectors, multiplyAddStep(target));
}

double tileCycles(int64_t rows, int64_t columnVectors, TileStep step, TileShape tile) {
  double loads = tile.rows + tile.vectors * step.parts, multiplyAdds = tile.rows * tile.vectors * step.parts;
  // The last terms prefer, among equals, the tile that reads least: whole vectors of weights come from further away. A wide
  // panel does not stay in the first cache for the next rows: 61x128x256 took from 16 to 29 us by tiles of 2x8, 17 by 13x2.
  double far = 0.04 * tile.vectors + 0.15 * std::max<int64_t>(0, tile.vectors - 4);
  double cycles = std::max({multiplyAdds / 2.0, loads / 2.0, 5.0}) + 0.02 * tile.rows + far * step.parts;
  return cycles * llvm::divideCeil(rows, tile.rows) * llvm::divideCeil(columnVectors, tile.vectors);
}

TileShape chooseTile(const CpuTarget &target, int64_t rows, int64_t columnVectors, TileStep step, int64_t vectors) {
  TileShape best{1, vectors ? 0 : 1};
  double bestCycles = 1e300;
  int64_t narrowest = vectors ? vectors : 1, widest = vectors ? vectors : std::min(maxTileVectors, columnVectors);
  for (TileShape tile{1, narrowest}; tile.vectors <= widest; ++tile.vectors)
    for (tile.rows = 1; tile.rows <= std::min(maxTileRows, rows); ++tile.rows) {
      if (!fitsRegisters(target, tile, step))
        continue;
      double cycles = tileCycles(rows, columnVectors, step, tile);
      if (cycles < bestCycles) {
        bestCycles = cycles;
        best = tile;
      }
    }
  return best;
}

} // namespace fettle::codegen
