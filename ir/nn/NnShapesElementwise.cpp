//===- NnShapesElementwise.cpp - result types of elementwise ops ----------===//

#include "ir/nn/ShapeRules.h"
#include <cmath>

using namespace mlir;

namespace fettle::nn {

/// What a unary kind is defined on.
enum class Domain { Any, Numeric, Integer, Float, Boolean };

static Domain domainOf(UnaryKind kind) {
  switch (kind) {
  case UnaryKind::identity:
    return Domain::Any;
  case UnaryKind::abs:
  case UnaryKind::neg:
  case UnaryKind::sign:
  case UnaryKind::relu:
  case UnaryKind::shrink:
    return Domain::Numeric;
  case UnaryKind::bitwise_not:
    return Domain::Integer;
  case UnaryKind::logical_not:
    return Domain::Boolean;
  default:
    return Domain::Float;
  }
}

static Domain domainOf(BinaryKind kind) {
  switch (kind) {
  case BinaryKind::logical_and:
  case BinaryKind::logical_or:
  case BinaryKind::logical_xor:
    return Domain::Boolean;
  case BinaryKind::bitwise_and:
  case BinaryKind::bitwise_or:
  case BinaryKind::bitwise_xor:
  case BinaryKind::shift_left:
  case BinaryKind::shift_right:
    return Domain::Integer;
  default:
    return Domain::Numeric;
  }
}

static LogicalResult checkDomain(OptionalLocation location, Domain domain, StringRef kind, Type element) {
  bool fits = domain == Domain::Any || (domain == Domain::Numeric && !isBoolean(element)) ||
              (domain == Domain::Integer && isInteger(element)) || (domain == Domain::Float && isFloat(element)) ||
              (domain == Domain::Boolean && isBoolean(element));
  if (!fits)
    return emitOptionalError(location, kind, " is not defined on elements of type ", element);
  return success();
}

LogicalResult UnaryOp::inferReturnTypes(MLIRContext *context, OptionalLocation location, Adaptor op,
                                        SmallVectorImpl<Type> &results) {
  Type element = elementOf(op.getInput());
  UnaryKind kind = op.getKind();
  if (failed(checkDomain(location, domainOf(kind), stringifyUnaryKind(kind), element)))
    return failure();
  bool isTest = kind == UnaryKind::is_nan || kind == UnaryKind::is_inf;
  return addResult(location, shapeOf(op.getInput()), isTest ? IntegerType::get(context, 1) : element, results);
}

LogicalResult BinaryOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor op,
                                         SmallVectorImpl<Type> &results) {
  Type element = elementOf(op.getLhs()), other = elementOf(op.getRhs());
  BinaryKind kind = op.getKind();
  StringRef name = stringifyBinaryKind(kind);
  if (failed(checkDomain(location, domainOf(kind), name, element)) ||
      failed(checkDomain(location, domainOf(kind), name, other)))
    return failure();
  if (element != other && kind != BinaryKind::pow)
    return emitOptionalError(location, name, " of elements ", element, " and ", other, "; they must be equal");
  FailureOr<Shape> shape = broadcast(location, shapeOf(op.getLhs()), shapeOf(op.getRhs()));
  if (failed(shape))
    return failure();
  return addResult(location, *shape, element, results);
}

LogicalResult CompareOp::inferReturnTypes(MLIRContext *context, OptionalLocation location, Adaptor op,
                                          SmallVectorImpl<Type> &results) {
  if (elementOf(op.getLhs()) != elementOf(op.getRhs()))
    return emitOptionalError(location, "comparison of elements ", elementOf(op.getLhs()), " and ",
                             elementOf(op.getRhs()), "; they must be equal");
  FailureOr<Shape> shape = broadcast(location, shapeOf(op.getLhs()), shapeOf(op.getRhs()));
  if (failed(shape))
    return failure();
  return addResult(location, *shape, IntegerType::get(context, 1), results);
}

LogicalResult SelectOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor op,
                                         SmallVectorImpl<Type> &results) {
  Type element = elementOf(op.getOnTrue());
  if (!isBoolean(elementOf(op.getCondition())))
    return emitOptionalError(location, "condition has elements ", elementOf(op.getCondition()), "; i1 is needed");
  if (element != elementOf(op.getOnFalse()))
    return emitOptionalError(location, "selection between elements ", element, " and ", elementOf(op.getOnFalse()),
                             "; they must be equal");
  FailureOr<Shape> shape = broadcast(location, shapeOf(op.getOnTrue()), shapeOf(op.getOnFalse()));
  if (failed(shape))
    return failure();
  shape = broadcast(location, *shape, shapeOf(op.getCondition()));
  if (failed(shape))
    return failure();
  return addResult(location, *shape, element, results);
}

LogicalResult ClampOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor op,
                                        SmallVectorImpl<Type> &results) {
  Type element = elementOf(op.getInput());
  if (failed(checkDomain(location, Domain::Numeric, "clamp", element)))
    return failure();
  for (double bound : {op.getLow().convertToDouble(), op.getHigh().convertToDouble()}) {
    if (std::isnan(bound))
      return emitOptionalError(location, "clamp bound is not a number");
    if (isInteger(element) && std::isfinite(bound) && bound != std::trunc(bound))
      return emitOptionalError(location, "clamp bound ", bound, " of an integer tensor is not an integer");
  }
  return addResult(location, shapeOf(op.getInput()), element, results);
}

LogicalResult CastOp::verify() {
  if (getInput().getType().getShape() != getOutput().getType().getShape())
    return emitOpError("changes the shape from ")
           << formatShape(getInput().getType().getShape()) << " to " << formatShape(getOutput().getType().getShape());
  return success();
}

LogicalResult ConstantOp::verify() {
  auto resource = dyn_cast<DenseResourceElementsAttr>(getValue());
  if (!resource && !isa<DenseElementsAttr>(getValue()))
    return emitOpError("value is neither dense nor a resource");
  return success();
}

/// Scale and zero point of quantize and dequantize against the shape they scale.
static LogicalResult verifyScales(Operation *op, ArrayRef<int64_t> shape, Type quantized, Type real, Value scale,
                                  Value zeroPoint, int64_t axis) {
  if (!isInteger(quantized) || quantized.getIntOrFloatBitWidth() > 32)
    return op->emitOpError("quantized elements are ") << quantized << "; an integer of 4 to 32 bits is needed";
  if (!isFloat(real) || !isFloat(elementOf(scale)))
    return op->emitOpError("real elements are ")
           << real << " and scale elements " << elementOf(scale) << "; floats are needed";
  if (real.isF64() != elementOf(scale).isF64())
    return op->emitOpError("mixes elements ") << real << " with a scale of " << elementOf(scale);
  if (zeroPoint && (elementOf(zeroPoint) != quantized || shapeOf(zeroPoint) != shapeOf(scale)))
    return op->emitOpError("zero point of type ") << zeroPoint.getType() << " does not match the scale of type "
                                                  << scale.getType() << " and quantized elements " << quantized;
  ArrayRef<int64_t> scales = shapeOf(scale);
  if (tensorType(scale).getNumElements() == 1)
    return success();
  if (scales.size() == 1 && axis >= 0 && axis < int64_t(shape.size()) && scales[0] == shape[axis])
    return success();
  bool blocked = scales.size() == shape.size();
  for (size_t i = 0; blocked && i < shape.size(); ++i)
    blocked = scales[i] == shape[i] || (scales[i] > 0 && shape[i] % scales[i] == 0);
  if (!blocked)
    return op->emitOpError("scale of shape ") << formatShape(scales) << " neither is a scalar, nor runs along axis "
                                              << axis << ", nor divides " << formatShape(shape) << " into blocks";
  return success();
}

static LogicalResult verifyEqualShapes(Operation *op, Value input, Value output) {
  if (shapeOf(input) != shapeOf(output))
    return op->emitOpError("changes the shape from ")
           << formatShape(shapeOf(input)) << " to " << formatShape(shapeOf(output));
  return success();
}

LogicalResult QuantizeOp::verify() {
  if (failed(verifyEqualShapes(*this, getInput(), getOutput())))
    return failure();
  return verifyScales(*this, shapeOf(getInput()), elementOf(getOutput()), elementOf(getInput()), getScale(),
                      getZeroPoint(), int64_t(getAxis()));
}

LogicalResult DequantizeOp::verify() {
  if (failed(verifyEqualShapes(*this, getInput(), getOutput())))
    return failure();
  return verifyScales(*this, shapeOf(getInput()), elementOf(getInput()), elementOf(getOutput()), getScale(),
                      getZeroPoint(), int64_t(getAxis()));
}

static bool isRescalable(Type element) {
  return isInteger(element) && (element.isSignlessInteger(32) || element.getIntOrFloatBitWidth() == 8);
}

LogicalResult RescaleOp::verify() {
  Type from = elementOf(getInput()), to = elementOf(getOutput());
  for (Type element : {from, to})
    if (!isRescalable(element))
      return emitOpError("elements are ") << element << "; i8, ui8 or i32 is needed";
  if (!elementOf(getMultiplier()).isSignlessInteger(32) || !elementOf(getShift()).isSignlessInteger(8) ||
      shapeOf(getMultiplier()) != shapeOf(getShift()))
    return emitOpError("multiplier and shift are ")
           << getMultiplier().getType() << " and " << getShift().getType() << "; i32 and i8 of one shape are needed";
  if (failed(verifyEqualShapes(*this, getInput(), getOutput())) ||
      failed(checkBroadcastsTo(getLoc(), "multiplier", shapeOf(getMultiplier()), shapeOf(getInput()))))
    return failure();
  return success(succeeded(checkZeroPoint(getLoc(), getInputZeroPoint(), from)) &&
                 succeeded(checkZeroPoint(getLoc(), getOutputZeroPoint(), to)));
}

} // namespace fettle::nn
