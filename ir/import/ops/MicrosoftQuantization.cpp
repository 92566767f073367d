//===- MicrosoftQuantization.cpp - com.microsoft: quantized operators -----===//
//
// Each is the float operator between dequantize and quantize, as ONNX Runtime
// defines it.
//
//===----------------------------------------------------------------------===//

#include "ir/import/OperatorTable.h"
#include "ir/import/ops/Contraction.h"
#include "ir/import/ops/Quantized.h"
#include "ir/import/ops/Window.h"

using namespace mlir;

namespace fettle {

template <nn::BinaryKind kind> static void importQLinearBinary(NodeImporter &node) {
  Value result = node.binary(kind, dequantizeOperand(node, 0, 0), dequantizeOperand(node, 3, 0));
  node.setOutput(quantizeResult(node, result, 6));
}

static void importQLinearSigmoid(NodeImporter &node) {
  node.setOutput(quantizeResult(node, node.unary(nn::UnaryKind::sigmoid, dequantizeOperand(node, 0, 0)), 3));
}

static void importQLinearLeakyRelu(NodeImporter &node) {
  Value result = node.unary(nn::UnaryKind::leaky_relu, dequantizeOperand(node, 0, 0), node.real("alpha", 0.01));
  node.setOutput(quantizeResult(node, result, 3));
}

static void importQLinearSoftmax(NodeImporter &node) {
  Value input = dequantizeOperand(node, 0, 0);
  int64_t opset = node.integer("opset", 13), rank = rankOf(input);
  int64_t axis = node.normalizeAxis(node.integer("axis", -1), rank);
  if (opset < 13 && axis != rank - 1)
    return node.fail("softmax over several axes is not supported");
  node.setOutput(quantizeResult(node, node.softmax(input, axis), 3));
}

static bool isChannelsLast(NodeImporter &node) {
  if (node.integer("channels_last", 0) == 0)
    return false;
  node.fail("channels_last is not supported");
  return true;
}

static void importQLinearGlobalAveragePool(NodeImporter &node) {
  Value input = dequantizeOperand(node, 0, 0);
  if (isChannelsLast(node))
    return;
  std::vector<int64_t> axes = allAxes(input);
  axes.erase(axes.begin(), axes.begin() + std::min<size_t>(2, axes.size()));
  node.setOutput(quantizeResult(node, node.reduce(nn::ReduceKind::mean, input, axes, /*keepDims=*/true), 3));
}

static void importQLinearAveragePool(NodeImporter &node) {
  Value input = dequantizeOperand(node, 0, 0);
  if (isChannelsLast(node))
    return;
  Window window = readWindow(node, input, {});
  nn::PoolKind kind =
      node.integer("count_include_pad", 0) != 0 ? nn::PoolKind::average_with_pad : nn::PoolKind::average;
  Value pooled = node.create<nn::PoolOp>(kind, input, ArrayRef<int64_t>(window.kernel),
                                         ArrayRef<int64_t>(window.strides), ArrayRef<int64_t>(window.pads),
                                         ArrayRef<int64_t>(window.dilations), int64_t(2),
                                         node.integer("ceil_mode", 0) != 0, /*channels_last=*/false);
  node.setOutput(quantizeResult(node, pooled, 3));
}

/// Operands: the result's scale and zero point, then triples.
static void importQLinearConcat(NodeImporter &node) {
  std::vector<Value> parts;
  for (size_t i = 2; i + 1 < node.numInputs(); i += 3)
    parts.push_back(dequantizeOperand(node, i, 0));
  if (parts.empty())
    return node.fail("has no operands");
  Value joined = node.concat(parts, node.normalizeAxis(node.integer("axis", 0), rankOf(parts.front())));
  Value zeroPoint = node.input(1);
  node.setOutput(node.quantize(joined, node.reshape(node.input(0), {}), node.reshape(zeroPoint, {}),
                               elementOf(zeroPoint)));
}

/// alpha A B + C with C in i32 and of the scale alpha scaleA scaleB; float without a result scale.
static void importQGemm(NodeImporter &node) {
  Value a = dequantizeOperand(node, 0, 0);
  bool transposeB = node.integer("transB", 0) != 0;
  Value b = dequantizeOperand(node, 3, transposeB ? 0 : 1), bias;
  double alpha = node.real("alpha", 1);
  if (Value stored = node.optionalInput(6)) {
    Value scale = node.scaled(node.mul(node.input(1), node.input(4)), alpha);
    bias = node.mul(node.cast(stored, elementOf(scale)), scale);
  }
  Value product = node.scaled(node.matmul(a, b, {}, node.integer("transA", 0) != 0, transposeB), alpha);
  Value result = bias ? node.add(product, bias) : product;
  node.setOutput(node.hasInput(7) ? quantizeResult(node, result, 7) : result);
}

/// A [m, k], B [k, n] in integers, scales of A and B, zero points, bias.
static void importMatMulIntegerToFloat(NodeImporter &node) {
  Value product =
      emitIntegerMatMul(node, node.input(0), node.input(1), node.optionalInput(4), node.optionalInput(5));
  Value scale = node.mul(node.input(2), node.input(3));
  Value result = node.mul(node.cast(product, elementOf(scale)), scale);
  if (Value bias = node.optionalInput(6))
    result = node.add(result, bias);
  node.setOutput(result);
}

/// A in float, quantized on the fly; B with its scale and zero point; bias.
static void importDynamicQuantizeMatMul(NodeImporter &node) {
  DynamicallyQuantized a = quantizeDynamically(node, node.input(0));
  Value product = emitIntegerMatMul(node, a.values, node.input(1), a.zeroPoint, node.optionalInput(3));
  Value result = node.mul(node.cast(product, elementOf(a.scale)), node.mul(a.scale, node.input(2)));
  if (Value bias = node.optionalInput(4))
    result = node.add(result, bias);
  node.setOutput(result);
}

//===--- Weights in few bits ----------------------------------------------===//

/// Rows of `rowBytes` packed bytes, the low bits first, as [rows, columns] of unsigned elements of 4 or 8 bits.
static HostTensor unpackRows(ArrayRef<char> packed, int64_t rowBytes, int64_t bits, RankedTensorType type) {
  HostTensor result(type);
  int64_t columns = type.getDimSize(1), perByte = 8 / bits;
  MutableArrayRef<char> bytes = result.mutableBytes();
  for (int64_t i = 0; i < int64_t(bytes.size()); ++i) {
    int64_t row = i / columns, column = i % columns;
    auto byte = static_cast<unsigned char>(packed[row * rowBytes + column / perByte]);
    bytes[i] = char(byte >> (column % perByte * bits) & ((1 << bits) - 1));
  }
  return result;
}

/// A [..., k] times the transpose of B [n, k], which is stored in blocks along k: B packed [n, blocks, bytes], one
/// scale and zero point (half the range, if none) per block.
static void importMatMulNBits(NodeImporter &node) {
  int64_t k = node.integer("K", 0), n = node.integer("N", 0), bits = node.integer("bits", 4);
  int64_t block = node.integer("block_size", 0);
  if (bits != 4 && bits != 8)
    return node.fail("weights of " + Twine(bits) + " bits are not supported");
  if (node.hasInput(4))
    return node.fail("reordered weights (g_idx) are not supported");
  if (k < 1 || n < 1 || block < 2 || k > 1 << 24 || block > 1 << 24)
    return node.fail("its attributes do not fit together");
  int64_t blocks = (k + block - 1) / block, perByte = 8 / bits, blockBytes = block / perByte;
  std::optional<HostTensor> packed = node.constantInput(1);
  if (!packed || !node.checkConstant({n, blocks, block}))
    return;
  Value scales = node.input(2), zeroPoint = node.optionalInput(3);
  if (block % perByte != 0 || int64_t(packed->bytes().size()) != n * blocks * blockBytes ||
      elementsOf(scales) != n * blocks)
    return node.fail("weights or scales do not fit " + Twine(n) + " rows of " + Twine(blocks) + " blocks");
  Type element = IntegerType::get(node.context(), bits, IntegerType::Unsigned);
  auto perBlock = RankedTensorType::get({n, blocks}, element);
  if (!zeroPoint) {
    zeroPoint = node.splat(double(int64_t(1) << (bits - 1)), {n, blocks}, element);
  } else {
    int64_t rowBytes = (blocks + perByte - 1) / perByte;
    std::optional<HostTensor> points = node.constantInput(3);
    if (!points)
      return;
    if (!points->elementType().isUnsignedInteger(8) || int64_t(points->bytes().size()) != n * rowBytes)
      return node.fail("zero points are not packed as the weights are");
    zeroPoint = node.constant(unpackRows(points->bytes(), rowBytes, bits, perBlock), "zero_points");
  }
  HostTensor unpacked = unpackRows(packed->bytes(), blocks * blockBytes, bits,
                                   RankedTensorType::get({n, blocks * block}, element));
  Value weights = node.dequantize(node.constant(unpacked, node.node.inputs[1]), node.reshape(scales, {n, blocks}), zeroPoint);
  if (blocks * block != k)
    weights = node.sliceAxis(weights, 1, 0, k);
  Value result = node.matmul(node.input(0), weights, {}, false, /*transposeRhs=*/true);
  if (Value bias = node.optionalInput(5))
    result = node.add(result, bias);
  node.setOutput(result);
}

ArrayRef<OperatorEntry> microsoftQuantizationOperators() {
  static const char *channelsFirst = "channels first";
  static const OperatorEntry table[] = {
      {microsoftDomain, "DynamicQuantizeMatMul", 1, newestMicrosoftOpset, importDynamicQuantizeMatMul, ""},
      {microsoftDomain, "MatMulIntegerToFloat", 1, newestMicrosoftOpset, importMatMulIntegerToFloat, ""},
      {microsoftDomain, "MatMulNBits", 1, newestMicrosoftOpset, importMatMulNBits, "constant weights of 4 or 8 bits"},
      {microsoftDomain, "QGemm", 1, newestMicrosoftOpset, importQGemm, ""},
      {microsoftDomain, "QLinearAdd", 1, newestMicrosoftOpset, importQLinearBinary<nn::BinaryKind::add>, ""},
      {microsoftDomain, "QLinearAveragePool", 1, newestMicrosoftOpset, importQLinearAveragePool, channelsFirst},
      {microsoftDomain, "QLinearConcat", 1, newestMicrosoftOpset, importQLinearConcat, ""},
      {microsoftDomain, "QLinearGlobalAveragePool", 1, newestMicrosoftOpset, importQLinearGlobalAveragePool,
       channelsFirst},
      {microsoftDomain, "QLinearLeakyRelu", 1, newestMicrosoftOpset, importQLinearLeakyRelu, ""},
      {microsoftDomain, "QLinearMul", 1, newestMicrosoftOpset, importQLinearBinary<nn::BinaryKind::mul>, ""},
      {microsoftDomain, "QLinearSigmoid", 1, newestMicrosoftOpset, importQLinearSigmoid, ""},
      {microsoftDomain, "QLinearSoftmax", 1, newestMicrosoftOpset, importQLinearSoftmax, ""},
  };
  return table;
}

} // namespace fettle
