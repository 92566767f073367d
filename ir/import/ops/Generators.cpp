//===- Generators.cpp - ONNX operators that make tensors from little ------===//

#include "ir/import/OperatorTable.h"
#include "ir/onnx/ElementTypes.h"
#include <cmath>

using namespace mlir;

namespace fettle {

static void importConstant(NodeImporter &node) {
  if (const onnx::Attribute *value = node.node.find("value")) {
    llvm::Expected<HostTensor> tensor = toHostTensor(node.context(), value->t);
    if (!tensor)
      return node.fail(llvm::toString(tensor.takeError()));
    return node.setOutput(node.constant(*tensor, node.node.outputs.empty() ? "constant" : node.node.outputs[0]));
  }
  if (node.hasAttribute("value_int"))
    return node.setOutput(node.integers({node.integer("value_int", 0)}, {}));
  if (node.hasAttribute("value_float"))
    return node.setOutput(node.scalar(node.real("value_float", 0), node.f32()));
  if (std::optional<std::vector<int64_t>> values = node.integersAttribute("value_ints"))
    return node.setOutput(node.integers(*values));
  if (std::optional<std::vector<float>> values = node.realsAttribute("value_floats")) {
    std::vector<double> wide(values->begin(), values->end());
    return node.setOutput(node.reals(wide, {int64_t(wide.size())}, node.f32()));
  }
  node.fail("holds no tensor of numbers", "sparse tensors and strings are not compiled");
}

static void importConstantOfShape(NodeImporter &node) {
  std::vector<int64_t> shape = node.constantIntegers(0);
  const onnx::Attribute *value = node.node.find("value");
  if (!value)
    return node.setOutput(node.splat(0, shape, node.f32()));
  llvm::Expected<HostTensor> tensor = toHostTensor(node.context(), value->t);
  if (!tensor)
    return node.fail(llvm::toString(tensor.takeError()));
  if (tensor->numElements() != 1)
    return node.fail("value must hold one element");
  node.setOutput(node.broadcast(node.constant(tensor->reshaped({})), shape));
}

/// start, start + delta, ... before limit. All three decide the extent.
static void importRange(NodeImporter &node) {
  std::optional<HostTensor> parts[3];
  for (int i = 0; i < 3; ++i) {
    parts[i] = node.constantInput(i);
    if (!parts[i])
      return;
    if (parts[i]->numElements() != 1)
      return node.fail("input " + Twine(i) + " must be a scalar");
  }
  Type element = parts[0]->elementType();
  double start = parts[0]->doubleAt(0), limit = parts[1]->doubleAt(0), delta = parts[2]->doubleAt(0);
  double count = delta == 0 ? NAN : std::max(std::ceil((limit - start) / delta), 0.0);
  if (!(count < double(int64_t(1) << 31)))
    return node.fail("has no end");
  if (!node.checkConstant({int64_t(count)}))
    return;
  HostTensor result(RankedTensorType::get({int64_t(count)}, element));
  for (int64_t i = 0; i < result.numElements(); ++i) {
    if (isa<FloatType>(element))
      result.setDouble(i, start + double(i) * delta);
    else
      result.setInteger(i, parts[0]->integerAt(0) + i * parts[2]->integerAt(0));
  }
  node.setOutput(node.constant(result));
}

static void importEyeLike(NodeImporter &node) {
  Value input = node.input(0);
  if (rankOf(input) != 2)
    return node.fail("needs a matrix, not " + formatShape(shapeOf(input)));
  Type element = node.elementTypeAttribute("dtype", elementOf(input));
  int64_t k = node.integer("k", 0), rows = dimOf(input, 0), columns = dimOf(input, 1);
  if (node.failed() || !node.checkConstant({rows, columns}))
    return;
  HostTensor result(RankedTensorType::get({rows, columns}, element));
  for (int64_t row = 0; row < rows; ++row)
    if (k >= -rows && k <= columns && row + k >= 0 && row + k < columns)
      result.setDouble(row * columns + row + k, 1);
  node.setOutput(node.constant(result));
}

/// indices == 0..depth-1 along a new axis, as off and on values. Negative indices count from the end.
static void importOneHot(NodeImporter &node) {
  Value indices = node.input(0), values = node.input(2);
  std::optional<double> given = node.constantReal(1);
  if (!given)
    return;
  if (!(*given >= 0 && *given < double(1 << 30)))
    return node.fail("depth " + std::to_string(*given) + " is out of range");
  int64_t depth = int64_t(*given), rank = rankOf(indices) + 1;
  int64_t axis = node.normalizeAxis(node.integer("axis", -1), rank);
  if (node.failed())
    return;
  Value at = node.unsqueeze(node.cast(indices, node.i64()), {axis});
  Value inRange = node.compare(nn::CompareKind::lt, at, node.scalar(0, node.i64()));
  at = node.select(inRange, node.add(at, node.scalar(double(depth), node.i64())), at);
  Value hit = node.compare(nn::CompareKind::eq, at, node.countUp(depth, axis, rank));
  Value off = node.reshape(node.sliceAxis(values, 0, 0, 1), {}), on = node.reshape(node.sliceAxis(values, 0, 1, 1), {});
  node.setOutput(node.select(hit, on, off));
}

/// The upper or lower triangle: a constant mask decides element by element.
static void importTrilu(NodeImporter &node) {
  Value input = node.input(0);
  if (rankOf(input) < 2)
    return node.fail("needs matrices, not " + formatShape(shapeOf(input)));
  int64_t k = 0;
  if (node.hasInput(1)) {
    std::vector<int64_t> given = node.constantIntegers(1);
    if (given.size() != 1)
      return node.fail("k must be one number");
    k = given[0];
  }
  bool upper = node.integer("upper", 1) != 0;
  int64_t rows = dimOf(input, -2), columns = dimOf(input, -1);
  k = std::clamp<int64_t>(k, -rows - 1, columns + 1);
  if (!node.checkConstant({rows, columns}))
    return;
  HostTensor mask(RankedTensorType::get({rows, columns}, node.boolean()));
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column)
      mask.setInteger(row * columns + column, upper ? column - row >= k : column - row <= k);
  node.setOutput(node.select(node.constant(mask), input, node.scalarLike(0, input)));
}

//===--- Windows and filters of signal processing -------------------------===//

/// sum of coefficients[j] cos(2 pi j n / period).
static void importCosineWindow(NodeImporter &node, ArrayRef<double> coefficients) {
  std::vector<int64_t> size = node.constantIntegers(0);
  Type element = node.elementTypeAttribute("output_datatype", node.f32());
  if (node.failed())
    return;
  if (size.size() != 1)
    return node.fail("size must be one number");
  if (!node.checkConstant(size))
    return;
  double period = node.integer("periodic", 1) != 0 ? double(size[0]) : double(size[0] - 1);
  HostTensor result(RankedTensorType::get({size[0]}, element));
  for (int64_t n = 0; n < size[0]; ++n) {
    double value = 0;
    for (auto [j, coefficient] : llvm::enumerate(coefficients))
      value += coefficient * std::cos(2 * M_PI * double(j) * double(n) / period);
    result.setDouble(n, size[0] == 1 ? 1 : value);
  }
  node.setOutput(node.constant(result));
}

static void importHannWindow(NodeImporter &node) { importCosineWindow(node, {0.5, -0.5}); }
static void importHammingWindow(NodeImporter &node) { importCosineWindow(node, {25.0 / 46, -21.0 / 46}); }
static void importBlackmanWindow(NodeImporter &node) { importCosineWindow(node, {0.42, -0.5, 0.08}); }

/// Triangular filters, equally wide on the mel scale 2595 log10(1 + f / 700),
/// over the bins of a spectrum: [dft_length / 2 + 1, mel bins].
static void importMelWeightMatrix(NodeImporter &node) {
  double parts[5];
  for (int i = 0; i < 5; ++i) {
    std::optional<double> value = node.constantReal(i);
    if (!value)
      return;
    parts[i] = *value;
  }
  Type element = node.elementTypeAttribute("output_datatype", node.f32());
  double bins = parts[0], dftLength = parts[1], sampleRate = parts[2], low = parts[3], high = parts[4];
  if (node.failed() || !(bins >= 0 && bins < 1 << 20 && dftLength > 0 && dftLength < 1 << 20 && sampleRate > 0))
    return node.fail("its sizes are out of range");
  int64_t columns = int64_t(bins), rows = int64_t(dftLength) / 2 + 1;
  if (!node.checkConstant({rows, columns}))
    return;
  auto toMel = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
  double lowMel = toMel(low), step = (toMel(high) - lowMel) / double(columns + 2);
  std::vector<double> edges(columns + 2);
  for (int64_t i = 0; i < columns + 2; ++i) {
    double hertz = 700 * (std::pow(10, (lowMel + double(i) * step) / 2595) - 1);
    edges[i] = std::floor((dftLength + 1) * hertz / sampleRate);
  }
  HostTensor result(RankedTensorType::get({rows, columns}, element));
  auto store = [&](double row, int64_t column, double value) {
    if (row >= 0 && row < double(rows))
      result.setDouble(int64_t(row) * columns + column, value);
  };
  for (int64_t i = 0; i < columns; ++i) {
    double begin = edges[i], peak = edges[i + 1], end = edges[i + 2];
    if (peak == begin)
      store(peak, i, 1);
    else
      for (double row = begin; row <= peak && row < double(rows); ++row)
        store(row, i, (row - begin) / (peak - begin));
    if (end > peak)
      for (double row = peak; row < end && row < double(rows); ++row)
        store(row, i, (end - row) / (end - peak));
  }
  node.setOutput(node.constant(result));
}

ArrayRef<OperatorEntry> generatorOperators() {
  static const char *constants = "size operands must follow from constants";
  static const OperatorEntry table[] = {
      {"", "BlackmanWindow", 17, newestOpset, importBlackmanWindow, constants},
      {"", "Constant", 1, newestOpset, importConstant, "dense tensors of numbers"},
      {"", "ConstantOfShape", 9, newestOpset, importConstantOfShape, constants},
      {"", "EyeLike", 9, newestOpset, importEyeLike, ""},
      {"", "HammingWindow", 17, newestOpset, importHammingWindow, constants},
      {"", "HannWindow", 17, newestOpset, importHannWindow, constants},
      {"", "MelWeightMatrix", 17, newestOpset, importMelWeightMatrix, constants},
      {"", "OneHot", 9, newestOpset, importOneHot, "depth must follow from constants"},
      {"", "Range", 11, newestOpset, importRange, constants},
      {"", "Trilu", 14, newestOpset, importTrilu, "k must follow from constants"},
  };
  return table;
}

} // namespace fettle
