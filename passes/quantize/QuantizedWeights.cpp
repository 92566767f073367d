//===- QuantizedWeights.cpp - a constant dequantized operand --------------===//

#include "passes/quantize/QuantizedWeights.h"
#include "ir/reference/Evaluate.h"
#include <algorithm>

using namespace mlir;

namespace fettle {

/// Of weights that are still moved by ops on constants.
static constexpr int64_t maxElements = int64_t(1) << 30;

static bool isOfBits(Type type, unsigned width) { return type.isInteger() && type.getIntOrFloatBitWidth() == width; }

std::optional<QuantizedWeights> centreWeights(Value weights, Value zeroPoint, int64_t axis) {
  std::optional<HostTensor> stored = reference::evaluateConstant(weights, maxElements), zero;
  if (zeroPoint && !(zero = reference::evaluateConstant(zeroPoint)))
    return std::nullopt;
  if (!stored || !isOfBits(stored->elementType(), 8))
    return std::nullopt;
  ArrayRef<int64_t> shape = stored->shape();
  int64_t channels = shape[axis], inner = 1;
  for (int64_t extent : shape.drop_front(axis + 1))
    inner *= extent;
  std::vector<int64_t> points = zero ? zero->integers() : std::vector<int64_t>{0}, values = stored->integers();
  if (points.size() != 1 && int64_t(points.size()) != channels)
    return std::nullopt;
  std::vector<int64_t> sums(channels, 0);
  bool fits = true;
  for (size_t i = 0; i < values.size(); ++i) {
    int64_t channel = int64_t(i) / inner % channels;
    values[i] -= points[points.size() == 1 ? 0 : channel];
    fits &= values[i] >= -128 && values[i] <= 127;
    if (values[i] > 254)
      return std::nullopt;
    sums[channel] += std::abs(values[i]);
  }
  QuantizedWeights result;
  result.integers = HostTensor(RankedTensorType::get(shape, IntegerType::get(weights.getContext(), fits ? 8 : 16)));
  for (size_t i = 0; i < values.size(); ++i)
    result.integers.setInteger(i, values[i]);
  if (!sums.empty())
    result.largestSum = *std::max_element(sums.begin(), sums.end());
  return result;
}

} // namespace fettle
