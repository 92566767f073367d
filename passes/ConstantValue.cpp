//===- ConstantValue.cpp - what a pattern asks of a constant operand ------===//

#include "passes/ConstantValue.h"
#include <cmath>

using namespace mlir;

namespace fettle {

std::optional<HostTensor> constantTensor(Value value) {
  auto constant = value.getDefiningOp<nn::ConstantOp>();
  if (!constant)
    return std::nullopt;
  return HostTensor::fromAttribute(constant.getValue());
}

/// The first element of a tensor that has one.
static std::optional<double> firstElement(const HostTensor &tensor) {
  if (tensor.numElements() == 0)
    return std::nullopt;
  if (isa<FloatType>(tensor.elementType()))
    return tensor.doubleAt(0);
  int64_t integer = tensor.integerAt(0);
  double value = static_cast<double>(integer);
  return std::abs(value) <= double(int64_t(1) << 53) ? std::optional<double>(value) : std::nullopt;
}

std::optional<double> splatValue(Value value) {
  auto constant = value.getDefiningOp<nn::ConstantOp>();
  // Large data is not searched for equal elements: constants are made as splats where they are.
  if (!constant || (!constant.getValue().isSplat() && constant.getOutput().getType().getNumElements() != 1))
    return std::nullopt;
  auto type = constant.getOutput().getType();
  if (auto dense = dyn_cast<DenseElementsAttr>(constant.getValue()); dense && dense.isSplat() && type.getNumElements() > 1) {
    auto one = RankedTensorType::get({1}, type.getElementType());
    return firstElement(HostTensor::fromAttribute(dense.resizeSplat(one)));
  }
  return firstElement(HostTensor::fromAttribute(constant.getValue()));
}

bool isSplatOf(Value value, double number) { return splatValue(value) == number; }

bool isSplatNear(Value value, double number, double tolerance) {
  std::optional<double> splat = splatValue(value);
  return splat && std::abs(*splat - number) <= tolerance * std::abs(number);
}

} // namespace fettle
