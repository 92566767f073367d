//===- IntegerExpression.cpp - sums of scaled integers --------------------===//
//
// Problem. sx x + sy y, two scales, added by a machine that has integers alone.
//
// Example. 0.5 x + 0.3 y with bytes x and y: the sum is below 0.8 255 = 204 < 2^8, so
// the unit is 2^(8 - 28): rescale(x, 0.5 2^20) + rescale(y, 0.3 2^20), in i32. It is
// rounded to 8 bits once, at the end.
//
// How. Each operand is brought to i32 in one unit common to the expression, a power of
// two, so that no ratio of scales is rounded before it becomes a multiplier. The unit follows from
// the largest magnitude that the integers can have at all (weights are known, activations are bytes), not from
// samples: nothing overflows, and all values stay where TOSA defines RESCALE. Arm's
// compilers do the same for 8-bit operands, with the unit 2 max(sx, sy) 2^-20.
//
//===----------------------------------------------------------------------===//

#include "passes/quantize/IntegerExpression.h"
#include "ir/nn/Nn.h"
#include "ir/support/Origin.h"
#include "passes/ConstantValue.h"
#include "passes/OpFactory.h"
#include <cmath>

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

static constexpr int64_t largestSum = int64_t(1) << 31; ///< of i32

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

static bool isByte(Type element) { return element.isInteger() && element.getIntOrFloatBitWidth() == 8; }

/// 255 times the largest sum of weights of an output channel, and the largest bias.
template <typename OpTy> static int64_t largestProduct(OpTy op, int64_t axis) {
  std::optional<HostTensor> weights = constantTensor(op->getOperand(1)), bias;
  if (op.getBias() && !(bias = constantTensor(op.getBias())))
    return largestSum;
  if (!weights || !isByte(typeOf(op->getOperand(0)).getElementType()))
    return largestSum;
  int64_t channels = weights->shape()[axis], inner = 1, largest = 0;
  for (int64_t extent : weights->shape().drop_front(axis + 1))
    inner *= extent;
  std::vector<int64_t> sums(channels, 0);
  for (auto [i, weight] : llvm::enumerate(weights->integers()))
    sums[int64_t(i) / inner % channels] += 255 * std::abs(weight);
  for (int64_t channel = 0; channel < channels; ++channel)
    largest = std::max(largest, sums[channel] + (bias ? std::abs(bias->integerAt(channel)) : 0));
  return std::min(largest, largestSum);
}

/// The largest magnitude of integers, as far as their producer tells.
static int64_t largestOf(Value integers) {
  Operation *op = integers.getDefiningOp();
  if (auto conv = dyn_cast_or_null<ConvOp>(op))
    return largestProduct(conv, 0);
  if (auto product = dyn_cast_or_null<MatMulOp>(op))
    return largestProduct(product, typeOf(product.getRhs()).getRank() - (product.getTransposeRhs() ? 2 : 1));
  if (auto bytes = dyn_cast_or_null<CastOp>(op))
    return isByte(bytes.getInput().getType().getElementType()) ? 255 : largestSum;
  if (auto sum = dyn_cast_or_null<ReduceOp>(op); sum && sum.getKind() == ReduceKind::sum && sum.getInput().getDefiningOp<CastOp>()) {
    int64_t results = typeOf(integers).getNumElements(), terms = results ? sum.getInput().getType().getNumElements() / results : 0;
    int64_t largest = largestOf(sum.getInput());
    return terms > largestSum / largest ? largestSum : terms * largest;
  }
  if (auto difference = dyn_cast_or_null<BinaryOp>(op); difference && difference.getKind() == BinaryKind::sub) {
    // A sum of bytes less their zero points.
    std::optional<double> offset = splatValue(difference.getRhs());
    bool isMean = offset && difference.getLhs().getDefiningOp<ReduceOp>();
    return isMean ? std::min(largestOf(difference.getLhs()) + std::abs(int64_t(*offset)), largestSum) : largestSum;
  }
  return largestSum;
}

std::optional<ScaledInteger> ScaledInteger::of(Value value) {
  ScaledInteger result;
  if (auto dequantize = value.getDefiningOp<DequantizeOp>()) {
    std::optional<HostTensor> scale = constantTensor(dequantize.getScale());
    std::optional<double> zeroPoint = dequantize.getZeroPoint() ? splatValue(dequantize.getZeroPoint()) : 0.0;
    result.integers = dequantize.getInput();
    if (!scale || scale->numElements() != 1 || !zeroPoint || !isByte(typeOf(result.integers).getElementType()))
      return std::nullopt;
    result.zeroPoint = int64_t(*zeroPoint);
    result.factor = HostTensor(RankedTensorType::get({}, scale->elementType()));
    result.factor.setDouble(0, scale->doubleAt(0));
    result.largest = 255;
  } else {
    auto product = value.getDefiningOp<BinaryOp>();
    auto conversion = product && product.getKind() == BinaryKind::mul ? product.getLhs().getDefiningOp<CastOp>() : CastOp();
    std::optional<HostTensor> factor = conversion ? constantTensor(product.getRhs()) : std::nullopt;
    // The factor may not be what gives the product its shape.
    if (!factor || product.getOutput().getType() != conversion.getOutput().getType() ||
        !typeOf(conversion.getInput()).getElementType().isSignlessInteger(32))
      return std::nullopt;
    result.integers = conversion.getInput();
    result.factor = *factor;
    result.largest = largestOf(result.integers);
  }
  if (!result.factor.elementType().isF32() || !typeOf(value).getElementType().isF32())
    return std::nullopt;
  for (int64_t i = 0; i < result.factor.numElements(); ++i)
    if (double factor = result.factor.doubleAt(i); !(factor >= 0) || !std::isfinite(factor))
      return std::nullopt;
  return result;
}

double ScaledInteger::magnitude() const {
  double most = 0;
  for (int64_t i = 0; i < factor.numElements(); ++i)
    most = std::max(most, factor.doubleAt(i));
  return most * double(largest);
}

std::optional<std::vector<FixedPointScale>> ScaledInteger::inUnits(double unit) const {
  std::vector<FixedPointScale> scales;
  for (int64_t i = 0; i < factor.numElements(); ++i) {
    std::optional<FixedPointScale> scale = FixedPointScale::ofRatio(factor.doubleAt(i), unit);
    if (!scale || !scale->takes(largest))
      return std::nullopt;
    scales.push_back(*scale);
  }
  return scales;
}

Value makeRescale(OpBuilder &builder, Location location, const ScaledInteger &operand, ArrayRef<FixedPointScale> scales, Type element,
                  int64_t zeroPoint) {
  ArrayRef<int64_t> shape = operand.factor.shape();
  HostTensor multipliers(RankedTensorType::get(shape, builder.getI32Type())), shifts(RankedTensorType::get(shape, builder.getI8Type()));
  for (auto [i, scale] : llvm::enumerate(scales)) {
    multipliers.setInteger(i, scale.multiplier);
    shifts.setInteger(i, scale.shift);
  }
  std::string name = formatOrigins(location);
  return RescaleOp::create(builder, location, typeOf(operand.integers).clone(element), operand.integers,
                           makeConstant(builder, location, multipliers, name + ".multiplier"),
                           makeConstant(builder, location, shifts, name + ".shift"), operand.zeroPoint, zeroPoint)
      .getOutput();
}

/// `bound` in units, for a clamp of integers; an infinite one stays.
static double inSteps(double bound, double unit) { return std::isfinite(bound) ? std::nearbyint(double(float(bound)) / unit) : bound; }

FailureOr<double> IntegerExpression::read(Value value, std::string &why, int depth) {
  auto refuse = [&](const char *reason) -> FailureOr<double> {
    why = reason;
    return failure();
  };
  if (std::optional<ScaledInteger> leaf = ScaledInteger::of(value)) {
    double most = leaf->magnitude();
    leaves.try_emplace(value, std::move(*leaf));
    return most;
  }
  if (std::optional<HostTensor> constant = constantTensor(value); constant && constant->elementType().isF32()) {
    double most = 0;
    for (int64_t i = 0; i < constant->numElements(); ++i)
      if (double element = std::fabs(constant->doubleAt(i)); std::isfinite(element))
        most = std::max(most, element);
      else
        return refuse("a constant is not finite");
    constants.try_emplace(value, std::move(*constant));
    return most;
  }
  Operation *op = value.getDefiningOp();
  if (!op || depth == 64)
    return refuse("it is read from floats");
  if (!value.hasOneUse())
    return refuse("a value on the way is read as floats, too");
  if (auto binary = dyn_cast<BinaryOp>(op); binary && (binary.getKind() == BinaryKind::add || binary.getKind() == BinaryKind::sub)) {
    FailureOr<double> lhs = read(binary.getLhs(), why, depth + 1), rhs = failed(lhs) ? lhs : read(binary.getRhs(), why, depth + 1);
    return failed(rhs) ? rhs : FailureOr<double>(*lhs + *rhs);
  }
  auto relu = dyn_cast<UnaryOp>(op);
  auto clamp = dyn_cast<ClampOp>(op);
  if (!clamp && !(relu && relu.getKind() == UnaryKind::relu))
    return refuse("an op has no form in integers");
  FailureOr<double> inner = read(op->getOperand(0), why, depth + 1);
  if (failed(inner) || relu)
    return inner;
  double most = *inner;
  for (double bound : {clamp.getLow().convertToDouble(), clamp.getHigh().convertToDouble()})
    if (std::isfinite(bound))
      most += std::fabs(bound);
  return most;
}

FailureOr<IntegerExpression> IntegerExpression::of(Value value, std::string &why) {
  IntegerExpression expression;
  expression.root = value;
  FailureOr<double> most = expression.read(value, why, 0);
  if (failed(most))
    return failure();
  expression.magnitude = *most;
  return expression;
}

double IntegerExpression::unitFor(int64_t count) const {
  int exponent = 0;
  std::frexp(magnitude * double(count), &exponent); // the magnitude is below 2^exponent
  return std::ldexp(1.0, exponent - 28);
}

bool IntegerExpression::fits(double unit) const {
  return unit > 0 && std::isfinite(unit) && llvm::all_of(leaves, [&](const auto &leaf) { return leaf.second.inUnits(unit).has_value(); });
}

Value IntegerExpression::emit(OpBuilder &builder, Value value, double unit) const {
  Type i32 = builder.getI32Type();
  Location location = value.getLoc();
  if (auto leaf = leaves.find(value); leaf != leaves.end())
    return makeRescale(builder, location, leaf->second, *leaf->second.inUnits(unit), i32, 0);
  if (auto constant = constants.find(value); constant != constants.end()) {
    HostTensor steps(RankedTensorType::get(constant->second.shape(), i32));
    for (int64_t i = 0; i < steps.numElements(); ++i)
      steps.setInteger(i, int64_t(inSteps(constant->second.doubleAt(i), unit)));
    return makeConstant(builder, location, steps, formatOrigins(location) + ".steps");
  }
  Operation *op = value.getDefiningOp();
  if (auto binary = dyn_cast<BinaryOp>(op)) {
    Value lhs = emit(builder, binary.getLhs(), unit), rhs = emit(builder, binary.getRhs(), unit);
    return makeBinary(builder, location, binary.getKind(), lhs, rhs);
  }
  Value input = emit(builder, op->getOperand(0), unit);
  if (isa<UnaryOp>(op))
    return makeUnary(builder, location, UnaryKind::relu, input);
  auto clamp = cast<ClampOp>(op);
  return ClampOp::create(builder, location, input, APFloat(inSteps(clamp.getLow().convertToDouble(), unit)),
                         APFloat(inSteps(clamp.getHigh().convertToDouble(), unit)))
      .getOutput();
}

} // namespace fettle
