//===- TiledProduct.cpp - a matrix product out of register tiles ----------===//

#include "codegen/cpu/TiledProduct.h"
#include "codegen/cpu/LoopEmitter.h"

using namespace mlir;

namespace fettle::codegen {

void TiledProduct::emit(ImplicitLocOpBuilder &b, const CpuTarget &target, llvm::function_ref<Value(Value, Value)> start,
                        llvm::function_ref<void(Value, Value, Value)> finish) const {
  Type f32 = b.getF32Type();
  auto emitTile = [&](Value row, Value column, TileShape size) {
    RegisterTile registers{size, lanes, size.vectors * lanes, f32, target.hasFma, f32, f32,
                           lhs,  rhs,   /*rhsIsPacked=*/true};
    RegisterTile::Accumulators sums;
    for (int64_t i = 0; i < size.rows; ++i)
      for (int64_t j = 0; j < size.vectors; ++j)
        sums.push_back(start(addIndex(b, row, i), addIndex(b, column, j * lanes)));
    Value width = indexConstant(b, panelColumns);
    Value panel = b.createOrFold<arith::DivUIOp>(column, width),
          inPanel = b.createOrFold<arith::RemUIOp>(column, width);
    sums =
        registers.emitSteps(b, sums, steps, addIndex(b, lhsBase, mulIndex(b, row, lhsRowStride)), lhsRowStride,
                            lhsStepStride, addIndex(b, mulIndex(b, panel, panelElements), inPanel), panelColumns, {});
    for (int64_t i = 0; i < size.rows; ++i)
      for (int64_t j = 0; j < size.vectors; ++j)
        finish(addIndex(b, row, i), addIndex(b, column, j * lanes), sums[i * size.vectors + j]);
  };
  auto emitPanel = [&](Value column, int64_t width) {
    int64_t whole = rows / tile.rows * tile.rows;
    emitFor(b, 0, whole, tile.rows, [&](Value row) { emitTile(row, column, {tile.rows, width}); });
    if (whole < rows)
      emitTile(indexConstant(b, whole), column, {rows - whole, width});
  };
  int64_t rest = vectors % tile.vectors, end = firstColumn + (vectors - rest) * lanes;
  emitFor(b, firstColumn, end, tile.vectors * lanes, [&](Value column) { emitPanel(column, tile.vectors); });
  if (rest != 0)
    emitPanel(indexConstant(b, end), rest);
}

} // namespace fettle::codegen
