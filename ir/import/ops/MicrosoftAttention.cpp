//===- MicrosoftAttention.cpp - com.microsoft: attention ------------------===//

#include "ir/import/OperatorTable.h"
#include "ir/import/ops/AttentionParts.h"

using namespace mlir;

namespace fettle {

/// A mask of 0 (hidden) and 1: [n, t] over keys, [n, s, t], or [n, 1, s, t], as additive scores.
static Value maskOfOnes(NodeImporter &node, Value mask, Type element) {
  if (rankOf(mask) == 2)
    mask = node.reshape(mask, {dimOf(mask, 0), 1, 1, dimOf(mask, 1)});
  else if (rankOf(mask) == 3)
    mask = node.unsqueeze(mask, {1});
  else if (rankOf(mask) != 4)
    node.fail("a mask of shape " + formatShape(shapeOf(mask)) + " is not supported",
              "export the model with a mask of shape [batch, sequence]");
  Value hidden = node.sub(node.scalar(1, element), node.cast(mask, element));
  return node.scaled(hidden, node.real("mask_filter_value", -10000));
}

static void addMask(NodeImporter &node, AttentionParts &parts, Value mask) {
  parts.mask = parts.mask ? node.add(parts.mask, mask) : mask;
}

/// Puts a cache in front of key and value; the caches are results too.
static void usePast(NodeImporter &node, AttentionParts &parts, Value pastKey, Value pastValue) {
  parts.key = node.concat({pastKey, parts.key}, 2);
  parts.value = node.concat({pastValue, parts.value}, 2);
  parts.causalOffset = dimOf(pastKey, 2);
}

/// input [n, s, i] times weights [i, q + k + v] gives query, key and value side by side.
static void importAttention(NodeImporter &node) {
  Value input = node.input(0), weights = node.input(1);
  if (rankOf(input) != 3 || rankOf(weights) != 2)
    return node.fail("needs an input of rank 3 and a matrix of weights");
  if (node.integer("do_rotary", 0) != 0)
    return node.fail("do_rotary is not supported");
  int64_t heads = node.integer("num_heads", 0), width = dimOf(weights, 1);
  std::vector<int64_t> sizes =
      node.integersAttribute("qkv_hidden_sizes").value_or(std::vector<int64_t>(3, width / 3));
  if (sizes.size() != 3 || sizes[0] < 0 || sizes[1] < 0 || sizes[2] < 0 || sizes[0] + sizes[1] + sizes[2] != width)
    return node.fail("weights of shape " + formatShape(shapeOf(weights)) + " do not hold query, key and value");
  Value packed = node.matmul(input, weights);
  if (Value bias = node.optionalInput(2))
    packed = node.add(packed, bias);
  AttentionParts parts;
  parts.query = splitHeads(node, node.sliceAxis(packed, 2, 0, sizes[0]), heads);
  parts.key = splitHeads(node, node.sliceAxis(packed, 2, sizes[0], sizes[1]), heads);
  parts.value = splitHeads(node, node.sliceAxis(packed, 2, sizes[0] + sizes[1], sizes[2]), heads);
  parts.scale = node.real("scale", 0);
  parts.causal = node.integer("unidirectional", 0) != 0;
  if (Value past = node.optionalInput(4)) {
    std::vector<int64_t> shape = shapeOf(past).vec();
    if (shape.size() != 5 || shape[0] != 2)
      return node.fail("a cache of shape " + formatShape(shape) + " is not supported");
    shape.erase(shape.begin());
    usePast(node, parts, node.reshape(node.sliceAxis(past, 0, 0, 1), shape),
            node.reshape(node.sliceAxis(past, 0, 1, 1), shape));
  }
  if (Value mask = node.optionalInput(3))
    addMask(node, parts, maskOfOnes(node, mask, elementOf(input)));
  if (Value bias = node.optionalInput(5))
    addMask(node, parts, bias);
  node.setOutput(0, joinHeads(node, emitAttention(node, parts)));
  if (node.wantsOutput(1))
    node.setOutput(1, node.concat({node.unsqueeze(parts.key, {0}), node.unsqueeze(parts.value, {0})}, 0));
}

static void importMultiHeadAttention(NodeImporter &node) {
  Value query = node.input(0), key = node.optionalInput(1), value = node.optionalInput(2);
  int64_t heads = node.integer("num_heads", 0);
  AttentionParts parts;
  Value bias = node.optionalInput(3);
  if (!key && !value && rankOf(query) == 5) {
    // Packed [n, s, heads, 3, d].
    std::vector<int64_t> shape{dimOf(query, 0), dimOf(query, 1), dimOf(query, 2), dimOf(query, 4)};
    Value *each[3] = {&parts.query, &parts.key, &parts.value};
    for (int64_t i = 0; i < 3; ++i)
      *each[i] = node.transpose(node.reshape(node.sliceAxis(query, 3, i, 1), shape), {0, 2, 1, 3});
    if (bias)
      return node.fail("a bias for packed operands is not supported");
  } else if (key && value) {
    int64_t start = 0;
    auto project = [&](Value hidden) {
      // Keys and values of cross attention may come with their heads split.
      if (rankOf(hidden) == 4)
        return hidden;
      int64_t width = dimOf(hidden, 2);
      if (bias)
        hidden = node.add(hidden, node.sliceAxis(bias, 0, start, width));
      start += width;
      return splitHeads(node, hidden, heads);
    };
    parts.query = project(query);
    parts.key = project(key);
    parts.value = project(value);
  } else {
    return node.fail("keys packed with values are not supported");
  }
  parts.scale = node.real("scale", 0);
  parts.causal = node.integer("unidirectional", 0) != 0;
  if (node.hasInput(6) && node.hasInput(7))
    usePast(node, parts, node.input(6), node.input(7));
  if (Value mask = node.optionalInput(4))
    addMask(node, parts, maskOfOnes(node, mask, elementOf(query)));
  if (Value scores = node.optionalInput(5))
    addMask(node, parts, scores);
  node.setOutput(0, joinHeads(node, emitAttention(node, parts)));
  node.setOutput(1, parts.key);
  node.setOutput(2, parts.value);
}

/// A prompt without a cache: the sequence is seen as a whole, each query up to its own position.
static void importGroupQueryAttention(NodeImporter &node) {
  Value query = node.input(0), past = node.optionalInput(3);
  int64_t heads = node.integer("num_heads", 0), shared = node.integer("kv_num_heads", 0);
  if (past && elementsOf(past) != 0)
    return node.fail("a cache of shape " + formatShape(shapeOf(past)) + " is not supported",
                     "export the model with Attention of opset 23, or without a cache");
  if (node.integer("local_window_size", -1) >= 0)
    return node.fail("local windows are not supported");
  AttentionParts parts;
  if (node.hasInput(1)) {
    parts.query = splitHeads(node, query, heads);
    parts.key = splitHeads(node, node.input(1), shared);
    parts.value = splitHeads(node, node.input(2), shared);
  } else {
    int64_t d = heads + 2 * shared > 0 ? dimOf(query, 2) / (heads + 2 * shared) : 0;
    parts.query = splitHeads(node, node.sliceAxis(query, 2, 0, heads * d), heads);
    parts.key = splitHeads(node, node.sliceAxis(query, 2, heads * d, shared * d), shared);
    parts.value = splitHeads(node, node.sliceAxis(query, 2, (heads + shared) * d, shared * d), shared);
  }
  if (node.integer("do_rotary", 0) != 0) {
    int64_t s = dimOf(parts.query, 2);
    Value cosines = node.sliceAxis(node.input(7), 0, 0, s), sines = node.sliceAxis(node.input(8), 0, 0, s);
    bool interleaved = node.integer("rotary_interleaved", 0) != 0;
    parts.query = emitRotary(node, parts.query, cosines, sines, interleaved);
    parts.key = emitRotary(node, parts.key, cosines, sines, interleaved);
  }
  parts.scale = node.real("scale", 0);
  parts.softcap = node.real("softcap", 0);
  parts.causal = true;
  node.setOutput(0, joinHeads(node, emitAttention(node, parts)));
  node.setOutput(1, parts.key);
  node.setOutput(2, parts.value);
}

/// position_ids is [n, s], or one number that the first position has.
static void importRotaryEmbedding(NodeImporter &node) {
  Value input = node.input(0), positions = node.input(1), cosines = node.input(2), sines = node.input(3);
  bool joined = rankOf(input) == 3;
  if (joined) {
    int64_t heads = node.integer("num_heads", 0);
    // Without a number of heads, full rotation implies it.
    if (heads == 0 && dimOf(cosines, 1) > 0)
      heads = dimOf(input, 2) / (2 * dimOf(cosines, 1));
    input = splitHeads(node, input, heads);
  }
  if (elementsOf(positions) == 1) {
    Value order = node.cast(node.countUp(dimOf(input, 2), 1, 2), elementOf(positions));
    positions = node.add(node.reshape(positions, {1, 1}), order);
  }
  Value cos = node.unsqueeze(node.gather(cosines, positions, 0), {1});
  Value sin = node.unsqueeze(node.gather(sines, positions, 0), {1});
  Value result = emitRotary(node, input, cos, sin, node.integer("interleaved", 0) != 0);
  node.setOutput(joined ? joinHeads(node, result) : result);
}

ArrayRef<OperatorEntry> microsoftAttentionOperators() {
  static const OperatorEntry table[] = {
      {microsoftDomain, "Attention", 1, newestMicrosoftOpset, importAttention, "no rotary embedding inside"},
      {microsoftDomain, "GroupQueryAttention", 1, newestMicrosoftOpset, importGroupQueryAttention, "without a cache"},
      {microsoftDomain, "MultiHeadAttention", 1, newestMicrosoftOpset, importMultiHeadAttention, ""},
      {microsoftDomain, "RotaryEmbedding", 1, newestMicrosoftOpset, importRotaryEmbedding, ""},
  };
  return table;
}

} // namespace fettle
