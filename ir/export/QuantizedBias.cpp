//===- QuantizedBias.cpp - the bias of a product of quantized operands ----===//

#include "ir/export/QuantizedBias.h"
#include "ir/support/Origin.h"
#include <cmath>

using namespace mlir;

namespace fettle {

/// Steps beyond this leave a sum in 32 bits too little room.
static constexpr double mostSteps = 1 << 30;

/// The constant scale of a dequantized operand of 8 bits.
static std::optional<HostTensor> scaleOf(Value operand) {
  auto dequantize = operand.getDefiningOp<nn::DequantizeOp>();
  bool isOfBytes = dequantize && typeOf(dequantize.getInput()).getElementTypeBitWidth() == 8 &&
                   typeOf(dequantize.getScale()).getElementType().isF32() && typeOf(operand).getElementType().isF32();
  return isOfBytes ? knownTensor(dequantize.getScale()) : std::nullopt;
}

Term biasOfProduct(NodeWriter &writer, Value bias, Value lhs, Value rhs) {
  std::optional<HostTensor> values = knownTensor(bias);
  if (!values || values->shape().size() != 1)
    return writer.term(bias);
  std::optional<HostTensor> inputScale = scaleOf(lhs), weightScale = scaleOf(rhs);
  int64_t channels = values->numElements();
  if (!inputScale || !weightScale || inputScale->numElements() != 1 ||
      (weightScale->numElements() != 1 && weightScale->shape() != values->shape()))
    return writer.term(bias);
  HostTensor scales(weightScale->numElements() == 1 ? RankedTensorType::get({}, writer.f32()) : values->type());
  HostTensor steps(RankedTensorType::get({channels}, writer.i32()));
  for (int64_t i = 0; i < channels; ++i) {
    int64_t at = weightScale->numElements() == 1 ? 0 : i;
    double step = inputScale->doubleAt(0) * weightScale->doubleAt(at);
    double count = std::nearbyint(values->doubleAt(i) / step);
    if (!std::isnormal(float(step)) || !(std::fabs(count) <= mostSteps))
      return writer.term(bias);
    scales.setDouble(at, step);
    steps.setInteger(i, int64_t(count));
  }
  Attributes attributes;
  if (!scales.shape().empty())
    attributes.with("axis", int64_t(0));
  Term integers = writer.weight(steps, formatOrigins(bias.getLoc()) + "_steps");
  return writer.node("DequantizeLinear", {integers, writer.constant(scales)}, values->type(), std::move(attributes));
}

} // namespace fettle
