//===- Elementwise.cpp - ONNX operators that map elements -----------------===//

#include "ir/import/OperatorTable.h"
#include <cmath>
#include <limits>

using namespace mlir;

namespace fettle {

using nn::BinaryKind;
using nn::CompareKind;
using nn::UnaryKind;

//===--- One operand ------------------------------------------------------===//

template <UnaryKind kind> static void importUnary(NodeImporter &node) {
  node.setOutput(node.unary(kind, node.input(0)));
}

static void importIdentity(NodeImporter &node) { node.setOutput(node.anyInput(0)); }

static void importLeakyRelu(NodeImporter &node) {
  node.setOutput(node.unary(UnaryKind::leaky_relu, node.input(0), node.real("alpha", 0.01)));
}
static void importElu(NodeImporter &node) {
  node.setOutput(node.unary(UnaryKind::elu, node.input(0), node.real("alpha", 1.0)));
}
static void importCelu(NodeImporter &node) {
  node.setOutput(node.unary(UnaryKind::celu, node.input(0), node.real("alpha", 1.0)));
}
static void importSelu(NodeImporter &node) {
  bool old = node.opset < 6;
  double alpha = node.real("alpha", old ? 1.6732f : 1.67326319217681884765625f);
  double gamma = node.real("gamma", old ? 1.0507f : 1.05070102214813232421875f);
  node.setOutput(node.unary(UnaryKind::selu, node.input(0), alpha, gamma));
}
static void importThresholdedRelu(NodeImporter &node) {
  node.setOutput(node.unary(UnaryKind::thresholded_relu, node.input(0), node.real("alpha", 1.0)));
}
static void importHardSigmoid(NodeImporter &node) {
  node.setOutput(node.unary(UnaryKind::hard_sigmoid, node.input(0), node.real("alpha", 0.2f), node.real("beta", 0.5)));
}
static void importShrink(NodeImporter &node) {
  node.setOutput(node.unary(UnaryKind::shrink, node.input(0), node.real("lambd", 0.5), node.real("bias", 0.0)));
}
static void importSwish(NodeImporter &node) {
  node.setOutput(node.unary(UnaryKind::silu, node.input(0), node.real("alpha", 1.0)));
}
static void importSwiGlu(NodeImporter &node) {
  node.setOutput(node.mul(node.unary(UnaryKind::silu, node.input(0), node.real("alpha", 1.0)), node.input(1)));
}
static void importGelu(NodeImporter &node) {
  std::string approximation = node.text("approximate", "none");
  if (approximation != "none" && approximation != "tanh")
    return node.fail("knows no approximation '" + approximation + "'");
  node.setOutput(node.unary(approximation == "tanh" ? UnaryKind::gelu_tanh : UnaryKind::gelu, node.input(0)));
}
static void importIsInf(NodeImporter &node) {
  node.setOutput(node.unary(UnaryKind::is_inf, node.input(0), double(node.integer("detect_positive", 1) != 0),
                            double(node.integer("detect_negative", 1) != 0)));
}

//===--- Several operands -------------------------------------------------===//

/// Before opset 7 the second operand broadcast from an axis on, if told so.
static std::pair<Value, Value> broadcastOperands(NodeImporter &node) {
  Value lhs = node.input(0), rhs = node.input(1);
  if (node.opset >= 7 || !node.hasAttribute("axis") || node.failed())
    return {lhs, rhs};
  int64_t axis = node.normalizeAxis(node.integer("axis", 0), std::max<int64_t>(rankOf(lhs), 1));
  std::vector<int64_t> shape = shapeOf(rhs).vec();
  if (axis + int64_t(shape.size()) <= rankOf(lhs))
    shape.resize(rankOf(lhs) - axis, 1);
  return {lhs, node.reshape(rhs, shape)};
}

template <BinaryKind kind> static void importBinary(NodeImporter &node) {
  auto [lhs, rhs] = broadcastOperands(node);
  node.setOutput(node.binary(kind, lhs, rhs));
}

template <CompareKind kind> static void importCompare(NodeImporter &node) {
  auto [lhs, rhs] = broadcastOperands(node);
  node.setOutput(node.compare(kind, lhs, rhs));
}

template <BinaryKind kind> static void importVariadic(NodeImporter &node) {
  Value result = node.input(0);
  for (size_t i = 1; i < node.numInputs(); ++i)
    result = node.binary(kind, result, node.input(i));
  node.setOutput(result);
}

static void importMean(NodeImporter &node) {
  Value sum = node.input(0);
  for (size_t i = 1; i < node.numInputs(); ++i)
    sum = node.add(sum, node.input(i));
  node.setOutput(node.div(sum, node.scalarLike(double(node.numInputs()), sum)));
}

static void importMod(NodeImporter &node) {
  Value lhs = node.input(0);
  bool fmod = node.integer("fmod", 0) != 0;
  if (!fmod && isFloat(lhs) && node.opset < 28)
    return node.fail("needs fmod = 1 for floating-point operands");
  node.setOutput(node.binary(fmod ? BinaryKind::fmod : BinaryKind::mod, lhs, node.input(1)));
}

static void importBitShift(NodeImporter &node) {
  std::string direction = node.text("direction", "");
  if (direction != "LEFT" && direction != "RIGHT")
    return node.fail("knows no direction '" + direction + "'");
  BinaryKind kind = direction == "LEFT" ? BinaryKind::shift_left : BinaryKind::shift_right;
  node.setOutput(node.binary(kind, node.input(0), node.input(1)));
}

static void importPRelu(NodeImporter &node) {
  Value input = node.input(0), slope = node.input(1);
  // Before opset 7 a slope of rank 1 is per channel.
  if (node.opset < 7 && rankOf(slope) == 1 && dimOf(slope, 0) > 1 && rankOf(input) > 2) {
    std::vector<int64_t> shape(rankOf(input) - 1, 1);
    shape[0] = dimOf(slope, 0);
    slope = node.reshape(slope, shape);
  }
  node.setOutput(node.binary(BinaryKind::prelu, input, slope));
}

static void importWhere(NodeImporter &node) {
  node.setOutput(node.select(node.input(0), node.input(1), node.input(2)));
}

/// Clip: attributes before opset 11, then operands. Bounds that are known and
/// exact as a double become a clamp, others a maximum and a minimum.
static void importClip(NodeImporter &node) {
  Value input = node.input(0);
  double infinity = std::numeric_limits<double>::infinity();
  if (node.opset < 11)
    return node.setOutput(node.clamp(input, node.real("min", -infinity), node.real("max", infinity)));
  double bounds[2] = {-infinity, infinity};
  Value open[2];
  for (int side = 0; side < 2; ++side) {
    Value bound = node.optionalInput(1 + side);
    if (!bound)
      continue;
    if (elementsOf(bound) != 1)
      return node.fail("bound of shape " + formatShape(shapeOf(bound)) + " is not a scalar");
    std::optional<HostTensor> known = node.constantIfKnown(bound);
    if (known && std::abs(known->doubleAt(0)) <= 9007199254740992.0)
      bounds[side] = known->doubleAt(0);
    else if (known && std::isinf(known->doubleAt(0)))
      bounds[side] = known->doubleAt(0);
    else
      open[side] = node.reshape(bound, {});
  }
  if (std::isfinite(bounds[0]) || std::isfinite(bounds[1]) || (!open[0] && !open[1]))
    input = node.clamp(input, bounds[0], bounds[1]);
  if (open[0])
    input = node.binary(BinaryKind::max, input, open[0]);
  if (open[1])
    input = node.binary(BinaryKind::min, input, open[1]);
  node.setOutput(input);
}

static void importCast(NodeImporter &node) {
  Value input = node.input(0);
  node.setOutput(node.cast(input, node.elementTypeAttribute("to", elementOf(input))));
}

static void importCastLike(NodeImporter &node) { node.setOutput(node.cast(node.input(0), elementOf(node.input(1)))); }

ArrayRef<OperatorEntry> elementwiseOperators() {
  static const OperatorEntry table[] = {
      {"", "Abs", 1, newestOpset, importUnary<UnaryKind::abs>, ""},
      {"", "Acos", 7, newestOpset, importUnary<UnaryKind::acos>, ""},
      {"", "Acosh", 9, newestOpset, importUnary<UnaryKind::acosh>, ""},
      {"", "Add", 1, newestOpset, importBinary<BinaryKind::add>, ""},
      {"", "And", 1, newestOpset, importBinary<BinaryKind::logical_and>, ""},
      {"", "Asin", 7, newestOpset, importUnary<UnaryKind::asin>, ""},
      {"", "Asinh", 9, newestOpset, importUnary<UnaryKind::asinh>, ""},
      {"", "Atan", 7, newestOpset, importUnary<UnaryKind::atan>, ""},
      {"", "Atanh", 9, newestOpset, importUnary<UnaryKind::atanh>, ""},
      {"", "BitShift", 11, newestOpset, importBitShift, ""},
      {"", "BitwiseAnd", 18, newestOpset, importBinary<BinaryKind::bitwise_and>, ""},
      {"", "BitwiseNot", 18, newestOpset, importUnary<UnaryKind::bitwise_not>, ""},
      {"", "BitwiseOr", 18, newestOpset, importBinary<BinaryKind::bitwise_or>, ""},
      {"", "BitwiseXor", 18, newestOpset, importBinary<BinaryKind::bitwise_xor>, ""},
      {"", "Cast", 1, newestOpset, importCast, "no strings, no floats of 8 bits and less"},
      {"", "CastLike", 15, newestOpset, importCastLike, "no strings, no floats of 8 bits and less"},
      {"", "Ceil", 1, newestOpset, importUnary<UnaryKind::ceil>, ""},
      {"", "Celu", 12, newestOpset, importCelu, ""},
      {"", "Clip", 1, newestOpset, importClip, ""},
      {"", "Cos", 7, newestOpset, importUnary<UnaryKind::cos>, ""},
      {"", "Cosh", 9, newestOpset, importUnary<UnaryKind::cosh>, ""},
      {"", "Div", 1, newestOpset, importBinary<BinaryKind::div>, ""},
      {"", "Elu", 1, newestOpset, importElu, ""},
      {"", "Equal", 1, newestOpset, importCompare<CompareKind::eq>, ""},
      {"", "Erf", 9, newestOpset, importUnary<UnaryKind::erf>, ""},
      {"", "Exp", 1, newestOpset, importUnary<UnaryKind::exp>, ""},
      {"", "Floor", 1, newestOpset, importUnary<UnaryKind::floor>, ""},
      {"", "Gelu", 20, newestOpset, importGelu, ""},
      {"", "Greater", 1, newestOpset, importCompare<CompareKind::gt>, ""},
      {"", "GreaterOrEqual", 12, newestOpset, importCompare<CompareKind::ge>, ""},
      {"", "HardSigmoid", 1, newestOpset, importHardSigmoid, ""},
      {"", "HardSwish", 14, newestOpset, importUnary<UnaryKind::hard_swish>, ""},
      {"", "Identity", 1, newestOpset, importIdentity, ""},
      {"", "IsInf", 10, newestOpset, importIsInf, ""},
      {"", "IsNaN", 9, newestOpset, importUnary<UnaryKind::is_nan>, ""},
      {"", "LeakyRelu", 1, newestOpset, importLeakyRelu, ""},
      {"", "Less", 1, newestOpset, importCompare<CompareKind::lt>, ""},
      {"", "LessOrEqual", 12, newestOpset, importCompare<CompareKind::le>, ""},
      {"", "Log", 1, newestOpset, importUnary<UnaryKind::log>, ""},
      {"", "Max", 1, newestOpset, importVariadic<BinaryKind::max>, ""},
      {"", "Mean", 1, newestOpset, importMean, ""},
      {"", "Min", 1, newestOpset, importVariadic<BinaryKind::min>, ""},
      {"", "Mish", 18, newestOpset, importUnary<UnaryKind::mish>, ""},
      {"", "Mod", 10, newestOpset, importMod, ""},
      {"", "Mul", 1, newestOpset, importBinary<BinaryKind::mul>, ""},
      {"", "Neg", 1, newestOpset, importUnary<UnaryKind::neg>, ""},
      {"", "Not", 1, newestOpset, importUnary<UnaryKind::logical_not>, ""},
      {"", "Or", 1, newestOpset, importBinary<BinaryKind::logical_or>, ""},
      {"", "PRelu", 1, newestOpset, importPRelu, ""},
      {"", "Pow", 1, newestOpset, importBinary<BinaryKind::pow>, ""},
      {"", "Reciprocal", 1, newestOpset, importUnary<UnaryKind::reciprocal>, ""},
      {"", "Relu", 1, newestOpset, importUnary<UnaryKind::relu>, ""},
      {"", "Round", 11, newestOpset, importUnary<UnaryKind::round>, ""},
      {"", "Selu", 1, newestOpset, importSelu, ""},
      {"", "Shrink", 9, newestOpset, importShrink, ""},
      {"", "Sigmoid", 1, newestOpset, importUnary<UnaryKind::sigmoid>, ""},
      {"", "Sign", 9, newestOpset, importUnary<UnaryKind::sign>, ""},
      {"", "Sin", 7, newestOpset, importUnary<UnaryKind::sin>, ""},
      {"", "Sinh", 9, newestOpset, importUnary<UnaryKind::sinh>, ""},
      {"", "Softplus", 1, newestOpset, importUnary<UnaryKind::softplus>, ""},
      {"", "Softsign", 1, newestOpset, importUnary<UnaryKind::softsign>, ""},
      {"", "Sqrt", 1, newestOpset, importUnary<UnaryKind::sqrt>, ""},
      {"", "Sub", 1, newestOpset, importBinary<BinaryKind::sub>, ""},
      {"", "Sum", 1, newestOpset, importVariadic<BinaryKind::add>, ""},
      {"", "SwiGLU", 28, newestOpset, importSwiGlu, ""},
      {"", "Swish", 24, newestOpset, importSwish, ""},
      {"", "Tan", 7, newestOpset, importUnary<UnaryKind::tan>, ""},
      {"", "Tanh", 1, newestOpset, importUnary<UnaryKind::tanh>, ""},
      {"", "ThresholdedRelu", 10, newestOpset, importThresholdedRelu, ""},
      {"", "Where", 9, newestOpset, importWhere, ""},
      {"", "Xor", 1, newestOpset, importBinary<BinaryKind::logical_xor>, ""},
  };
  return table;
}

} // namespace fettle
