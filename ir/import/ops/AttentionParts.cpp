//===- AttentionParts.cpp - what the dialects of attention share ----------===//

#include "ir/import/ops/AttentionParts.h"
#include <cmath>
#include <limits>

using namespace mlir;

namespace fettle {

Value additiveMask(NodeImporter &node, Value mask, Type element) {
  if (node.failed() || !elementOf(mask).isInteger(1))
    return node.cast(mask, element);
  Value hidden = node.scalar(-std::numeric_limits<double>::infinity(), element);
  return node.select(mask, node.scalar(0, element), hidden);
}

Value windowMask(NodeImporter &node, int64_t s, int64_t t, int64_t offset, std::optional<int64_t> left,
                 std::optional<int64_t> right, Type element) {
  if (!node.checkConstant({s, t}))
    return node.scalar(0, element);
  HostTensor mask(RankedTensorType::get({s, t}, element));
  for (int64_t i = 0; i < s; ++i)
    for (int64_t j = 0; j < t; ++j)
      if ((left && i + offset - j > *left) || (right && j - i - offset > *right))
        mask.setDouble(i * t + j, -std::numeric_limits<double>::infinity());
  return node.constant(mask, "window_mask");
}

Value emitAttention(NodeImporter &node, AttentionParts parts) {
  if (rankOf(parts.query) != 4 || rankOf(parts.key) != 4 || rankOf(parts.value) != 4)
    node.fail("query, key and value must have heads");
  int64_t s = dimOf(parts.query, 2), t = dimOf(parts.key, 2);
  Type element = elementOf(parts.query);
  Value mask = parts.mask ? additiveMask(node, parts.mask, element) : Value();
  bool aligned = parts.causalOffset == t - s;
  if (parts.causal && !aligned) {
    Value triangle = windowMask(node, s, t, parts.causalOffset, std::nullopt, 0, element);
    mask = mask ? node.add(mask, triangle) : triangle;
  }
  double scale = parts.scale != 0 ? parts.scale : 1 / std::sqrt(double(dimOf(parts.query, 3)));
  return node.create<nn::AttentionOp>(parts.query, parts.key, parts.value, mask, APFloat(scale),
                                      parts.causal && aligned, APFloat(parts.softcap));
}

Value splitHeads(NodeImporter &node, Value hidden, int64_t heads) {
  if (rankOf(hidden) != 3 || heads < 1 || dimOf(hidden, 2) % heads != 0)
    node.fail("a tensor of shape " + formatShape(shapeOf(hidden)) + " does not split into " + Twine(heads) + " heads");
  if (node.failed())
    return hidden;
  Value split = node.reshape(hidden, {dimOf(hidden, 0), dimOf(hidden, 1), heads, dimOf(hidden, 2) / heads});
  return node.transpose(split, {0, 2, 1, 3});
}

Value joinHeads(NodeImporter &node, Value split) {
  Value moved = node.transpose(split, {0, 2, 1, 3});
  return node.reshape(moved, {dimOf(moved, 0), dimOf(moved, 1), dimOf(moved, 2) * dimOf(moved, 3)});
}

Value emitRotary(NodeImporter &node, Value input, Value cosines, Value sines, bool interleaved) {
  int64_t width = dimOf(cosines, -1), d = dimOf(input, 3);
  if (rankOf(input) != 4 || 2 * width > d)
    node.fail("rotates " + Twine(2 * width) + " of " + Twine(d) + " elements");
  if (node.failed())
    return input;
  Value turned = node.sliceAxis(input, 3, 0, 2 * width), first, second;
  std::vector<int64_t> whole = shapeOf(turned).vec(), paired = whole, single = whole;
  single.back() = width;
  if (interleaved) {
    paired.back() = width;
    paired.push_back(2);
    Value pairs = node.reshape(turned, paired);
    first = node.reshape(node.sliceAxis(pairs, 4, 0, 1), single);
    second = node.reshape(node.sliceAxis(pairs, 4, 1, 1), single);
  } else {
    first = node.sliceAxis(turned, 3, 0, width);
    second = node.sliceAxis(turned, 3, width, width);
  }
  Value real = node.sub(node.mul(cosines, first), node.mul(sines, second));
  Value imaginary = node.add(node.mul(sines, first), node.mul(cosines, second));
  if (interleaved)
    turned = node.reshape(node.concat({node.unsqueeze(real, {4}), node.unsqueeze(imaginary, {4})}, 4), whole);
  else
    turned = node.concat({real, imaginary}, 3);
  return 2 * width == d ? turned : node.concat({turned, node.sliceAxis(input, 3, 2 * width, d - 2 * width)}, 3);
}

} // namespace fettle
