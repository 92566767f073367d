//===- TilePrefetch.cpp - what is fetched while a tile multiplies ---------===//

#include "codegen/cpu/TilePrefetch.h"
#include "codegen/cpu/LoopEmitter.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace fettle::codegen {

/// In fewer steps than these nothing arrives in time: of a convolution of 16 channels to 32 the fetches cost 3 %, of 24 to
/// 144 and 32 to 192 they neither cost nor gain.
constexpr int64_t fewestSteps = 48;

/// A tile fetches a sixteenth of a panel at least: with less, its turns would ask for the same line again and again.
constexpr unsigned mostShift = 4;

void TilePrefetch::addWeights(ImplicitLocOpBuilder &b, Value buffer, Value panel, Value tile, int64_t tiles) {
  weights = buffer;
  shift = std::min(llvm::Log2_64(tiles), mostShift);
  Value turn = arith::AndIOp::create(b, tile, indexConstant(b, (1 << shift) - 1));
  part = addIndex(b, panel, mulIndex(b, turn, size >> shift));
}

void TilePrefetch::addResults(const Epilogue &ofTile, Value row, int64_t rowCount, Value column, int64_t columnCount) {
  if (steps < fewestSteps)
    return;
  epilogue = &ofTile;
  firstRow = row;
  rows = rowCount;
  firstColumn = column;
  columns = columnCount;
}

TilePrefetch TilePrefetch::from(ImplicitLocOpBuilder &b, Value offset) const {
  TilePrefetch result = *this;
  result.position = position ? addIndex(b, position, offset) : offset;
  return result;
}

static Value shiftRight(ImplicitLocOpBuilder &b, Value value, unsigned bits) {
  return arith::ShRUIOp::create(b, value, indexConstant(b, bits));
}

void TilePrefetch::emit(ImplicitLocOpBuilder &b, int64_t elements) const {
  if (weights) {
    Value at = position ? addIndex(b, part, shiftRight(b, position, shift)) : part;
    int64_t line = elementsOfLine(cast<MemRefType>(weights.getType()).getElementType());
    // By way of the first level they come sooner (128 x 768 x 3072: 95.8 % of the peak for 93.6), but where a tile fetches
    // more than a sixteenth of the panel they push out too much of what is multiplied (7x7 and 14x14 pixels: 1 % lost).
    unsigned level = shift == mostShift ? 3 : 2;
    for (int64_t i = 0; i < std::max<int64_t>(elements >> shift, 1); i += line)
      memref::PrefetchOp::create(b, weights, addIndex(b, at, i), /*isWrite=*/false, level, /*isDataCache=*/true);
  }
  if (epilogue) {
    // All rows in the first half of the way; then the last one, again and again.
    unsigned rowShift = llvm::Log2_64(std::max<int64_t>(size / (2 * rows), 1));
    Value first = position ? shiftRight(b, position, rowShift) : indexConstant(b, 0);
    int64_t count = llvm::divideCeil(elements, int64_t(1) << rowShift);
    for (int64_t i = 0; i < std::min(count, rows); ++i) {
      Value row = minIndex(b, addIndex(b, first, i), indexConstant(b, rows - 1));
      epilogue->emitPrefetch(b, addIndex(b, firstRow, row), firstColumn, columns);
    }
  }
}

} // namespace fettle::codegen
