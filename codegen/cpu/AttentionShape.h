//===- AttentionShape.h - blocks of an attention kernel -------------------===//
#ifndef FETTLE_CODEGEN_CPU_ATTENTIONSHAPE_H
#define FETTLE_CODEGEN_CPU_ATTENTIONSHAPE_H

#include "codegen/cpu/TileShape.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/MathExtras.h"

namespace fettle::codegen {

/// Extents of an attention and how they are cut.
struct AttentionShape {
  int64_t batches, heads, keyHeads, queries, keys, depth, width; ///< n, h, kv heads, s, t, d, e
  int64_t lanes;                                                 ///< f32 lanes of a vector
  int64_t rowBlock;                                              ///< query rows whose scores exist at a time
  int64_t keyBlock;                                              ///< keys copied at a time, a multiple of `lanes`
  int64_t chunkRows;                                             ///< query rows of one tile, a multiple of `rowBlock`
  bool isDirect;                   ///< too few query rows to copy K and V for: both are read where they lie
  TileShape scoreTile, resultTile; ///< register tiles of Q K^T and P V

  /// e in whole vectors.
  int64_t paddedWidth() const { return llvm::alignTo(width, lanes); }
  int64_t keyBlocks() const { return llvm::divideCeil(keys, keyBlock); }
  int64_t chunks() const { return llvm::divideCeil(queries, chunkRows); }
  int64_t tiles() const { return batches * heads * chunks(); }

  /// For query [n, h, s, d] and value [n, kv heads, t, e].
  static AttentionShape choose(llvm::ArrayRef<int64_t> query, llvm::ArrayRef<int64_t> value, const CpuTarget &target);
};

} // namespace fettle::codegen

#endif
