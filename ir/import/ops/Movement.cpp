//===- Movement.cpp - ONNX operators that only move elements --------------===//

#include "ir/import/OperatorTable.h"
#include <numeric>

using namespace mlir;

namespace fettle {

//===--- Shapes -----------------------------------------------------------===//

static void importReshape(NodeImporter &node) {
  Value input = node.input(0);
  std::vector<int64_t> shape =
      node.opset < 5 ? node.integersAttribute("shape").value_or(std::vector<int64_t>()) : node.constantIntegers(1);
  bool zeroIsZero = node.integer("allowzero", 0) != 0;
  int64_t known = 1, inferred = -1;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0 && !zeroIsZero) {
      if (int64_t(i) >= rankOf(input))
        return node.fail("copies the extent of axis " + Twine(i) + ", which the input does not have");
      shape[i] = dimOf(input, i);
    }
    if (shape[i] == -1 && inferred < 0)
      inferred = i;
    else if (shape[i] < 0)
      return node.fail("shape has two unknown extents or a negative one");
    else if (llvm::MulOverflow(known, shape[i], known))
      return node.fail("shape " + formatShape(shape) + " is too large");
  }
  if (node.failed())
    return;
  if (inferred >= 0) {
    if (known == 0 || elementsOf(input) % known != 0)
      return node.fail("cannot give the " + Twine(elementsOf(input)) + " elements of shape " +
                       formatShape(shapeOf(input)) + " a shape with " + Twine(known) + " in its known extents");
    shape[inferred] = elementsOf(input) / known;
  }
  node.setOutput(node.reshape(input, shape));
}

static void importFlatten(NodeImporter &node) {
  Value input = node.input(0);
  int64_t axis = node.integer("axis", 1), rank = rankOf(input);
  if (axis < -rank || axis > rank)
    return node.fail("axis " + Twine(axis) + " does not exist in a tensor of rank " + Twine(rank));
  if (axis < 0)
    axis += rank;
  node.setOutput(node.reshape(input, {extentOf(input, 0, axis), extentOf(input, axis, rank)}));
}

static void importSqueeze(NodeImporter &node) {
  Value input = node.input(0);
  std::optional<std::vector<int64_t>> given = node.attributeOrInput("axes", 1);
  std::vector<int64_t> axes = node.normalizeAxes(given.value_or(std::vector<int64_t>()), rankOf(input)), shape;
  for (int64_t i = 0; i < rankOf(input); ++i) {
    bool dropped = given ? llvm::is_contained(axes, i) : dimOf(input, i) == 1;
    if (dropped && dimOf(input, i) != 1)
      return node.fail("axis " + Twine(i) + " has the extent " + Twine(dimOf(input, i)) + ", not 1");
    if (!dropped)
      shape.push_back(dimOf(input, i));
  }
  node.setOutput(node.reshape(input, shape));
}

static void importUnsqueeze(NodeImporter &node) {
  Value input = node.input(0);
  std::vector<int64_t> axes = node.attributeOrInput("axes", 1).value_or(std::vector<int64_t>());
  node.setOutput(node.unsqueeze(input, node.normalizeAxes(axes, rankOf(input) + axes.size())));
}

static void importTranspose(NodeImporter &node) {
  Value input = node.input(0);
  std::vector<int64_t> reversed = allAxes(input);
  std::reverse(reversed.begin(), reversed.end());
  node.setOutput(node.transpose(input, node.integersAttribute("perm").value_or(reversed)));
}

static void importExpand(NodeImporter &node) {
  Value input = node.input(0);
  std::vector<int64_t> shape = node.constantIntegers(1);
  // The given shape may itself be the smaller one on some axes.
  int64_t rank = std::max<int64_t>(rankOf(input), shape.size());
  std::vector<int64_t> result(rank, 1);
  for (int64_t i = 1; i <= rank; ++i) {
    int64_t own = i <= rankOf(input) ? dimOf(input, -i) : 1;
    int64_t asked = i <= int64_t(shape.size()) ? shape[shape.size() - i] : 1;
    result[rank - i] = asked == 1 ? own : asked;
  }
  node.setOutput(node.broadcast(input, result));
}

static void importShape(NodeImporter &node) {
  Value input = node.input(0);
  int64_t rank = rankOf(input);
  auto clamped = [&](int64_t at) { return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank); };
  int64_t start = clamped(node.integer("start", 0)), end = clamped(node.integer("end", rank));
  ArrayRef<int64_t> shape = shapeOf(input).slice(start, std::max<int64_t>(end - start, 0));
  node.setOutput(node.integers(shape));
}

static void importSize(NodeImporter &node) { node.setOutput(node.integers({elementsOf(node.input(0))}, {})); }

//===--- Joining and cutting ----------------------------------------------===//

static void importConcat(NodeImporter &node) {
  std::vector<Value> inputs;
  for (size_t i = 0; i < node.numInputs(); ++i)
    inputs.push_back(node.input(i));
  int64_t rank = inputs.empty() ? 0 : rankOf(inputs.front());
  node.setOutput(node.concat(inputs, node.normalizeAxis(node.integer("axis", 1), rank)));
}

static void importSplit(NodeImporter &node) {
  Value input = node.input(0);
  int64_t axis = node.normalizeAxis(node.integer("axis", 0), rankOf(input));
  std::optional<std::vector<int64_t>> sizes = node.attributeOrInput("split", 1);
  if (node.failed())
    return;
  size_t parts = node.node.outputs.size();
  if (!sizes) {
    // Equal parts; the last one is smaller where they do not come out even.
    int64_t extent = dimOf(input, axis), count = node.integer("num_outputs", parts);
    if (count < int64_t(parts) || parts == 0)
      return node.fail("splits into " + Twine(count) + " parts, but has " + Twine(parts) + " outputs");
    if (node.opset < 18 && extent % count != 0)
      return node.fail("extent " + Twine(extent) + " does not split into " + Twine(count) + " equal parts");
    int64_t size = (extent + count - 1) / count;
    sizes.emplace();
    for (size_t i = 0; i < parts; ++i)
      sizes->push_back(std::clamp<int64_t>(extent - int64_t(i) * size, 0, size));
  }
  if (sizes->size() < parts)
    return node.fail("has " + Twine(parts) + " outputs, but sizes for " + Twine(sizes->size()));
  int64_t start = 0;
  for (size_t i = 0; i < parts; ++i) {
    if ((*sizes)[i] < 0 || (*sizes)[i] > dimOf(input, axis) - start)
      return node.fail("the parts are larger than the extent " + Twine(dimOf(input, axis)));
    node.setOutput(i, node.sliceAxis(input, axis, start, (*sizes)[i]));
    start += (*sizes)[i];
  }
}

static void importSlice(NodeImporter &node) {
  Value input = node.input(0);
  bool old = node.opset < 10;
  auto list = [&](StringRef name, size_t operand) -> std::optional<std::vector<int64_t>> {
    if (old)
      return node.integersAttribute(name);
    if (!node.hasInput(operand))
      return std::nullopt;
    return node.constantIntegers(operand);
  };
  std::optional<std::vector<int64_t>> begins = list("starts", 1), ends = list("ends", 2);
  std::optional<std::vector<int64_t>> axes = list("axes", 3), steps = old ? std::nullopt : list("steps", 4);
  if (node.failed())
    return;
  if (!begins || !ends || begins->size() != ends->size())
    return node.fail("starts and ends must be of one length");
  if (!axes) {
    axes.emplace(begins->size());
    std::iota(axes->begin(), axes->end(), 0);
  }
  if (axes->size() != begins->size() || (steps && steps->size() != begins->size()))
    return node.fail("axes and steps must be as long as starts");
  std::vector<int64_t> starts(rankOf(input), 0), sizes = shapeOf(input).vec(), strides(rankOf(input), 1);
  for (size_t i = 0; i < axes->size(); ++i) {
    int64_t axis = node.normalizeAxis((*axes)[i], rankOf(input));
    if (node.failed())
      return;
    int64_t extent = dimOf(input, axis), limit = int64_t(1) << 31;
    int64_t step = std::clamp<int64_t>(steps ? (*steps)[i] : 1, -limit, limit);
    if (step == 0)
      return node.fail("a step of 0");
    int64_t start = (*begins)[i], end = (*ends)[i];
    start = start < 0 ? std::max<int64_t>(start, -extent - 1) + extent : start;
    end = end < 0 ? std::max<int64_t>(end, -extent - 1) + extent : end;
    if (step > 0) {
      start = std::clamp<int64_t>(start, 0, extent);
      end = std::clamp<int64_t>(end, 0, extent);
      sizes[axis] = end > start ? (end - start + step - 1) / step : 0;
    } else {
      start = std::clamp<int64_t>(start, -1, extent - 1);
      end = std::clamp<int64_t>(end, -1, extent - 1);
      sizes[axis] = start > end ? (start - end - step - 1) / -step : 0;
    }
    starts[axis] = sizes[axis] == 0 ? 0 : start;
    strides[axis] = step;
  }
  node.setOutput(node.slice(input, starts, sizes, strides));
}

static void importTile(NodeImporter &node) {
  Value input = node.input(0);
  std::vector<int64_t> repeats = node.constantIntegers(1);
  if (node.opset < 6) {
    // Opset 1: `tiles` copies along `axis`.
    std::vector<int64_t> axis = node.constantIntegers(2);
    if (node.failed() || repeats.size() != 1 || axis.size() != 1)
      return node.fail("tiles and axis must be scalars");
    std::vector<int64_t> all(rankOf(input), 1);
    int64_t at = node.normalizeAxis(axis[0], all.size());
    if (!all.empty())
      all[at] = repeats[0];
    repeats = all;
  }
  node.setOutput(node.create<nn::TileOp>(input, ArrayRef<int64_t>(repeats)));
}

//===--- Padding ----------------------------------------------------------===//

static void importPad(NodeImporter &node) {
  Value input = node.input(0), value;
  std::vector<int64_t> pads, axes = allAxes(input);
  if (node.opset < 11) {
    pads = node.integersAttribute(node.opset < 2 ? "paddings" : "pads").value_or(std::vector<int64_t>());
    if (double fill = node.real("value", 0); fill != 0)
      value = node.scalarLike(fill, input);
  } else {
    pads = node.constantIntegers(1);
    if (Value given = node.optionalInput(2))
      value = node.reshape(given, {});
    if (node.hasInput(3)) {
      axes.clear();
      for (int64_t axis : node.constantIntegers(3))
        axes.push_back(node.normalizeAxis(axis, rankOf(input)));
    }
  }
  if (node.failed())
    return;
  std::string mode = node.text("mode", "constant");
  std::optional<nn::PadMode> kind = nn::symbolizePadMode(mode);
  if (!kind)
    return node.fail("knows no mode '" + mode + "'");
  if (pads.size() != 2 * axes.size())
    return node.fail(Twine(pads.size()) + " pads stand for " + Twine(axes.size()) + " axes");
  // Negative amounts cut: that goes first.
  size_t rank = rankOf(input);
  std::vector<int64_t> low(rank, 0), high(rank, 0), starts(rank, 0), sizes = shapeOf(input).vec();
  bool cuts = false, grows = false;
  for (size_t i = 0; i < axes.size(); ++i) {
    int64_t before = pads[i], after = pads[axes.size() + i];
    int64_t limit = int64_t(1) << 31;
    if (std::max(std::abs(before / 2), std::abs(after / 2)) >= limit)
      return node.fail("pads beyond 2^31");
    low[axes[i]] = std::max<int64_t>(before, 0);
    high[axes[i]] = std::max<int64_t>(after, 0);
    starts[axes[i]] = std::max<int64_t>(-before, 0);
    sizes[axes[i]] += std::min<int64_t>(before, 0) + std::min<int64_t>(after, 0);
    cuts |= before < 0 || after < 0;
    grows |= before > 0 || after > 0;
    if (sizes[axes[i]] < 0)
      return node.fail("cuts more than axis " + Twine(axes[i]) + " has");
  }
  if (cuts)
    input = node.slice(input, starts, sizes, std::vector<int64_t>(rank, 1));
  if (grows)
    input = node.pad(*kind, input, low, high, *kind == nn::PadMode::constant ? value : Value());
  node.setOutput(input);
}

/// Axis by axis to the given extents, from the middle.
static void importCenterCropPad(NodeImporter &node) {
  Value input = node.input(0);
  std::vector<int64_t> target = node.constantIntegers(1);
  std::vector<int64_t> axes = node.integersAttribute("axes").value_or(allAxes(input));
  if (!node.failed() && axes.size() != target.size())
    return node.fail(Twine(target.size()) + " extents stand for " + Twine(axes.size()) + " axes");
  for (size_t i = 0; i < axes.size(); ++i) {
    int64_t axis = node.normalizeAxis(axes[i], rankOf(input));
    if (node.failed())
      return;
    int64_t extent = dimOf(input, axis);
    if (target[i] < extent) {
      input = node.sliceAxis(input, axis, (extent - target[i]) / 2, target[i]);
    } else if (target[i] > extent) {
      std::vector<int64_t> low(rankOf(input), 0), high(rankOf(input), 0);
      low[axis] = (target[i] - extent) / 2;
      high[axis] = target[i] - extent - low[axis];
      input = node.pad(nn::PadMode::constant, input, low, high);
    }
  }
  node.setOutput(input);
}

//===--- Blocks and order -------------------------------------------------===//

static void importDepthToSpace(NodeImporter &node) {
  Value input = node.input(0);
  int64_t block = node.integer("blocksize", 0);
  if (rankOf(input) != 4 || block <= 0 || block > dimOf(input, 1) || dimOf(input, 1) % (block * block) != 0)
    return node.fail("blocks of " + Twine(block) + " do not fit an input of shape " + formatShape(shapeOf(input)));
  int64_t n = dimOf(input, 0), c = dimOf(input, 1) / (block * block), h = dimOf(input, 2), w = dimOf(input, 3);
  bool columnsFirst = node.text("mode", "DCR") == "CRD";
  Value parts, moved;
  if (columnsFirst) {
    parts = node.reshape(input, {n, c, block, block, h, w});
    moved = node.transpose(parts, {0, 1, 4, 2, 5, 3});
  } else {
    parts = node.reshape(input, {n, block, block, c, h, w});
    moved = node.transpose(parts, {0, 3, 4, 1, 5, 2});
  }
  node.setOutput(node.reshape(moved, {n, c, h * block, w * block}));
}

static void importSpaceToDepth(NodeImporter &node) {
  Value input = node.input(0);
  int64_t block = node.integer("blocksize", 0);
  if (rankOf(input) != 4 || block <= 0 || dimOf(input, 2) % block != 0 || dimOf(input, 3) % block != 0)
    return node.fail("blocks of " + Twine(block) + " do not fit an input of shape " + formatShape(shapeOf(input)));
  int64_t n = dimOf(input, 0), c = dimOf(input, 1), h = dimOf(input, 2) / block, w = dimOf(input, 3) / block;
  Value parts = node.reshape(input, {n, c, h, block, w, block});
  bool columnsFirst = node.text("mode", "DCR") == "CRD";
  Value moved = columnsFirst ? node.transpose(parts, {0, 1, 3, 5, 2, 4}) : node.transpose(parts, {0, 3, 5, 1, 2, 4});
  node.setOutput(node.reshape(moved, {n, c * block * block, h, w}));
}

static void importReverseSequence(NodeImporter &node) {
  node.setOutput(node.create<nn::ReverseSequenceOp>(node.input(0), node.input(1), node.integer("batch_axis", 1),
                                                    node.integer("time_axis", 0)));
}

ArrayRef<OperatorEntry> movementOperators() {
  static const char *constantShape = "shape operands must follow from constants and input shapes";
  static const OperatorEntry table[] = {
      {"", "CenterCropPad", 18, newestOpset, importCenterCropPad, constantShape},
      {"", "Concat", 1, newestOpset, importConcat, ""},
      {"", "DepthToSpace", 1, newestOpset, importDepthToSpace, ""},
      {"", "Expand", 8, newestOpset, importExpand, constantShape},
      {"", "Flatten", 1, newestOpset, importFlatten, ""},
      {"", "Pad", 1, newestOpset, importPad, constantShape},
      {"", "Reshape", 1, newestOpset, importReshape, constantShape},
      {"", "ReverseSequence", 10, newestOpset, importReverseSequence, ""},
      {"", "Shape", 1, newestOpset, importShape, ""},
      {"", "Size", 1, newestOpset, importSize, ""},
      {"", "Slice", 1, newestOpset, importSlice, constantShape},
      {"", "SpaceToDepth", 1, newestOpset, importSpaceToDepth, ""},
      {"", "Split", 2, newestOpset, importSplit, constantShape},
      {"", "Squeeze", 1, newestOpset, importSqueeze, constantShape},
      {"", "Tile", 1, newestOpset, importTile, constantShape},
      {"", "Transpose", 1, newestOpset, importTranspose, ""},
      {"", "Unsqueeze", 1, newestOpset, importUnsqueeze, constantShape},
  };
  return table;
}

} // namespace fettle
