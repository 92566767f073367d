//===- TileShape.cpp - register tiles of contractions ---------------------===//

#include "codegen/cpu/TileShape.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>

namespace fettle::codegen {

/// Accumulators, one row of weights and what a step needs besides must fit the register file.
static bool fits(const CpuTarget &target, int64_t rows, int64_t vectors, TileStep step) {
  return rows * vectors + vectors * step.parts + step.temporaries <= target.vectorRegisters;
}

/// AVX-512 broadcasts from memory inside the multiply-add; others need a register for it,
/// and without FMA one more for the product.
static TileStep multiplyAddStep(const CpuTarget &target) { return {1, target.vectorBytes == 64 || target.hasFma ? 1 : 2}; }

TileShape chooseTile(const CpuTarget &target, int64_t rows, int64_t columnVectors) {
  return chooseTile(target, rows, columnVectors, multiplyAddStep(target));
}

TileShape chooseTile(const CpuTarget &target, int64_t rows, int64_t columnVectors, TileStep step) {
  TileShape best;
  double bestCost = 1e300;
  for (int64_t vectors = 1; vectors <= std::min<int64_t>(8, columnVectors); ++vectors)
    for (int64_t tileRows = 1; tileRows <= std::min<int64_t>(28, rows); ++tileRows) {
      if (!fits(target, tileRows, vectors, step))
        continue;
      double loads = tileRows + vectors * step.parts, multiplyAdds = tileRows * vectors * step.parts;
      // The last terms prefer, among equals, the tile that reads least: whole vectors of weights come from further away.
      double cycles = std::max({multiplyAdds / 2.0, loads / 2.0, 5.0}) + 0.02 * tileRows + 0.04 * vectors * step.parts;
      double cost = cycles * llvm::divideCeil(rows, tileRows) * llvm::divideCeil(columnVectors, vectors);
      if (cost < bestCost) {
        bestCost = cost;
        best = {tileRows, vectors};
      }
    }
  return best;
}

} // namespace fettle::codegen
