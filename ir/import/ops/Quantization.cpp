//===- Quantization.cpp - ONNX operators on quantized tensors -------------===//

#include "ir/import/OperatorTable.h"
#include "ir/import/ops/Contraction.h"
#include "ir/import/ops/Quantized.h"

using namespace mlir;

namespace fettle {

/// Scale or zero point as nn takes it: scalar, along `axis`, or of the input's rank with blocks.
static Value asParameter(NodeImporter &node, Value input, Value parameter) {
  if (!parameter || node.failed())
    return parameter;
  if (rankOf(parameter) == 1 && dimOf(parameter, 0) == 1)
    return node.reshape(parameter, {});
  return parameter;
}

static int64_t parameterAxis(NodeImporter &node, Value input, Value scale) {
  // The attribute matters, and is checked, only where parameters vary along it.
  return rankOf(scale) == 1 ? node.normalizeAxis(node.integer("axis", 1), rankOf(input)) : 1;
}

static void importQuantizeLinear(NodeImporter &node) {
  Value input = node.input(0), scale = asParameter(node, input, node.input(1));
  Value zeroPoint = asParameter(node, input, node.optionalInput(2));
  Type element = zeroPoint ? elementOf(zeroPoint) : IntegerType::get(node.context(), 8, IntegerType::Unsigned);
  if (node.integer("output_dtype", 0) != 0 && !zeroPoint)
    element = node.elementTypeAttribute("output_dtype", element);
  if (node.failed())
    return;
  if (isa<IntegerType>(elementOf(input)))
    input = node.cast(input, elementOf(scale));
  node.setOutput(node.quantize(input, scale, zeroPoint, element, parameterAxis(node, input, scale)));
}

static void importDequantizeLinear(NodeImporter &node) {
  Value input = node.input(0), scale = asParameter(node, input, node.input(1));
  Value zeroPoint = asParameter(node, input, node.optionalInput(2));
  Value result = node.dequantize(input, scale, zeroPoint, parameterAxis(node, input, scale));
  if (node.integer("output_dtype", 0) != 0)
    result = node.cast(result, node.elementTypeAttribute("output_dtype", elementOf(result)));
  node.setOutput(result);
}

/// The range is [min(0, x), max(0, x)], so that 0 is exact.
DynamicallyQuantized quantizeDynamically(NodeImporter &node, Value input) {
  Type u8 = IntegerType::get(node.context(), 8, IntegerType::Unsigned);
  Value zero = node.scalarLike(0, input), levels = node.scalarLike(255, input);
  Value high = node.binary(nn::BinaryKind::max, node.reduce(nn::ReduceKind::max, input, allAxes(input), false), zero);
  Value low = node.binary(nn::BinaryKind::min, node.reduce(nn::ReduceKind::min, input, allAxes(input), false), zero);
  Value scale = node.div(node.sub(high, low), levels);
  Value offset = node.div(node.sub(zero, low), scale);
  Value zeroPoint = node.cast(node.clamp(node.unary(nn::UnaryKind::round, offset), 0, 255), u8);
  return {node.quantize(input, scale, zeroPoint, u8), scale, zeroPoint};
}

static void importDynamicQuantizeLinear(NodeImporter &node) {
  DynamicallyQuantized result = quantizeDynamically(node, node.input(0));
  node.setOutput(0, result.values);
  node.setOutput(1, result.scale);
  node.setOutput(2, result.zeroPoint);
}

//===--- Integer products -------------------------------------------------===//

/// input - zeroPoint in 32 bits. The zero point varies along `axis` if it is a vector of more than one.
static Value centred(NodeImporter &node, Value input, Value zeroPoint, int64_t axis) {
  Value wide = node.cast(input, node.i32());
  if (!zeroPoint || node.failed())
    return wide;
  zeroPoint = node.cast(zeroPoint, node.i32());
  if (elementsOf(zeroPoint) == 1) {
    zeroPoint = node.reshape(zeroPoint, {});
  } else if (rankOf(zeroPoint) == 1) {
    std::vector<int64_t> shape(rankOf(input), 1);
    if (axis < 0)
      axis += shape.size();
    if (axis >= 0 && axis < int64_t(shape.size()))
      shape[axis] = dimOf(zeroPoint, 0);
    zeroPoint = node.reshape(zeroPoint, shape);
  }
  return node.sub(wide, zeroPoint);
}

Value emitIntegerMatMul(NodeImporter &node, Value lhs, Value rhs, Value lhsZeroPoint, Value rhsZeroPoint) {
  return emitMatMul(node, centred(node, lhs, lhsZeroPoint, -2), centred(node, rhs, rhsZeroPoint, -1));
}

static void importMatMulInteger(NodeImporter &node) {
  node.setOutput(
      emitIntegerMatMul(node, node.input(0), node.input(1), node.optionalInput(2), node.optionalInput(3)));
}

static void importConvInteger(NodeImporter &node) {
  Value input = centred(node, node.input(0), node.optionalInput(2), 1);
  Value weight = centred(node, node.input(1), node.optionalInput(3), 0);
  node.setOutput(emitConv(node, input, weight, {}));
}

//===--- Quantized operators: dequantize, compute, quantize ---------------===//

Value dequantizeOperand(NodeImporter &node, size_t i, int64_t axis) {
  Value input = node.input(i), scale = asParameter(node, input, node.input(i + 1));
  Value zeroPoint = asParameter(node, input, node.optionalInput(i + 2));
  return node.dequantize(input, scale, zeroPoint, node.normalizeAxis(axis, std::max<int64_t>(rankOf(input), 1)));
}

Value quantizeResult(NodeImporter &node, Value result, size_t i) {
  Value scale = asParameter(node, result, node.input(i)), zeroPoint = asParameter(node, result, node.optionalInput(i + 1));
  Type element = zeroPoint ? elementOf(zeroPoint) : elementOf(node.input(0));
  return node.quantize(result, scale, zeroPoint, element);
}

static void importQLinearMatMul(NodeImporter &node) {
  Value lhs = dequantizeOperand(node, 0, -2), rhs = dequantizeOperand(node, 3, -1);
  node.setOutput(quantizeResult(node, emitMatMul(node, lhs, rhs), 6));
}

/// The bias is i32 with the scale of the products: input scale times weight scale.
static void importQLinearConv(NodeImporter &node) {
  Value input = dequantizeOperand(node, 0, 1), weight = dequantizeOperand(node, 3, 0), bias;
  if (Value stored = node.optionalInput(8)) {
    Value scale = node.mul(asParameter(node, input, node.input(1)), asParameter(node, weight, node.input(4)));
    bias = node.dequantize(stored, scale, {}, 0);
  }
  node.setOutput(quantizeResult(node, emitConv(node, input, weight, bias), 6));
}

ArrayRef<OperatorEntry> quantizationOperators() {
  static const char *types = "no floats of 8 bits and less";
  static const OperatorEntry table[] = {
      {"", "ConvInteger", 10, newestOpset, importConvInteger, ""},
      {"", "DequantizeLinear", 10, newestOpset, importDequantizeLinear, types},
      {"", "DynamicQuantizeLinear", 11, newestOpset, importDynamicQuantizeLinear, ""},
      {"", "MatMulInteger", 10, newestOpset, importMatMulInteger, ""},
      {"", "QLinearConv", 10, newestOpset, importQLinearConv, ""},
      {"", "QLinearMatMul", 10, newestOpset, importQLinearMatMul, types},
      {"", "QuantizeLinear", 10, newestOpset, importQuantizeLinear, types},
      {microsoftDomain, "DequantizeLinear", 1, newestMicrosoftOpset, importDequantizeLinear, types},
      {microsoftDomain, "QuantizeLinear", 1, newestMicrosoftOpset, importQuantizeLinear, types},
  };
  return table;
}

} // namespace fettle
