//===- PanelAgreement.cpp - one packing for several kernels ---------------===//

#include "codegen/cpu/PanelAgreement.h"
#include "codegen/cpu/TileShape.h"
#include "llvm/Support/MathExtras.h"

namespace fettle::codegen {

/// Cycles that it takes to bring the weights of one step in for all tiles of rows, where they do not stay in the first
/// level of the cache: the second one gives 32 bytes a cycle, those behind it less.
static double loadCycles(const CpuTarget &target, const PanelChoice &kernel, TileShape tile) {
  if (kernel.bytes <= 32 << 10)
    return 0;
  return double(llvm::divideCeil(kernel.rows, tile.rows) * kernel.columnVectors * kernel.parts * target.vectorBytes) / 32;
}

llvm::SmallVector<int64_t> agreeOnPanels(const CpuTarget &target, llvm::ArrayRef<PanelChoice> group) {
  constexpr double impossible = 1e300;
  auto loss = [&](const PanelChoice &kernel, int64_t vectors) {
    TileStep step{kernel.parts, kernel.temporaries};
    auto cycles = [&](int64_t vectors) {
      TileShape tile = chooseTile(target, kernel.rows, kernel.columnVectors, step, vectors);
      return tile.vectors == 0 ? impossible
                               : std::max(tileCycles(kernel.rows, kernel.columnVectors, step, tile), loadCycles(target, kernel, tile));
    };
    return vectors > kernel.columnVectors ? impossible : cycles(vectors) / cycles(/*any*/ 0) - 1;
  };
  llvm::SmallVector<int64_t> widths(group.size(), 0);
  while (llvm::is_contained(widths, 0)) {
    int64_t best = 0;
    size_t mostTakers = 0;
    double leastLoss = 0;
    for (int64_t vectors = 1; vectors <= maxTileVectors; ++vectors) {
      size_t takers = 0;
      double total = 0;
      for (auto [kernel, width] : llvm::zip_equal(group, widths)) {
        if (width != 0 || loss(kernel, vectors) > mostLoss)
          continue;
        ++takers;
        total += loss(kernel, vectors);
      }
      if (takers > mostTakers || (takers == mostTakers && takers > 0 && total < leastLoss)) {
        best = vectors;
        mostTakers = takers;
        leastLoss = total;
      }
    }
    for (auto [kernel, width] : llvm::zip_equal(group, widths))
      if (width == 0 && loss(kernel, best) <= mostLoss)
        width = best;
  }
  return widths;
}

static constexpr llvm::StringLiteral attribute = "panel_vectors";

int64_t agreedPanelVectors(nn::KernelOp kernel) {
  auto vectors = kernel->getAttrOfType<mlir::IntegerAttr>(attribute);
  return vectors ? vectors.getInt() : 0;
}

void setAgreedPanelVectors(nn::KernelOp kernel, int64_t vectors) {
  if (vectors == 0)
    kernel->removeAttr(attribute);
  else
    kernel->setAttr(attribute, mlir::IntegerAttr::get(mlir::IntegerType::get(kernel.getContext(), 64), vectors));
}

} // namespace fettle::codegen
