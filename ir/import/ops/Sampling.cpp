//===- Sampling.cpp - ONNX operators that read between pixels -------------===//

#include "ir/import/OperatorTable.h"
#include "ir/import/ops/Sampler.h"

using namespace mlir;

namespace fettle {

using nn::BinaryKind;
using nn::CompareKind;

/// 0 0 .. 1 1 .. n-1: which image each of `each` positions belongs to.
static Value batchOfPositions(NodeImporter &node, int64_t n, int64_t each) {
  return node.reshape(node.broadcast(node.countUp(n, 0, 2), {n, each}), {n * each});
}

/// Input [n, c, d1..dk], grid [n, o1..ok, k] in [-1, 1], the last spatial axis first.
static void importGridSample(NodeImporter &node) {
  Value input = node.input(0), grid = node.input(1);
  int64_t k = rankOf(input) - 2, n = dimOf(input, 0), c = dimOf(input, 1);
  if (k < 1 || rankOf(grid) != k + 2 || dimOf(grid, -1) != k || dimOf(grid, 0) != n)
    return node.fail("a grid of shape " + formatShape(shapeOf(grid)) + " does not fit an input of shape " +
                     formatShape(shapeOf(input)));
  std::string mode = node.text("mode", node.opset < 20 ? "bilinear" : "linear");
  std::string padding = node.text("padding_mode", "zeros");
  bool aligned = node.integer("align_corners", 0) != 0;
  Sampler::Outside outside = padding == "zeros"    ? Sampler::Outside::Zero
                             : padding == "border" ? Sampler::Outside::Border
                             : aligned             ? Sampler::Outside::ReflectPixels
                                                   : Sampler::Outside::ReflectEdges;
  if (padding != "zeros" && padding != "border" && padding != "reflection")
    return node.fail("knows no padding_mode '" + padding + "'");
  bool isNearest = mode == "nearest", isCubic = mode == "cubic" || mode == "bicubic";
  if (!isNearest && !isCubic && mode != "linear" && mode != "bilinear")
    return node.fail("knows no mode '" + mode + "'");
  int64_t points = extentOf(grid, 1, k + 1);
  Value flatGrid = node.cast(node.reshape(grid, {n * points, k}), elementOf(input));
  Sampler sampler(node, input, outside);
  SmallVector<Sampler::Taps> taps;
  for (int64_t axis = 0; axis < k; ++axis) {
    Value unit = node.reshape(node.sliceAxis(flatGrid, 1, k - 1 - axis, 1), {n * points});
    // [-1, 1] are the centres of the corner pixels if aligned, their outer edges otherwise.
    double extent = double(dimOf(input, 2 + axis)), half = (aligned ? extent - 1 : extent) / 2;
    Value position = node.add(node.scaled(unit, half), node.scalarLike((extent - 1) / 2, unit));
    taps.push_back(isNearest ? sampler.nearest(position, axis)
                   : isCubic ? sampler.cubic(position, axis, -0.75)
                             : sampler.linear(position, axis));
  }
  Value sampled = sampler.sample(taps, batchOfPositions(node, n, points));
  std::vector<int64_t> shape{n, c};
  for (int64_t axis = 0; axis < k; ++axis)
    shape.push_back(dimOf(grid, 1 + axis));
  node.setOutput(node.reshape(node.transpose(node.reshape(sampled, {c, n, points}), {1, 0, 2}), shape));
}

/// Each region [x1, y1, x2, y2] is cut into output_height x output_width bins with s x s samples each. A sample more
/// than one pixel outside the image counts 0, others are drawn to the border.
static void importRoiAlign(NodeImporter &node) {
  Value input = node.input(0), rois = node.input(1), batches = node.input(2);
  int64_t s = node.integer("sampling_ratio", 0), rows = node.integer("output_height", 1);
  int64_t columns = node.integer("output_width", 1), regions = dimOf(rois, 0), c = dimOf(input, 1);
  if (rankOf(input) != 4 || rankOf(rois) != 2 || dimOf(rois, 1) != 4 || rows < 1 || columns < 1)
    return node.fail("needs an image of rank 4 and regions of four coordinates");
  if (s < 1)
    return node.fail("takes as many samples as each region is large (sampling_ratio = 0)",
                     "export the model with sampling_ratio = 2");
  if (!node.checkShape({regions, c, rows, s, columns, s}) || !node.checkConstant({rows, s}) ||
      !node.checkConstant({columns, s}))
    return;
  bool halfPixel = node.text("coordinate_transformation_mode", node.opset < 16 ? "output_half_pixel" : "half_pixel") ==
                   "half_pixel";
  std::string mode = node.text("mode", "avg");
  if (mode != "avg" && mode != "max")
    return node.fail("knows no mode '" + mode + "'");
  double scale = node.real("spatial_scale", 1);
  Type element = elementOf(input);
  Sampler sampler(node, input, Sampler::Outside::Border);
  Value inImage;
  auto positions = [&](int64_t axis, int64_t bins) -> Value {
    auto edge = [&](int64_t column) {
      Value at = node.scaled(node.sliceAxis(rois, 1, column, 1), scale);
      return halfPixel ? node.sub(at, node.scalar(0.5, element)) : at;
    };
    Value start = edge(1 - axis), extent = node.sub(edge(3 - axis), start); // [regions, 1]
    if (!halfPixel)
      extent = node.binary(BinaryKind::max, extent, node.scalar(1, element));
    std::vector<double> fractions;
    for (int64_t i = 0; i < bins * s; ++i)
      fractions.push_back((double(i) + 0.5) / double(bins * s));
    Value steps = node.reals(fractions, {1, bins * s}, element);
    Value at = node.add(start, node.mul(extent, steps)); // [regions, bins * s]
    std::vector<int64_t> shape = axis == 0 ? std::vector<int64_t>{regions, bins * s, 1}
                                           : std::vector<int64_t>{regions, 1, bins * s};
    at = node.broadcast(node.reshape(at, shape), {regions, rows * s, columns * s});
    at = node.reshape(at, {regions * rows * s * columns * s});
    Value near = node.cast(node.compare(CompareKind::eq, at, node.clamp(at, -1, double(dimOf(input, 2 + axis)))), element);
    inImage = inImage ? node.mul(inImage, near) : near;
    return node.clamp(at, 0, double(dimOf(input, 2 + axis) - 1));
  };
  SmallVector<Sampler::Taps> taps{sampler.linear(positions(0, rows), 0)};
  taps.push_back(sampler.linear(positions(1, columns), 1));
  int64_t each = rows * s * columns * s;
  Value perRegion = node.reshape(node.cast(batches, node.i64()), {regions, 1});
  Value batch = node.reshape(node.broadcast(perRegion, {regions, each}), {regions * each});
  SmallVector<Value> parts = sampler.products(taps, batch);
  Value combined = parts.front();
  // The maximum is that of the weighted pixels, as ONNX defines it.
  for (Value part : ArrayRef(parts).drop_front())
    combined = node.binary(mode == "max" ? BinaryKind::max : BinaryKind::add, combined, part);
  Value samples = node.reshape(node.mul(combined, inImage), {c, regions, rows, s, columns, s});
  Value bins = node.reduce(mode == "max" ? nn::ReduceKind::max : nn::ReduceKind::mean, samples, {3, 5}, false);
  node.setOutput(node.transpose(bins, {1, 0, 2, 3}));
}

/// A convolution whose every tap reads the image at a computed offset: the
/// sampled columns [c, n, taps, positions] are multiplied with the weights.
static void importDeformConv(NodeImporter &node) {
  Value input = node.input(0), weight = node.input(1), offset = node.input(2), mask = node.optionalInput(4);
  if (rankOf(input) != 4 || rankOf(weight) != 4 || rankOf(offset) != 4)
    return node.fail("is supported over two spatial axes only");
  auto list = [&](StringRef name, int64_t absent, size_t count) {
    std::vector<int64_t> values = node.integersAttribute(name).value_or(std::vector<int64_t>(count, absent));
    values.resize(count, absent);
    return values;
  };
  std::vector<int64_t> strides = list("strides", 1, 2), dilations = list("dilations", 1, 2), pads = list("pads", 0, 4);
  int64_t groups = node.integer("group", 1), offsetGroups = node.integer("offset_group", 1);
  int64_t n = dimOf(input, 0), c = dimOf(input, 1), outputs = dimOf(weight, 0);
  int64_t kernel[2] = {dimOf(weight, 2), dimOf(weight, 3)}, extent[2] = {dimOf(offset, 2), dimOf(offset, 3)};
  int64_t taps = kernel[0] * kernel[1], positions = extent[0] * extent[1];
  if (groups < 1 || offsetGroups < 1 || c % groups != 0 || c % offsetGroups != 0 || outputs % groups != 0 ||
      dimOf(weight, 1) * groups != c || dimOf(offset, 1) != 2 * offsetGroups * taps ||
      (mask && (rankOf(mask) != 4 || dimOf(mask, 1) != offsetGroups * taps)))
    return node.fail("its operands do not fit together");
  if (!node.checkShape({c, n, taps, positions}) || !node.checkConstant({taps, positions}))
    return;
  Type element = elementOf(input);
  std::vector<Value> columns;
  for (int64_t group = 0; group < offsetGroups; ++group) {
    int64_t channels = c / offsetGroups;
    Sampler sampler(node, node.sliceAxis(input, 1, group * channels, channels), Sampler::Outside::Zero);
    Value own = node.reshape(node.sliceAxis(offset, 1, 2 * group * taps, 2 * taps), {n, taps, 2, positions});
    SmallVector<Sampler::Taps> axes;
    for (int64_t axis = 0; axis < 2; ++axis) {
      std::vector<double> regular;
      for (int64_t tap = 0; tap < taps; ++tap)
        for (int64_t at = 0; at < positions; ++at) {
          int64_t inKernel = axis == 0 ? tap / kernel[1] : tap % kernel[1];
          int64_t inImage = axis == 0 ? at / extent[1] : at % extent[1];
          regular.push_back(double(inImage * strides[axis] - pads[axis] + inKernel * dilations[axis]));
        }
      Value moved = node.reshape(node.sliceAxis(own, 2, axis, 1), {n, taps, positions});
      Value position = node.add(moved, node.reals(regular, {1, taps, positions}, element));
      axes.push_back(sampler.linear(node.reshape(position, {n * taps * positions}), axis));
    }
    Value sampled = sampler.sample(axes, batchOfPositions(node, n, taps * positions));
    if (mask)
      sampled = node.mul(sampled, node.reshape(node.sliceAxis(mask, 1, group * taps, taps), {n * taps * positions}));
    columns.push_back(node.reshape(sampled, {channels, n, taps, positions}));
  }
  Value all = node.transpose(node.concat(columns, 0), {1, 0, 2, 3}); // [n, c, taps, positions]
  Value grouped = node.reshape(all, {n, groups, c / groups * taps, positions});
  Value matrices = node.reshape(weight, {groups, outputs / groups, c / groups * taps});
  Value result = node.reshape(node.matmul(matrices, grouped), {n, outputs, extent[0], extent[1]});
  if (Value bias = node.optionalInput(3))
    result = node.add(result, node.reshape(bias, {outputs, 1, 1}));
  node.setOutput(result);
}

ArrayRef<OperatorEntry> samplingOperators() {
  static const OperatorEntry table[] = {
      {"", "DeformConv", 19, newestOpset, importDeformConv, "two spatial axes"},
      {"", "GridSample", 16, newestOpset, importGridSample, ""},
      {"", "RoiAlign", 10, newestOpset, importRoiAlign, "sampling_ratio must be given"},
  };
  return table;
}

} // namespace fettle
