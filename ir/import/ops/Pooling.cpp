//===- Pooling.cpp - ONNX operators that pool windows or whole images -----===//

#include "ir/import/OperatorTable.h"
#include "ir/import/ops/Window.h"

using namespace mlir;

namespace fettle {

static Value emitPool(NodeImporter &node, nn::PoolKind kind, Value input, const Window &window, int64_t p = 2) {
  return node.create<nn::PoolOp>(kind, input, ArrayRef<int64_t>(window.kernel), ArrayRef<int64_t>(window.strides),
                                 ArrayRef<int64_t>(window.pads), ArrayRef<int64_t>(window.dilations), p,
                                 node.integer("ceil_mode", 0) != 0, /*channels_last=*/false);
}

static void importAveragePool(NodeImporter &node) {
  Value input = node.input(0);
  Window window = readWindow(node, input, {});
  bool withPad = node.integer("count_include_pad", 0) != 0;
  node.setOutput(
      emitPool(node, withPad ? nn::PoolKind::average_with_pad : nn::PoolKind::average, input, window));
}

static void importMaxPool(NodeImporter &node) {
  Value input = node.input(0);
  Window window = readWindow(node, input, {});
  node.setOutput(emitPool(node, nn::PoolKind::max_pool, input, window));
  if (node.wantsOutput(1))
    node.setOutput(1, node.create<nn::MaxPoolIndicesOp>(
                          input, ArrayRef<int64_t>(window.kernel), ArrayRef<int64_t>(window.strides),
                          ArrayRef<int64_t>(window.pads), ArrayRef<int64_t>(window.dilations),
                          node.integer("ceil_mode", 0) != 0, node.integer("storage_order", 0) != 0));
}

static void importLpPool(NodeImporter &node) {
  Value input = node.input(0);
  Window window = readWindow(node, input, {});
  int64_t p = node.opset < 2 ? int64_t(node.real("p", 2)) : node.integer("p", 2);
  node.setOutput(emitPool(node, nn::PoolKind::lp, input, window, p));
}

/// All axes behind the channels, each kept with extent 1.
static std::vector<int64_t> spatialAxes(NodeImporter &node, Value input) {
  std::vector<int64_t> axes = allAxes(input);
  if (axes.size() < 2)
    node.fail("needs an input with a batch and channels, not one of shape " + formatShape(shapeOf(input)));
  axes.erase(axes.begin(), axes.begin() + std::min<size_t>(axes.size(), 2));
  return axes;
}

template <nn::ReduceKind kind> static void importGlobalPool(NodeImporter &node) {
  Value input = node.input(0);
  node.setOutput(node.reduce(kind, input, spatialAxes(node, input), /*keepDims=*/true));
}

static void importGlobalLpPool(NodeImporter &node) {
  Value input = node.input(0);
  std::vector<int64_t> axes = spatialAxes(node, input);
  int64_t p = node.opset < 2 ? int64_t(node.real("p", 2)) : node.integer("p", 2);
  if (p == 1 || p == 2)
    return node.setOutput(node.reduce(p == 1 ? nn::ReduceKind::l1 : nn::ReduceKind::l2, input, axes, true));
  Value powers = node.binary(nn::BinaryKind::pow, node.unary(nn::UnaryKind::abs, input), node.scalarLike(p, input));
  Value sum = node.reduce(nn::ReduceKind::sum, powers, axes, true);
  node.setOutput(node.binary(nn::BinaryKind::pow, sum, node.scalarLike(1.0 / p, sum)));
}

/// The inverse of MaxPool: each value goes to the place its index names in an
/// otherwise zero tensor. Indices count over the whole pooled input, so both are
/// handled flat; with another output_shape they still count over the extents
/// that the pooling attributes imply, and the result is widened afterwards.
static void importMaxUnpool(NodeImporter &node) {
  Value input = node.input(0), indices = node.input(1);
  Window window = readWindow(node, input, {});
  if (node.failed())
    return;
  std::vector<int64_t> shape = shapeOf(input).vec();
  size_t spatial = shape.size() - 2;
  for (size_t i = 0; i < spatial; ++i)
    shape[2 + i] = (shape[2 + i] - 1) * window.strides[i] + window.kernel[i] - window.pads[i] -
                   window.pads[spatial + i];
  if (!node.checkShape(shape))
    return;
  int64_t elements = 1;
  for (int64_t dim : shape)
    elements *= dim;
  Value zeros = node.splat(0, {elements}, elementOf(input));
  Value flat = node.create<nn::ScatterElementsOp>(nn::ScatterKind::replace, zeros,
                                                  node.reshape(indices, {elementsOf(indices)}),
                                                  node.reshape(input, {elementsOf(input)}), int64_t(0));
  Value result = node.reshape(flat, shape);
  if (node.hasInput(2)) {
    std::vector<int64_t> wanted = node.constantIntegers(2), low(shape.size(), 0), high(shape.size(), 0);
    if (node.failed())
      return;
    if (wanted.size() != shape.size())
      return node.fail("output_shape " + formatShape(wanted) + " has another rank than the input");
    for (size_t i = 0; i < shape.size(); ++i)
      if ((high[i] = wanted[i] - shape[i]) < 0)
        return node.fail("output_shape " + formatShape(wanted) + " is smaller than " + formatShape(shape));
    if (shape != wanted)
      result = node.pad(nn::PadMode::constant, result, low, high);
  }
  node.setOutput(result);
}

ArrayRef<OperatorEntry> poolingOperators() {
  static const OperatorEntry table[] = {
      {"", "AveragePool", 1, newestOpset, importAveragePool, ""},
      {"", "GlobalAveragePool", 1, newestOpset, importGlobalPool<nn::ReduceKind::mean>, ""},
      {"", "GlobalLpPool", 1, newestOpset, importGlobalLpPool, ""},
      {"", "GlobalMaxPool", 1, newestOpset, importGlobalPool<nn::ReduceKind::max>, ""},
      {"", "LpPool", 1, newestOpset, importLpPool, ""},
      {"", "MaxPool", 1, newestOpset, importMaxPool, ""},
      {"", "MaxUnpool", 9, newestOpset, importMaxUnpool, ""},
  };
  return table;
}

} // namespace fettle
