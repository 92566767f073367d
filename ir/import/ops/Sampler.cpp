//===- Sampler.cpp - reading an image between its pixels ------------------===//

#include "ir/import/ops/Sampler.h"

using namespace mlir;

namespace fettle {

using nn::BinaryKind;
using nn::CompareKind;
using nn::UnaryKind;

Sampler::Sampler(NodeImporter &node, Value input, Outside outside)
    : node(node), element(elementOf(input)), outside(outside) {
  extents = shapeOf(input).drop_front(std::min<size_t>(2, rankOf(input))).vec();
  for (int64_t extent : extents)
    pixels *= extent;
  int64_t n = dimOf(input, 0), c = dimOf(input, 1);
  flat = node.reshape(node.transpose(node.reshape(input, {n, c, pixels}), {1, 0, 2}), {c, n * pixels});
}

/// Brings `index` (whole numbers, in the element type) into the image.
Sampler::Tap Sampler::tap(Value index, Value weight, int64_t axis) {
  int64_t extent = extents[axis];
  double last = double(std::max<int64_t>(extent - 1, 0));
  if (outside == Outside::Zero) {
    Value inside = node.compare(CompareKind::eq, index, node.clamp(index, 0, last));
    Value mask = node.cast(inside, element);
    weight = weight ? node.mul(weight, mask) : mask;
  }
  Value whole = node.cast(node.clamp(index, -1073741824.0, 1073741824.0), node.i64());
  if (outside == Outside::ReflectPixels || outside == Outside::ReflectEdges) {
    // Pixels: 2 1 | 0 1 2 | 1 0, edges: 1 0 | 0 1 2 | 2 1.
    bool edges = outside == Outside::ReflectEdges;
    int64_t period = std::max<int64_t>(edges ? 2 * extent : 2 * extent - 2, 1);
    Value folded = node.binary(BinaryKind::mod, whole, node.scalar(double(period), node.i64()));
    Value mirrored = node.sub(node.scalar(double(edges ? period - 1 : period), node.i64()), folded);
    whole = node.binary(BinaryKind::min, folded, mirrored);
  }
  return {node.clamp(whole, 0, last), weight};
}

Sampler::Taps Sampler::nearest(Value position, int64_t axis) {
  return {tap(node.unary(UnaryKind::round, position), {}, axis)};
}

Sampler::Taps Sampler::linear(Value position, int64_t axis) {
  Value low = node.unary(UnaryKind::floor, position), one = node.scalar(1, element);
  Value fraction = node.sub(position, low);
  return {tap(low, node.sub(one, fraction), axis), tap(node.add(low, one), fraction, axis)};
}

/// Keys' kernel: (a + 2) x^3 - (a + 3) x^2 + 1 for distances x up to 1,
/// a (x^3 - 5 x^2 + 8 x - 4) up to 2.
Sampler::Taps Sampler::cubic(Value position, int64_t axis, double a) {
  Value low = node.unary(UnaryKind::floor, position);
  Value fraction = node.sub(position, low);
  auto number = [&](double value) { return node.scalar(value, element); };
  auto polynomial = [&](Value x, double c3, double c2, double c1, double c0) {
    Value sum = node.add(node.mul(x, number(c3)), number(c2));
    sum = node.add(node.mul(sum, x), number(c1));
    return node.add(node.mul(sum, x), number(c0));
  };
  Taps taps;
  for (int i = -1; i <= 2; ++i) {
    Value distance = node.unary(UnaryKind::abs, node.sub(fraction, number(i)));
    Value weight = i == 0 || i == 1 ? polynomial(distance, a + 2, -(a + 3), 0, 1)
                                    : polynomial(distance, a, -5 * a, 8 * a, -4 * a);
    taps.push_back(tap(node.add(low, number(i)), weight, axis));
  }
  return taps;
}

SmallVector<Value> Sampler::products(ArrayRef<Taps> taps, Value batch) {
  SmallVector<Value> results;
  Value start = node.mul(batch, node.scalar(double(pixels), node.i64()));
  std::vector<size_t> choice(taps.size(), 0);
  while (!node.failed()) {
    Value index, weight;
    for (size_t axis = 0; axis < taps.size(); ++axis) {
      const Tap &tap = taps[axis][choice[axis]];
      index = index ? node.add(node.mul(index, node.scalar(double(extents[axis]), node.i64())), tap.index) : tap.index;
      weight = weight && tap.weight ? node.mul(weight, tap.weight) : weight ? weight : tap.weight;
    }
    Value value = node.gather(flat, node.add(start, index), 1);
    results.push_back(weight ? node.mul(value, weight) : value);
    size_t axis = 0;
    while (axis < taps.size() && ++choice[axis] == taps[axis].size())
      choice[axis++] = 0;
    if (axis == taps.size())
      break;
  }
  if (results.empty())
    results.push_back(flat);
  return results;
}

Value Sampler::sample(ArrayRef<Taps> taps, Value batch) {
  SmallVector<Value> parts = products(taps, batch);
  Value sum = parts.front();
  for (Value part : ArrayRef(parts).drop_front())
    sum = node.add(sum, part);
  return sum;
}

} // namespace fettle
