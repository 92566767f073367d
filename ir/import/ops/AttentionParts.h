//===- AttentionParts.h - what the dialects of attention share ------------===//
#ifndef FETTLE_IR_IMPORT_OPS_ATTENTIONPARTS_H
#define FETTLE_IR_IMPORT_OPS_ATTENTIONPARTS_H

#include "ir/import/NodeImporter.h"

namespace fettle {

/// softmax(scale q k^T + mask) v with all that operators add to it.
struct AttentionParts {
  mlir::Value query, key, value; ///< [n, heads, s, d], [n, kv_heads, t, d], [n, kv_heads, t, e]
  mlir::Value mask;              ///< additive or boolean (true: attend), broadcasting to [n, heads, s, t]; may be null
  double scale = 0;              ///< 0: 1 / sqrt(d)
  double softcap = 0;
  bool causal = false;
  int64_t causalOffset = 0; ///< query i sees keys j <= i + causalOffset
};

/// The result [n, heads, s, e].
mlir::Value emitAttention(NodeImporter &node, AttentionParts parts);
/// -inf where a boolean mask is false, else 0; other masks as they are.
mlir::Value additiveMask(NodeImporter &node, mlir::Value mask, mlir::Type element);
/// 0 where query i of s, which stands at position p = i + offset, sees key j of t: p - left <= j <= p + right, with
/// nothing for no bound; -inf elsewhere. [s, t].
mlir::Value windowMask(NodeImporter &node, int64_t s, int64_t t, int64_t offset, std::optional<int64_t> left,
                       std::optional<int64_t> right, mlir::Type element);

/// [n, s, heads * d] as [n, heads, s, d], and back.
mlir::Value splitHeads(NodeImporter &node, mlir::Value hidden, int64_t heads);
mlir::Value joinHeads(NodeImporter &node, mlir::Value split);

/// Rotates the first 2 * w elements of each vector of `input` [n, heads, s, d]; `cosines` and `sines` broadcast to
/// [n, heads, s, w]. Pairs are neighbours if `interleaved`, else element i and i + w.
mlir::Value emitRotary(NodeImporter &node, mlir::Value input, mlir::Value cosines, mlir::Value sines,
                       bool interleaved);

} // namespace fettle

#endif
