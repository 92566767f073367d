//===- Image.cpp - ONNX operators that resize and assemble images ---------===//

#include "ir/import/OperatorTable.h"
#include <cmath>

using namespace mlir;

namespace fettle {

//===--- Resize and Upsample ----------------------------------------------===//

namespace {
struct ResizePlan {
  std::vector<int64_t> shape; ///< of the result
  std::vector<double> scales, roi;
};
} // namespace

static Value emitResize(NodeImporter &node, Value input, const ResizePlan &plan, nn::ResizeKind kind,
                        nn::CoordinateKind coordinates, nn::RoundKind rounding) {
  return node.createTyped<nn::ResizeOp>(
      plan.shape, elementOf(input), kind, input, ArrayRef<double>(plan.scales), ArrayRef<double>(plan.roi), coordinates,
      rounding, APFloat(node.real("cubic_coeff_a", -0.75)), APFloat(node.real("extrapolation_value", 0)),
      node.integer("exclude_outside", 0) != 0, node.integer("antialias", 0) != 0);
}

static std::optional<nn::ResizeKind> resizeKind(NodeImporter &node) {
  std::string mode = node.text("mode", "nearest");
  if (mode == "bilinear")
    mode = "linear";
  std::optional<nn::ResizeKind> kind = nn::symbolizeResizeKind(mode);
  if (!kind)
    node.fail("knows no mode '" + mode + "'");
  return kind;
}

/// Scales of all axes: result extent = floor(extent * scale).
static void applyScales(NodeImporter &node, Value input, ArrayRef<double> scales, ResizePlan &plan) {
  for (auto [i, scale] : llvm::enumerate(scales)) {
    double extent = std::floor(double(dimOf(input, i)) * scale);
    if (!(scale > 0) || !(extent < double(int64_t(1) << 31)))
      return node.fail("a scale of " + std::to_string(scale));
    plan.scales.push_back(scale);
    plan.shape.push_back(int64_t(extent));
  }
}

/// Upsample and the first Resize: coordinates x / scale, nearest rounds down.
static void importUpsample(NodeImporter &node) {
  Value input = node.input(0);
  std::vector<double> scales;
  if (node.node.op == "Upsample" && node.opset < 7) {
    scales = {1, 1, node.real("height_scale", 1), node.real("width_scale", 1)};
  } else if (node.node.op == "Upsample" && node.opset < 9) {
    std::vector<float> given = node.realsAttribute("scales").value_or(std::vector<float>());
    scales.assign(given.begin(), given.end());
  } else if (std::optional<HostTensor> given = node.constantInput(1)) {
    scales = given->doubles();
  }
  std::optional<nn::ResizeKind> kind = resizeKind(node);
  if (node.failed())
    return;
  if (int64_t(scales.size()) != rankOf(input))
    return node.fail(Twine(scales.size()) + " scales stand for " + Twine(rankOf(input)) + " axes");
  // The Resize of opset 10 rounds up along axes that shrink.
  bool shrinks = llvm::any_of(scales, [](double scale) { return scale < 1; });
  if (node.node.op == "Resize" && *kind == nn::ResizeKind::nearest && shrinks) {
    std::vector<double> down = scales;
    for (size_t i = 0; i < scales.size(); ++i)
      (scales[i] < 1 ? scales : down)[i] = 1;
    ResizePlan smaller;
    applyScales(node, input, down, smaller);
    input = emitResize(node, input, smaller, *kind, nn::CoordinateKind::asymmetric, nn::RoundKind::ceil_up);
  }
  ResizePlan plan;
  applyScales(node, input, scales, plan);
  node.setOutput(emitResize(node, input, plan, *kind, nn::CoordinateKind::asymmetric, nn::RoundKind::floor_down));
}

static nn::RoundKind roundKind(NodeImporter &node) {
  std::string mode = node.text("nearest_mode", "round_prefer_floor");
  if (mode == "floor")
    return nn::RoundKind::floor_down;
  if (mode == "ceil")
    return nn::RoundKind::ceil_up;
  std::optional<nn::RoundKind> kind = nn::symbolizeRoundKind(mode);
  if (!kind)
    node.fail("knows no nearest_mode '" + mode + "'");
  return kind.value_or(nn::RoundKind::floor_down);
}

/// Extents are given; scales follow. A policy other than stretch makes one scale of them.
static void applySizes(NodeImporter &node, Value input, ArrayRef<int64_t> axes, std::vector<int64_t> sizes,
                       ResizePlan &plan) {
  std::string policy = node.text("keep_aspect_ratio_policy", "stretch");
  if (policy != "stretch" && policy != "not_larger" && policy != "not_smaller")
    return node.fail("knows no keep_aspect_ratio_policy '" + policy + "'");
  std::optional<double> common;
  for (auto [axis, size] : llvm::zip(axes, sizes)) {
    if (size < 0 || size > int64_t(1) << 31 || dimOf(input, axis) == 0)
      return node.fail("cannot be resized to " + formatShape(sizes));
    double scale = double(size) / double(dimOf(input, axis));
    if (policy != "stretch")
      common = !common ? scale : policy == "not_larger" ? std::min(*common, scale) : std::max(*common, scale);
  }
  for (auto [axis, size] : llvm::zip(axes, sizes)) {
    double extent = double(dimOf(input, axis));
    plan.scales[axis] = common ? *common : double(size) / extent;
    plan.shape[axis] = common ? int64_t(std::floor(*common * extent + 0.5)) : size;
  }
}

static void importResize(NodeImporter &node) {
  if (node.opset < 11)
    return importUpsample(node);
  Value input = node.input(0);
  size_t rank = rankOf(input);
  std::optional<nn::ResizeKind> kind = resizeKind(node);
  std::string named = node.text("coordinate_transformation_mode", "half_pixel");
  std::optional<nn::CoordinateKind> coordinates = nn::symbolizeCoordinateKind(named);
  if (!coordinates)
    return node.fail("coordinate_transformation_mode '" + named + "' is not supported");
  nn::RoundKind rounding = roundKind(node);
  std::vector<int64_t> axes =
      node.hasAttribute("axes") ? node.integersAttribute("axes").value_or(std::vector<int64_t>()) : allAxes(input);
  for (int64_t &axis : axes)
    axis = node.normalizeAxis(axis, rank);
  auto reals = [&](size_t i) {
    std::optional<HostTensor> tensor = node.hasInput(i) ? node.constantInput(i) : std::nullopt;
    return tensor ? tensor->doubles() : std::vector<double>();
  };
  std::vector<double> scales = reals(2), window = reals(1);
  std::vector<int64_t> sizes = node.hasInput(3) ? node.constantIntegers(3) : std::vector<int64_t>();
  if (node.failed())
    return;
  if (scales.empty() == sizes.empty())
    return node.fail("needs either scales or sizes");
  if ((sizes.empty() ? scales.size() : sizes.size()) != axes.size())
    return node.fail("scales or sizes do not stand for " + Twine(axes.size()) + " axes");

  ResizePlan plan{shapeOf(input).vec(), std::vector<double>(rank, 1), {}};
  bool crops = *coordinates == nn::CoordinateKind::tf_crop_and_resize;
  if (crops) {
    if (window.size() != 2 * axes.size())
      return node.fail("roi holds " + Twine(window.size()) + " values for " + Twine(axes.size()) + " axes");
    plan.roi.assign(2 * rank, 0);
    std::fill(plan.roi.begin() + rank, plan.roi.end(), 1);
    for (size_t i = 0; i < axes.size(); ++i) {
      plan.roi[axes[i]] = window[i];
      plan.roi[rank + axes[i]] = window[axes.size() + i];
    }
  }
  if (!sizes.empty())
    applySizes(node, input, axes, sizes, plan);
  for (size_t i = 0; i < scales.size(); ++i) {
    double part = crops ? window[axes.size() + i] - window[i] : 1;
    double extent = std::floor(double(dimOf(input, axes[i])) * part * scales[i]);
    if (!(scales[i] > 0) || !(extent >= 0 && extent < double(int64_t(1) << 31)))
      return node.fail("a scale of " + std::to_string(scales[i]));
    plan.scales[axes[i]] = scales[i];
    plan.shape[axes[i]] = int64_t(extent);
  }
  node.setOutput(emitResize(node, input, plan, *kind, *coordinates, rounding));
}

//===--- Grids and columns ------------------------------------------------===//

/// theta times homogeneous coordinates in [-1, 1], x first: [n, size..., d].
static void importAffineGrid(NodeImporter &node) {
  Value theta = node.input(0);
  std::vector<int64_t> size = node.constantIntegers(1);
  bool aligned = node.integer("align_corners", 0) != 0;
  if (node.failed())
    return;
  int64_t d = int64_t(size.size()) - 2;
  if ((d != 2 && d != 3) || rankOf(theta) != 3 || dimOf(theta, 1) != d || dimOf(theta, 2) != d + 1)
    return node.fail("theta of shape " + formatShape(shapeOf(theta)) + " does not fit size " + formatShape(size));
  std::vector<int64_t> grids(size.begin() + 2, size.end());
  grids.push_back(d + 1);
  if (!node.checkConstant(grids))
    return;
  int64_t points = 1;
  for (int64_t i = 0; i < d; ++i)
    points *= size[2 + i];
  std::vector<double> grid(points * (d + 1), 1);
  for (int64_t at = 0; at < points; ++at) {
    int64_t rest = at;
    for (int64_t axis = d; axis-- > 0;) {
      int64_t extent = size[2 + axis], i = rest % extent;
      rest /= extent;
      double step = aligned ? 2.0 / double(std::max<int64_t>(extent - 1, 1)) : 2.0 / double(extent);
      grid[at * (d + 1) + (d - 1 - axis)] = -1 + step * (double(i) + (aligned ? 0 : 0.5));
    }
  }
  Value base = node.reals(grid, {1, points, d + 1}, elementOf(theta));
  Value moved = node.matmul(base, theta, {}, false, /*transposeRhs=*/true);
  std::vector<int64_t> shape{dimOf(theta, 0)};
  shape.insert(shape.end(), size.begin() + 2, size.end());
  shape.push_back(d);
  node.setOutput(node.reshape(moved, shape));
}

/// Sums columns [n, c * block, positions] into an image [n, c, image...]: each
/// element of a block goes to one pixel, known at import; what falls into the
/// padding goes to a pixel behind the last that is cut off again.
static void importCol2Im(NodeImporter &node) {
  Value input = node.input(0);
  std::vector<int64_t> image = node.constantIntegers(1), block = node.constantIntegers(2);
  if (node.failed())
    return;
  size_t d = image.size();
  auto list = [&](StringRef name, int64_t absent, size_t count) {
    std::vector<int64_t> values = node.integersAttribute(name).value_or(std::vector<int64_t>(count, absent));
    if (values.size() != count)
      node.fail(name + " has " + Twine(values.size()) + " values for " + Twine(d) + " axes");
    for (int64_t value : values)
      if (value < absent || value > int64_t(1) << 31)
        node.fail(name + " holds " + Twine(value));
    return values;
  };
  std::vector<int64_t> strides = list("strides", 1, d), dilations = list("dilations", 1, d), pads = list("pads", 0, 2 * d);
  if (node.failed())
    return;
  if (rankOf(input) != 3 || block.size() != d || d == 0 || !node.checkShape(image) || !node.checkShape(block))
    return node.fail("needs columns of rank 3 and an image and a block of one rank");
  int64_t blockSize = 1, positions = 1, pixels = 1;
  std::vector<int64_t> steps(d);
  for (size_t i = 0; i < d; ++i) {
    steps[i] = (image[i] + pads[i] + pads[d + i] - dilations[i] * (block[i] - 1) - 1) / strides[i] + 1;
    blockSize *= block[i];
    positions *= std::max<int64_t>(steps[i], 0);
    pixels *= image[i];
  }
  if (blockSize == 0 || dimOf(input, 1) % blockSize != 0 || dimOf(input, 2) != positions)
    return node.fail("columns of shape " + formatShape(shapeOf(input)) + " do not make an image of " +
                     formatShape(image) + " from blocks of " + formatShape(block));
  if (!node.checkConstant({blockSize, positions}))
    return;
  std::vector<int64_t> targets;
  for (int64_t b = 0; b < blockSize; ++b)
    for (int64_t p = 0; p < positions; ++p) {
      int64_t target = 0, scale = 1, inBlock = b, inPositions = p;
      for (size_t i = d; i-- > 0;) {
        int64_t at = inPositions % steps[i] * strides[i] + inBlock % block[i] * dilations[i] - pads[i];
        inPositions /= steps[i];
        inBlock /= block[i];
        target = at < 0 || at >= image[i] || target < 0 ? -1 : target + at * scale;
        scale *= image[i];
      }
      targets.push_back(target < 0 ? pixels : target);
    }
  int64_t n = dimOf(input, 0), channels = dimOf(input, 1) / blockSize, count = targets.size();
  Value indices = node.broadcast(node.integers(targets, {1, count}), {n * channels, count});
  Value updates = node.reshape(input, {n * channels, count});
  Value zeros = node.splat(0, {n * channels, pixels + 1}, elementOf(input));
  Value sums = node.create<nn::ScatterElementsOp>(nn::ScatterKind::accumulate, zeros, indices, updates, int64_t(1));
  std::vector<int64_t> shape{n, channels};
  shape.insert(shape.end(), image.begin(), image.end());
  node.setOutput(node.reshape(node.sliceAxis(sums, 1, 0, pixels), shape));
}

//===--- Boxes ------------------------------------------------------------===//

static void importNonMaxSuppression(NodeImporter &node) {
  Value boxes = node.input(0), scores = node.input(1);
  auto scalar = [&](size_t i, double absent) {
    return node.hasInput(i) ? node.constantReal(i).value_or(absent) : absent;
  };
  int64_t most = dimOf(boxes, 1);
  double given = scalar(2, 0), iou = scalar(3, 0);
  double threshold = scalar(4, -std::numeric_limits<double>::infinity());
  int64_t perClass = int64_t(std::clamp<double>(given, 0, double(most)));
  int64_t rows = dimOf(scores, 0) * dimOf(scores, 1) * perClass;
  Value selected = node.createTyped<nn::NonMaxSuppressionOp>({rows, 3}, node.i64(), boxes, scores, perClass,
                                                             APFloat(iou), APFloat(threshold),
                                                             node.integer("center_point_box", 0) != 0);
  // Where boxes and scores are constants, so is the number of rows in use.
  if (std::optional<HostTensor> known = node.constantIfKnown(selected)) {
    int64_t used = 0;
    while (used < rows && known->integerAt(3 * used) >= 0)
      ++used;
    selected = node.sliceAxis(selected, 0, 0, used);
  }
  node.setOutput(selected);
}

ArrayRef<OperatorEntry> imageOperators() {
  static const char *constants = "shape operands must follow from constants";
  static const OperatorEntry table[] = {
      {"", "AffineGrid", 20, newestOpset, importAffineGrid, constants},
      {"", "Col2Im", 18, newestOpset, importCol2Im, constants},
      {"", "NonMaxSuppression", 10, newestOpset, importNonMaxSuppression,
       "the result has max_output_boxes_per_class rows per batch and class, unused ones filled with -1"},
      {"", "Resize", 10, newestOpset, importResize, "scales and sizes must follow from constants"},
      {"", "Upsample", 1, 9, importUpsample, "scales must follow from constants"},
  };
  return table;
}

} // namespace fettle
