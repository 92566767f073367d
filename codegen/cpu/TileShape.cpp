//===- TileShape.cpp - register tiles of contractions ---------------------===//

#include "codegen/cpu/TileShape.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>

namespace fettle::codegen {

/// Accumulators, one row of weights and what a broadcast needs must fit the register file.
static bool fits(const CpuTarget &target, int64_t rows, int64_t vectors, int64_t parts) {
  // AVX-512 broadcasts from memory inside the multiply-add; others need a register for it,
  // and without FMA one more for the product.
  // A multiply-add in parts needs its parts of the input, a mask to make them, and the product.
  int64_t temporaries = parts > 1 ? parts + 2 : target.vectorBytes == 64 ? 1 : target.hasFma ? 1 : 2;
  return rows * vectors + vectors * parts + temporaries <= target.vectorRegisters;
}

TileShape chooseTile(const CpuTarget &target, int64_t rows, int64_t columnVectors, int64_t parts) {
  TileShape best;
  double bestCost = 1e300;
  for (int64_t vectors = 1; vectors <= std::min<int64_t>(8, columnVectors); ++vectors)
    for (int64_t tileRows = 1; tileRows <= std::min<int64_t>(28, rows); ++tileRows) {
      if (!fits(target, tileRows, vectors, parts))
        continue;
      double loads = tileRows + vectors * parts, multiplyAdds = tileRows * vectors * parts;
      // The last term prefers, among equals, the tile that reads least.
      double cycles = std::max({multiplyAdds / 2.0, loads / 2.0, 5.0}) + 0.02 * loads;
      double cost = cycles * llvm::divideCeil(rows, tileRows) * llvm::divideCeil(columnVectors, vectors);
      if (cost < bestCost) {
        bestCost = cost;
        best = {tileRows, vectors};
      }
    }
  return best;
}

} // namespace fettle::codegen
