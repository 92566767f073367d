//===- Attention.cpp - ONNX Attention and RotaryEmbedding -----------------===//

#include "ir/import/OperatorTable.h"
#include "ir/import/ops/AttentionParts.h"
#include <cmath>
#include <limits>

using namespace mlir;

namespace fettle {

/// The scores that Attention gives on request: 0 raw products, then the softcap
/// and the mask in the order of the operator, 3 after softmax.
static Value emitScores(NodeImporter &node, const AttentionParts &parts, int64_t mode) {
  Value query = parts.query, key = parts.key;
  int64_t n = dimOf(query, 0), heads = dimOf(query, 1), s = dimOf(query, 2), t = dimOf(key, 2), d = dimOf(key, 3);
  int64_t shared = std::max<int64_t>(dimOf(key, 1), 1);
  if (heads % shared != 0) {
    node.fail(Twine(heads) + " query heads do not share " + Twine(shared) + " key heads");
    return query;
  }
  // Query head h reads key head h / (heads / shared).
  if (shared != heads)
    key = node.reshape(node.broadcast(node.reshape(key, {n, shared, 1, t, d}), {n, shared, heads / shared, t, d}),
                       {n, heads, t, d});
  Value scores = node.scaled(node.matmul(query, key, {}, false, /*transposeRhs=*/true), parts.scale);
  if (mode == 0)
    return scores;
  Value mask = parts.mask ? additiveMask(node, parts.mask, elementOf(query)) : Value();
  if (parts.causal) {
    Value triangle = windowMask(node, s, t, parts.causalOffset, std::nullopt, 0, elementOf(query));
    mask = mask ? node.add(mask, triangle) : triangle;
  }
  if (parts.softcap > 0)
    scores = node.scaled(node.unary(nn::UnaryKind::tanh, node.scaled(scores, 1 / parts.softcap)), parts.softcap);
  if (mode == 1)
    return scores;
  if (mask)
    scores = node.add(scores, mask);
  return mode == 3 ? node.softmax(scores, 3) : scores;
}

/// -inf for the keys behind each sample's length [n] and, if causal, behind the query, the last of which stands at the
/// sample's last key: [n, 1, 1 or s, t].
static Value paddingMask(NodeImporter &node, Value lengths, int64_t s, int64_t t, bool causal, Type element) {
  Value limits = node.reshape(node.cast(lengths, node.i64()), {dimOf(lengths, 0), 1, 1, 1});
  Value keys = node.countUp(t, 3, 4);
  Value seen = node.compare(nn::CompareKind::lt, keys, limits);
  if (causal) {
    Value last = node.add(node.countUp(s, 2, 4), node.sub(limits, node.scalar(double(s), node.i64())));
    seen = node.binary(nn::BinaryKind::logical_and, seen, node.compare(nn::CompareKind::le, keys, last));
  }
  return additiveMask(node, seen, element);
}

static void importAttention(NodeImporter &node) {
  AttentionParts parts;
  parts.query = node.input(0);
  parts.key = node.input(1);
  parts.value = node.input(2);
  bool joined = rankOf(parts.query) == 3;
  if (joined) {
    parts.query = splitHeads(node, parts.query, node.integer("q_num_heads", 0));
    parts.key = splitHeads(node, parts.key, node.integer("kv_num_heads", 0));
    parts.value = splitHeads(node, parts.value, node.integer("kv_num_heads", 0));
  }
  if (Value past = node.optionalInput(4)) {
    parts.key = node.concat({past, parts.key}, 2);
    parts.value = node.concat({node.input(5), parts.value}, 2);
    parts.causalOffset = dimOf(past, 2);
  }
  Type element = elementOf(parts.query);
  int64_t t = dimOf(parts.key, 2);
  parts.scale = node.real("scale", 1 / std::sqrt(double(dimOf(parts.query, 3))));
  parts.softcap = node.real("softcap", 0);
  parts.causal = node.integer("is_causal", 0) != 0;
  if (Value mask = node.optionalInput(3)) {
    // A mask may end early: the keys behind it are hidden.
    if (int64_t missing = t - dimOf(mask, -1); missing > 0 && rankOf(mask) > 0 && dimOf(mask, -1) != 1) {
      std::vector<int64_t> low(rankOf(mask), 0), high(rankOf(mask), 0);
      high.back() = missing;
      bool isBoolean = elementOf(mask).isInteger(1);
      Value hidden = isBoolean ? Value() : node.scalarLike(-std::numeric_limits<double>::infinity(), mask);
      mask = node.pad(nn::PadMode::constant, mask, low, high, hidden);
    }
    parts.mask = mask;
  }
  auto addMask = [&](Value mask) {
    parts.mask = parts.mask ? node.add(additiveMask(node, parts.mask, element), mask) : mask;
  };
  int64_t s = dimOf(parts.query, 2), left = node.integer("left_window_size", -1);
  int64_t right = node.integer("right_window_size", -1);
  if (Value lengths = node.optionalInput(6)) {
    if (left >= 0 || right >= 0)
      return node.fail("a sliding window together with nonpad_kv_seqlen is not supported",
                       "give the window as attn_mask");
    addMask(paddingMask(node, lengths, s, t, parts.causal, element));
    parts.causal = false;
  } else if (left >= 0 || right >= 0) {
    auto bound = [](int64_t size) { return size >= 0 ? std::make_optional(size) : std::nullopt; };
    addMask(windowMask(node, s, t, parts.causalOffset, bound(left), bound(right), element));
  }
  Value result = emitAttention(node, parts);
  node.setOutput(0, joined ? joinHeads(node, result) : result);
  node.setOutput(1, parts.key);
  node.setOutput(2, parts.value);
  if (node.wantsOutput(3))
    node.setOutput(3, emitScores(node, parts, node.integer("qk_matmul_output_mode", 0)));
}

/// Caches are [positions, w], read at position_ids [n, s], or [n, s, w] as they are.
static void importRotaryEmbedding(NodeImporter &node) {
  Value input = node.input(0), cosines = node.input(1), sines = node.input(2);
  if (Value positions = node.optionalInput(3)) {
    cosines = node.gather(cosines, positions, 0);
    sines = node.gather(sines, positions, 0);
  }
  if (rankOf(cosines) != 3 || rankOf(sines) != 3)
    return node.fail("its caches must give a vector per position");
  // Caches may hold more angles than are used.
  int64_t width = node.integer("rotary_embedding_dim", 0) / 2;
  if (width > 0 && width < dimOf(cosines, 2)) {
    cosines = node.sliceAxis(cosines, 2, 0, width);
    sines = node.sliceAxis(sines, 2, 0, width);
  }
  cosines = node.unsqueeze(cosines, {1});
  sines = node.unsqueeze(sines, {1});
  bool joined = rankOf(input) == 3, interleaved = node.integer("interleaved", 0) != 0;
  if (joined)
    input = splitHeads(node, input, node.integer("num_heads", 0));
  Value result = emitRotary(node, input, cosines, sines, interleaved);
  node.setOutput(joined ? joinHeads(node, result) : result);
}

ArrayRef<OperatorEntry> attentionOperators() {
  static const OperatorEntry table[] = {
      {"", "Attention", 23, newestOpset, importAttention, ""},
      {"", "RotaryEmbedding", 23, newestOpset, importRotaryEmbedding, ""},
  };
  return table;
}

} // namespace fettle
