//===- QuantizedPair.cpp - QuantizeLinear and DequantizeLinear ------------===//

#include "ir/export/QuantizedPair.h"
#include <cmath>

using namespace mlir;

namespace fettle {

namespace {
/// Scale and zero point of a tensor of `shape`.
struct Parameters {
  Term scale, zeroPoint; ///< the zero point may be omitted
  SmallVector<int64_t> shape;
  int64_t axis = 0;        ///< along which they vary, if they do
  int64_t block = 0;       ///< elements per scale along the axis; 0: no blocks
  bool isComposed = false; ///< blocks along several axes, which no operator knows
};
} // namespace

static Parameters readParameters(NodeWriter &writer, Value scale, Value zeroPoint, ArrayRef<int64_t> shape,
                                 int64_t axis) {
  Parameters result;
  result.shape.assign(shape.begin(), shape.end());
  RankedTensorType type = typeOf(scale);
  SmallVector<int64_t> stored(type.getShape());
  if (type.getNumElements() == 1) {
    stored.clear();
  } else if (stored.size() == 1 && axis < int64_t(shape.size()) && stored[0] == shape[axis]) {
    result.axis = axis;
  } else {
    result.block = 1;
    for (size_t i = 0; i < stored.size(); ++i) {
      if (stored[i] == shape[i])
        continue;
      result.isComposed |= result.block != 1;
      result.axis = i;
      result.block = shape[i] / stored[i];
    }
  }
  result.scale = writer.shaped(scale, stored);
  result.zeroPoint = writer.shaped(zeroPoint, stored);
  return result;
}

/// Whether the operators of the opset take the integers with these parameters.
static bool hasOperator(NodeWriter &writer, const Parameters &parameters, Type element) {
  if (parameters.isComposed || (parameters.block && writer.opset < 21))
    return false;
  unsigned width = element.getIntOrFloatBitWidth();
  return width == 8 || (width < 32 && writer.opset >= 21);
}

static Attributes pairAttributes(const Parameters &parameters) {
  Attributes attributes;
  if (parameters.scale.rank() > 0)
    attributes.with("axis", parameters.axis);
  if (parameters.block)
    attributes.with("block_size", parameters.block);
  return attributes;
}

/// Zeros where there is no zero point: it gives QuantizeLinear its type, and runtimes look for it.
static Term completeZeroPoint(NodeWriter &writer, const Parameters &parameters, Type element) {
  return parameters.zeroPoint ? parameters.zeroPoint : writer.splat(0, parameters.scale.shape(), element);
}

/// A parameter as it broadcasts over the tensor.
static Term spread(NodeWriter &writer, Term parameter, const Parameters &parameters) {
  if (!parameter || parameter.rank() == 0)
    return parameter;
  ArrayRef<int64_t> shape = parameters.shape;
  if (!parameters.block) {
    SmallVector<int64_t> along(shape.size(), 1);
    along[parameters.axis] = shape[parameters.axis];
    return writer.reshape(parameter, along);
  }
  // Each axis becomes blocks and places in a block, of which only the blocks differ.
  SmallVector<int64_t> single, whole;
  for (auto [extent, blocks] : llvm::zip_equal(shape, parameter.shape())) {
    single.append({blocks, 1});
    whole.append({blocks, extent / blocks});
  }
  return writer.reshape(writer.expand(writer.reshape(parameter, single), whole), shape);
}

/// The type that quotients and products are computed in.
static Type realType(NodeWriter &writer, Type a, Type b) {
  return a.isF64() || b.isF64() ? writer.f64() : writer.f32();
}

Term writeQuantize(NodeWriter &writer, nn::QuantizeOp op) {
  Term input = writer.term(op.getInput());
  Type element = writer.resultType().getElementType();
  Parameters parameters =
      readParameters(writer, op.getScale(), op.getZeroPoint(), input.shape(), int64_t(op.getAxis()));
  Type real = realType(writer, input.element(), parameters.scale.element());
  Term x = writer.cast(input, real), scale = writer.cast(parameters.scale, real);
  if (real.isF32() && hasOperator(writer, parameters, element))
    return writer.node("QuantizeLinear", {x, scale, completeZeroPoint(writer, parameters, element)},
                       writer.resultType(), pairAttributes(parameters));
  Term level = writer.unary("Round", writer.div(x, spread(writer, scale, parameters)));
  unsigned width = element.getIntOrFloatBitWidth();
  // f32 holds the sums of 16 bits exactly; those of 32 need f64.
  if (width == 32)
    level = writer.cast(level, writer.f64());
  if (parameters.zeroPoint)
    level = writer.add(level, writer.cast(spread(writer, parameters.zeroPoint, parameters), level.element()));
  double lowest = element.isUnsignedInteger() ? 0 : -std::ldexp(1.0, width - 1);
  Term low = writer.scalarLike(lowest, level), high = writer.scalarLike(lowest + std::ldexp(1.0, width) - 1, level);
  Term saturated = writer.node("Clip", {level, low, high}, level.type);
  if (width != 4 || writer.opset >= 21)
    return writer.cast(saturated, element);
  // In range, whatever holds them.
  Type byte = IntegerType::get(writer.context(), 8, cast<IntegerType>(element).getSignedness());
  return {writer.cast(saturated, byte).id, writer.resultType()};
}

Term writeDequantize(NodeWriter &writer, nn::DequantizeOp op, Term integers, int64_t axis) {
  Type element = integers.element(), result = typeOf(op.getOutput()).getElementType();
  Parameters parameters = readParameters(writer, op.getScale(), op.getZeroPoint(), integers.shape(), axis);
  Type real = realType(writer, result, parameters.scale.element());
  Term scale = writer.cast(parameters.scale, real);
  bool isSum = element.isInteger(32) && !parameters.zeroPoint && !parameters.block;
  // 4 bits that lie in 8 are read as 8.
  bool isStoredAsByte = element.getIntOrFloatBitWidth() == 4 && !parameters.block;
  if (real.isF32() && (isSum || isStoredAsByte || hasOperator(writer, parameters, element))) {
    Term zeroPoint = isSum ? Term() : completeZeroPoint(writer, parameters, element);
    Term value = writer.node("DequantizeLinear", {integers, scale, zeroPoint},
                             RankedTensorType::get(integers.shape(), real), pairAttributes(parameters));
    return writer.cast(value, result);
  }
  // The difference is exact, in a type that holds it.
  Type wide = element.getIntOrFloatBitWidth() == 32 ? writer.i64() : writer.i32();
  Term steps = writer.cast(integers, wide);
  if (parameters.zeroPoint)
    steps = writer.sub(steps, writer.cast(spread(writer, parameters.zeroPoint, parameters), wide));
  return writer.cast(writer.mul(writer.cast(steps, real), spread(writer, scale, parameters)), result);
}

} // namespace fettle
