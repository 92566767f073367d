//===- Elementwise.cpp - nn ops that map elements -------------------------===//

#include "ir/export/ExportTable.h"
#include "ir/export/OperatorTypes.h"
#include <cmath>

using namespace mlir;

namespace fettle {

using nn::BinaryKind;
using nn::UnaryKind;

//===--- One operand ------------------------------------------------------===//

/// The operator that is the kind, without attributes; null for the others.
static const char *operatorOf(UnaryKind kind) {
  switch (kind) {
  case UnaryKind::abs:
    return "Abs";
  case UnaryKind::sign:
    return "Sign";
  case UnaryKind::reciprocal:
    return "Reciprocal";
  case UnaryKind::sqrt:
    return "Sqrt";
  case UnaryKind::exp:
    return "Exp";
  case UnaryKind::log:
    return "Log";
  case UnaryKind::floor:
    return "Floor";
  case UnaryKind::ceil:
    return "Ceil";
  case UnaryKind::round:
    return "Round";
  case UnaryKind::erf:
    return "Erf";
  case UnaryKind::sin:
    return "Sin";
  case UnaryKind::cos:
    return "Cos";
  case UnaryKind::tan:
    return "Tan";
  case UnaryKind::asin:
    return "Asin";
  case UnaryKind::acos:
    return "Acos";
  case UnaryKind::atan:
    return "Atan";
  case UnaryKind::sinh:
    return "Sinh";
  case UnaryKind::cosh:
    return "Cosh";
  case UnaryKind::tanh:
    return "Tanh";
  case UnaryKind::asinh:
    return "Asinh";
  case UnaryKind::acosh:
    return "Acosh";
  case UnaryKind::atanh:
    return "Atanh";
  case UnaryKind::sigmoid:
    return "Sigmoid";
  case UnaryKind::softplus:
    return "Softplus";
  case UnaryKind::softsign:
    return "Softsign";
  case UnaryKind::logical_not:
    return "Not";
  default:
    return nullptr;
  }
}

/// x (1 + erf(x / sqrt 2)) / 2, or with tanh(sqrt(2 / pi) (x + 0.044715 x^3)) for erf.
static Term writeGelu(NodeWriter &writer, Term input, bool usesTanh) {
  if (writer.opset >= 20)
    return writer.unary("Gelu", input, Attributes().with("approximate", StringRef(usesTanh ? "tanh" : "none")));
  Term x = writer.widened(input), gate;
  if (usesTanh) {
    Term cube = writer.mul(writer.mul(x, x), x);
    gate = writer.unary("Tanh", writer.scaled(writer.add(x, writer.scaled(cube, 0.044715)), std::sqrt(2 / M_PI)));
  } else {
    gate = writer.unary("Erf", writer.div(x, writer.scalarLike(M_SQRT2, x)));
  }
  Term product = writer.mul(x, writer.add(gate, writer.scalarLike(1, x)));
  return writer.cast(writer.scaled(product, 0.5), input.element());
}

/// HardSwish, or x max(0, min(1, x / 6 + 1 / 2)).
static Term writeHardSwish(NodeWriter &writer, Term input) {
  if (writer.opset >= 14)
    return writer.unary("HardSwish", input);
  Term x = writer.widened(input);
  Term gate = writer.unary("HardSigmoid", x, Attributes().with("alpha", 1.0 / 6).with("beta", 0.5));
  return writer.cast(writer.mul(x, gate), input.element());
}

static Term writeMish(NodeWriter &writer, Term input) {
  if (writer.opset >= 18)
    return writer.unary("Mish", input);
  Term x = writer.widened(input);
  return writer.cast(writer.mul(x, writer.unary("Tanh", writer.unary("Softplus", x))), input.element());
}

/// Celu is defined on f32 alone: max(0, x) + min(0, alpha (exp(x / alpha) - 1)) on others.
static Term writeCelu(NodeWriter &writer, Term input, double alpha) {
  if (!input.element().isF64())
    return writer.unary("Celu", input, Attributes().with("alpha", alpha));
  Term zero = writer.scalarLike(0, input);
  Term grown =
      writer.sub(writer.unary("Exp", writer.div(input, writer.scalarLike(alpha, input))), writer.scalarLike(1, input));
  Term negative = writer.binary("Min", writer.scaled(grown, alpha), zero);
  return writer.add(writer.binary("Max", input, zero), negative);
}

static Term writeNeg(NodeWriter &writer, Term input) {
  if (!input.element().isUnsignedInteger())
    return writer.unary("Neg", input);
  return writer.sub(writer.scalarLike(0, input), input);
}

/// Relu of the first opsets knows floats only; unsigned integers are what they are.
static Term writeRelu(NodeWriter &writer, Term input) {
  if (input.element().isUnsignedInteger())
    return input;
  if (isa<IntegerType>(input.element()) && !takesElements("Relu", writer.opset, input.element()))
    return writer.binary("Max", input, writer.scalarLike(0, input));
  return writer.unary("Relu", input);
}

/// ~x is -1 - x, where the operator itself is missing.
static Term writeBitwiseNot(NodeWriter &writer, Term input) {
  if (takesElements("BitwiseNot", writer.opset, input.element()))
    return writer.unary("BitwiseNot", input);
  return writer.sub(writer.scalarLike(-1, input), input);
}

static void writeUnary(NodeWriter &writer, nn::UnaryOp op) {
  Term input = writer.term(op.getInput());
  double alpha = op.getAlpha().convertToDouble(), beta = op.getBeta().convertToDouble();
  auto withAlpha = [&](StringRef name) { return writer.unary(name, input, Attributes().with("alpha", alpha)); };
  auto write = [&]() -> Term {
    if (const char *name = operatorOf(op.getKind()))
      return writer.unary(name, input);
    switch (op.getKind()) {
    case UnaryKind::neg:
      return writeNeg(writer, input);
    case UnaryKind::rsqrt:
      return writer.unary("Reciprocal", writer.unary("Sqrt", input));
    case UnaryKind::relu:
      return writeRelu(writer, input);
    case UnaryKind::gelu:
    case UnaryKind::gelu_tanh:
      return writeGelu(writer, input, op.getKind() == UnaryKind::gelu_tanh);
    case UnaryKind::silu: {
      Term x = writer.widened(input);
      return writer.cast(writer.mul(x, writer.unary("Sigmoid", writer.scaled(x, alpha))), input.element());
    }
    case UnaryKind::hard_swish:
      return writeHardSwish(writer, input);
    case UnaryKind::hard_sigmoid:
      return writer.unary("HardSigmoid", input, Attributes().with("alpha", alpha).with("beta", beta));
    case UnaryKind::leaky_relu:
      return withAlpha("LeakyRelu");
    case UnaryKind::elu:
      return withAlpha("Elu");
    case UnaryKind::selu:
      return writer.unary("Selu", input, Attributes().with("alpha", alpha).with("gamma", beta));
    case UnaryKind::celu:
      return writeCelu(writer, input, alpha);
    case UnaryKind::mish:
      return writeMish(writer, input);
    case UnaryKind::thresholded_relu:
      return withAlpha("ThresholdedRelu");
    case UnaryKind::shrink:
      return writer.unary("Shrink", input, Attributes().with("lambd", alpha).with("bias", beta));
    case UnaryKind::bitwise_not:
      return writeBitwiseNot(writer, input);
    case UnaryKind::is_nan:
      return writer.test("IsNaN", input, input.shape(), writer.boolean());
    case UnaryKind::is_inf:
      return writer.test(
          "IsInf", input, input.shape(), writer.boolean(),
          Attributes().with("detect_positive", int64_t(alpha != 0)).with("detect_negative", int64_t(beta != 0)));
    default: // identity
      return input;
    }
  };
  writer.setResult(write());
}

//===--- Several operands -------------------------------------------------===//

/// The remainder with the divisor's sign, from C's, where Mod knows integers only.
static Term writeFloatMod(NodeWriter &writer, Term x, Term y) {
  Term remainder = writer.binary("Mod", x, y, Attributes().with("fmod", int64_t(1)));
  Term zero = writer.scalarLike(0, y), wrapped = writer.add(remainder, y);
  auto isNegative = [&](Term value) { return writer.test("Less", {value, zero}, value.shape(), writer.boolean()); };
  // remainder * y < 0 could underflow.
  Term negative = isNegative(remainder), divisor = isNegative(y);
  Term differ = writer.node("Xor", {negative, divisor}, RankedTensorType::get(remainder.shape(), writer.boolean()));
  Term exact = writer.equal(remainder, zero);
  return writer.where(exact, remainder, writer.where(differ, wrapped, remainder));
}

/// The exponent may have another type, which Pow takes but for the smallest ones.
static Term writePow(NodeWriter &writer, Term base, Term exponent) {
  if (exponent.element() != base.element()) {
    if (exponent.element().isBF16())
      exponent = writer.cast(exponent, writer.f32());
    else if (exponent.element().getIntOrFloatBitWidth() == 4)
      exponent = writer.cast(exponent, writer.i32());
  }
  return writer.binary("Pow", base, exponent);
}

static Term writeShift(NodeWriter &writer, Term value, Term amount, StringRef direction) {
  if (!value.element().isUnsignedInteger())
    writer.fail("shifts of signed integers have no form in ONNX");
  return writer.binary("BitShift", value, amount, Attributes().with("direction", direction));
}

static void writeBinary(NodeWriter &writer, nn::BinaryOp op) {
  Term lhs = writer.term(op.getLhs()), rhs = writer.term(op.getRhs());
  auto write = [&]() -> Term {
    switch (op.getKind()) {
    case BinaryKind::add:
      return writer.add(lhs, rhs);
    case BinaryKind::sub:
      return writer.sub(lhs, rhs);
    case BinaryKind::mul:
      return writer.mul(lhs, rhs);
    case BinaryKind::div:
      return writer.div(lhs, rhs);
    case BinaryKind::mod:
      return isa<FloatType>(lhs.element()) ? writeFloatMod(writer, lhs, rhs) : writer.binary("Mod", lhs, rhs);
    case BinaryKind::fmod:
      return writer.binary("Mod", lhs, rhs, Attributes().with("fmod", int64_t(1)));
    case BinaryKind::pow:
      return writePow(writer, lhs, rhs);
    case BinaryKind::min:
      return writer.binary("Min", lhs, rhs);
    case BinaryKind::max:
      return writer.binary("Max", lhs, rhs);
    case BinaryKind::prelu:
      // The slope broadcasts to the input, not the other way.
      return writer.binary("PRelu", writer.expand(lhs, writer.resultType().getShape()), rhs);
    case BinaryKind::logical_and:
      return writer.binary("And", lhs, rhs);
    case BinaryKind::logical_or:
      return writer.binary("Or", lhs, rhs);
    case BinaryKind::logical_xor:
      return writer.binary("Xor", lhs, rhs);
    case BinaryKind::bitwise_and:
      return writer.binary("BitwiseAnd", lhs, rhs);
    case BinaryKind::bitwise_or:
      return writer.binary("BitwiseOr", lhs, rhs);
    case BinaryKind::bitwise_xor:
      return writer.binary("BitwiseXor", lhs, rhs);
    case BinaryKind::shift_left:
      return writeShift(writer, lhs, rhs, "LEFT");
    case BinaryKind::shift_right:
      return writeShift(writer, lhs, rhs, "RIGHT");
    }
    llvm_unreachable("all kinds are handled");
  };
  writer.setResult(write());
}

static const char *operatorOf(nn::CompareKind kind) {
  switch (kind) {
  case nn::CompareKind::eq:
    return "Equal";
  case nn::CompareKind::lt:
    return "Less";
  case nn::CompareKind::le:
    return "LessOrEqual";
  case nn::CompareKind::gt:
    return "Greater";
  case nn::CompareKind::ge:
    return "GreaterOrEqual";
  }
  llvm_unreachable("all kinds are handled");
}

static void writeCompare(NodeWriter &writer, nn::CompareOp op) {
  writer.setResult(writer.test(operatorOf(op.getKind()), {writer.term(op.getLhs()), writer.term(op.getRhs())},
                               writer.resultType().getShape(), writer.boolean()));
}

static void writeSelect(NodeWriter &writer, nn::SelectOp op) {
  writer.setResult(
      writer.where(writer.term(op.getCondition()), writer.term(op.getOnTrue()), writer.term(op.getOnFalse())));
}

/// A bound as an operand of Clip; omitted where no value of the type lies beyond it.
static Term clampBound(NodeWriter &writer, double bound, Type element, Type compute) {
  if (std::isinf(bound))
    return {};
  if (isa<IntegerType>(element)) {
    unsigned width = element.getIntOrFloatBitWidth();
    bool isUnsigned = element.isUnsignedInteger();
    double lowest = isUnsigned ? 0 : -std::ldexp(1.0, width - 1),
           beyond = std::ldexp(1.0, isUnsigned ? width : width - 1);
    if (bound >= beyond)
      return {};
    bound = std::max(bound, lowest);
  }
  return writer.scalar(bound, compute);
}

static void writeClamp(NodeWriter &writer, nn::ClampOp op) {
  Term input = writer.term(op.getInput());
  Type element = input.element(), compute = writer.computeType("Clip", element);
  Term low = clampBound(writer, op.getLow().convertToDouble(), element, compute);
  Term high = clampBound(writer, op.getHigh().convertToDouble(), element, compute);
  if (!low && !high)
    return writer.setResult(input);
  Term bounded =
      writer.node("Clip", {writer.cast(input, compute), low, high}, RankedTensorType::get(input.shape(), compute));
  writer.setResult(writer.cast(bounded, element));
}

static void writeCast(NodeWriter &writer, nn::CastOp op) {
  writer.setResult(writer.cast(writer.term(op.getInput()), writer.resultType().getElementType()));
}

ArrayRef<ExportEntry> elementwiseExports() {
  static const ExportEntry table[] = {
      exportEntry<nn::UnaryOp, writeUnary>(),     exportEntry<nn::BinaryOp, writeBinary>(),
      exportEntry<nn::CompareOp, writeCompare>(), exportEntry<nn::SelectOp, writeSelect>(),
      exportEntry<nn::ClampOp, writeClamp>(),     exportEntry<nn::CastOp, writeCast>(),
  };
  return table;
}

} // namespace fettle
