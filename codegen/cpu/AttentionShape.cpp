//===- AttentionShape.cpp - blocks of an attention kernel -----------------===//

#include "codegen/cpu/AttentionShape.h"

namespace fettle::codegen {

/// Stack bytes for the copies of K and V and the scores.
static constexpr int64_t scratchBytes = 120 * 1024;
/// Tiles below which heads are cut into chunks of rows, so that several threads find work.
static constexpr int64_t wantedTiles = 8;
/// Fewest query rows worth another copy of K and V.
static constexpr int64_t leastChunkRows = 64;

/// Query rows up to which a transposed copy of K costs more than it saves.
static constexpr int64_t mostDirectRows = 3;

/// Cycles of both products for `rows` query rows at a time over all rows: half a
/// cycle per multiply-add of a register tile, remainders of a tile as they come.
static double productCycles(const AttentionShape &shape, int64_t rows, int64_t queries, const CpuTarget &target) {
  auto cycles = [&](int64_t vectors, int64_t steps) {
    TileShape tile = chooseTile(target, rows, vectors);
    auto part = [&](int64_t tileRows, int64_t tileVectors) {
      return std::max({tileRows * tileVectors / 2.0, (tileRows + tileVectors) / 2.0, 4.0});
    };
    double total = 0;
    for (int64_t row = 0; row < rows; row += tile.rows)
      for (int64_t vector = 0; vector < vectors; vector += tile.vectors)
        total += part(std::min(tile.rows, rows - row), std::min(tile.vectors, vectors - vector));
    return total * steps;
  };
  double perBlock = cycles(llvm::divideCeil(shape.keyBlock, shape.lanes), shape.depth) +
                    cycles(shape.paddedWidth() / shape.lanes, shape.keyBlock);
  return perBlock * llvm::divideCeil(queries, rows);
}

AttentionShape AttentionShape::choose(llvm::ArrayRef<int64_t> query, llvm::ArrayRef<int64_t> value,
                                      const CpuTarget &target) {
  AttentionShape shape{};
  shape.batches = query[0];
  shape.heads = query[1];
  shape.queries = query[2];
  shape.depth = query[3];
  shape.keyHeads = value[1];
  shape.keys = value[2];
  shape.width = value[3];
  shape.lanes = target.vectorBytes / 4;

  shape.isDirect = shape.queries <= mostDirectRows;
  if (shape.isDirect) {
    shape.rowBlock = shape.chunkRows = shape.queries;
    int64_t room = scratchBytes / 2 / (4 * shape.queries) / shape.lanes * shape.lanes;
    shape.keyBlock = std::min<int64_t>(room, llvm::alignTo(shape.keys, shape.lanes));
    return shape;
  }
  constexpr int64_t usualRows = 16;
  int64_t bytesPerKey = 4 * (shape.depth + shape.paddedWidth() + usualRows);
  int64_t paddedKeys = llvm::alignTo(shape.keys, shape.lanes);
  shape.keyBlock = scratchBytes / bytesPerKey / shape.lanes * shape.lanes;
  bool severalBlocks = shape.keyBlock < paddedKeys;
  // With several blocks the sums of a chunk need a third of the scratch.
  if (severalBlocks)
    shape.keyBlock = std::max(shape.lanes, scratchBytes * 2 / 3 / bytesPerKey / shape.lanes * shape.lanes);
  shape.keyBlock = std::min(shape.keyBlock, paddedKeys);

  // Chunks of equal size: a short last one would be filled up with copies of its last row.
  int64_t chunks = 1, heads = std::max<int64_t>(1, shape.batches * shape.heads);
  if (severalBlocks)
    chunks =
        llvm::divideCeil(shape.queries, std::max<int64_t>(usualRows, scratchBytes / 3 / (4 * shape.paddedWidth())));
  chunks = std::max(chunks, std::min(shape.queries / leastChunkRows, int64_t(llvm::divideCeil(wantedTiles, heads))));
  int64_t rowsPerTile = llvm::divideCeil(shape.queries, chunks);

  shape.rowBlock = std::min<int64_t>(usualRows, rowsPerTile);
  double best = 1e300;
  for (int64_t rows = std::min<int64_t>(4, rowsPerTile); rows <= std::min<int64_t>(28, rowsPerTile); ++rows) {
    double cycles = productCycles(shape, rows, rowsPerTile, target);
    if (cycles < best) {
      best = cycles;
      shape.rowBlock = rows;
    }
  }
  shape.chunkRows = llvm::alignTo(rowsPerTile, shape.rowBlock);
  shape.scoreTile = chooseTile(target, shape.rowBlock, shape.keyBlock / shape.lanes);
  shape.resultTile = chooseTile(target, shape.rowBlock, std::max<int64_t>(1, shape.width / shape.lanes));
  return shape;
}

} // namespace fettle::codegen
