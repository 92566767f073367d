//===- Signal.cpp - ONNX Fourier transforms -------------------------------===//
//
// A discrete Fourier transform of known length is a product with a constant
// matrix. Complex numbers lie as pairs behind one another, so the matrix acts on
// real numbers: a signal of n complex numbers is 2n reals, and bin k of sample i
// contributes the block [c -s; s c] with c, s = cos, sin of 2 pi i k / n (s
// negated for the forward transform). A real signal has the first row of each
// block only. Cost: n k products per signal, where a fast transform would take
// n log n; frames of audio models have n of a few hundred.
//
//===----------------------------------------------------------------------===//

#include "ir/import/OperatorTable.h"
#include <cmath>

using namespace mlir;

namespace fettle {

namespace {
struct Transform {
  int64_t length;  ///< n
  int64_t inputs;  ///< samples, or bins of a one-sided inverse
  int64_t outputs; ///< bins, or samples
  bool inverse, realInput, realOutput;
};
} // namespace

/// [inputs * (1 or 2), outputs * (1 or 2)].
static Value transformMatrix(NodeImporter &node, const Transform &t, Type element) {
  int64_t rowParts = t.realInput ? 1 : 2, columnParts = t.realOutput ? 1 : 2;
  int64_t rows = t.inputs * rowParts, columns = t.outputs * columnParts;
  if (!node.checkConstant({rows, columns}))
    return node.scalar(0, element);
  HostTensor matrix(RankedTensorType::get({rows, columns}, element));
  for (int64_t i = 0; i < t.inputs; ++i) {
    double weight = t.inverse ? 1.0 / double(t.length) : 1;
    // A one-sided spectrum stands for its mirror image too.
    if (t.realOutput && i != 0 && 2 * i != t.length)
      weight *= 2;
    for (int64_t k = 0; k < t.outputs; ++k) {
      double angle = 2 * M_PI * double(i * k % t.length) / double(t.length);
      double c = weight * std::cos(angle), s = weight * std::sin(angle) * (t.inverse ? 1 : -1);
      const double block[2][2] = {{c, s}, {-s, c}};
      for (int64_t row = 0; row < rowParts; ++row)
        for (int64_t column = 0; column < columnParts; ++column)
          matrix.setDouble((i * rowParts + row) * columns + k * columnParts + column, block[row][column]);
    }
  }
  return node.constant(matrix, "fourier");
}

/// Applies a transform to `signal` [rows, inputs, 1 or 2], giving [rows, outputs, 1 or 2].
static Value applyTransform(NodeImporter &node, Value signal, const Transform &t) {
  Value matrix = transformMatrix(node, t, elementOf(signal));
  int64_t rows = dimOf(signal, 0);
  Value flat = node.reshape(signal, {rows, dimOf(signal, 1) * dimOf(signal, 2)});
  return node.reshape(node.matmul(flat, matrix), {rows, t.outputs, t.realOutput ? 1 : 2});
}

static void importDft(NodeImporter &node) {
  Value input = node.input(0);
  int64_t rank = rankOf(input), axis = node.opset < 20 ? node.integer("axis", 1) : -2;
  if (node.opset >= 20 && node.hasInput(2)) {
    std::vector<int64_t> given = node.constantIntegers(2);
    if (given.size() != 1)
      return node.fail("axis must be one number");
    axis = given[0];
  }
  axis = node.normalizeAxis(axis, rank);
  int64_t parts = dimOf(input, -1);
  if (rank < 2 || axis == rank - 1 || (parts != 1 && parts != 2))
    return node.fail("needs real or complex numbers along the last axis and another axis to transform");
  Transform t;
  t.inverse = node.integer("inverse", 0) != 0;
  bool onesided = node.integer("onesided", 0) != 0;
  t.realInput = parts == 1;
  t.realOutput = t.inverse && onesided;
  t.length = t.realOutput ? 2 * (dimOf(input, axis) - 1) : dimOf(input, axis);
  if (node.hasInput(1)) {
    std::vector<int64_t> given = node.constantIntegers(1);
    if (given.size() != 1)
      return node.fail("dft_length must be one number");
    t.length = given[0];
  }
  if (node.failed() || t.length < 1 || t.length > 1 << 16)
    return node.fail("a transform of length " + Twine(t.length) + " is not supported");
  t.inputs = t.realOutput ? t.length / 2 + 1 : t.length;
  t.outputs = onesided && !t.inverse ? t.length / 2 + 1 : t.length;
  // Cut or fill the signal to the length of the transform.
  if (dimOf(input, axis) > t.inputs) {
    input = node.sliceAxis(input, axis, 0, t.inputs);
  } else if (dimOf(input, axis) < t.inputs) {
    std::vector<int64_t> low(rank, 0), high(rank, 0);
    high[axis] = t.inputs - dimOf(input, axis);
    input = node.pad(nn::PadMode::constant, input, low, high);
  }
  Value last = node.swapAxes(input, axis, rank - 2);
  std::vector<int64_t> shape = shapeOf(last).vec();
  Value spectrum = applyTransform(node, node.reshape(last, {extentOf(last, 0, rank - 2), t.inputs, parts}), t);
  if (node.failed())
    return;
  shape[rank - 2] = t.outputs;
  shape[rank - 1] = t.realOutput ? 1 : 2;
  node.setOutput(node.swapAxes(node.reshape(spectrum, shape), axis, rank - 2));
}

/// Frames are gathered, windowed and transformed: [n, frames, bins, 2].
static void importStft(NodeImporter &node) {
  Value signal = node.input(0), window = node.optionalInput(2);
  std::vector<int64_t> step = node.constantIntegers(1);
  if (rankOf(signal) == 2)
    signal = node.unsqueeze(signal, {2});
  if (rankOf(signal) != 3)
    return node.fail("needs signals of rank 3, not " + formatShape(shapeOf(signal)));
  int64_t n = dimOf(signal, 0), samples = dimOf(signal, 1), parts = dimOf(signal, 2);
  int64_t length = window ? dimOf(window, 0) : samples;
  if (node.hasInput(3)) {
    std::vector<int64_t> given = node.constantIntegers(3);
    length = given.size() == 1 ? given[0] : -1;
  }
  if (node.failed() || step.size() != 1 || step[0] < 1 || length < 1 || length > samples || (parts != 1 && parts != 2) ||
      (window && elementsOf(window) != length))
    return node.fail("its frames do not fit a signal of shape " + formatShape(shapeOf(signal)));
  int64_t frames = (samples - length) / step[0] + 1;
  if (!node.checkConstant({frames, length}))
    return;
  std::vector<int64_t> index;
  for (int64_t frame = 0; frame < frames; ++frame)
    for (int64_t i = 0; i < length; ++i)
      index.push_back(frame * step[0] + i);
  Value framed = node.gather(signal, node.integers(index, {frames, length}), 1);
  if (window)
    framed = node.mul(framed, node.reshape(node.cast(window, elementOf(signal)), {length, 1}));
  bool onesided = node.integer("onesided", 1) != 0;
  Transform t{length, length, onesided ? length / 2 + 1 : length, false, parts == 1, false};
  Value spectrum = applyTransform(node, node.reshape(framed, {n * frames, length, parts}), t);
  node.setOutput(node.reshape(spectrum, {n, frames, t.outputs, 2}));
}

ArrayRef<OperatorEntry> signalOperators() {
  static const char *constants = "lengths and steps must follow from constants";
  static const OperatorEntry table[] = {
      {"", "DFT", 17, newestOpset, importDft, constants},
      {"", "STFT", 17, newestOpset, importStft, constants},
  };
  return table;
}

} // namespace fettle
