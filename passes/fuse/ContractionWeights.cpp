//===- ContractionWeights.cpp - weights of a contraction, by channel ------===//

#include "passes/fuse/ContractionWeights.h"
#include "passes/ConstantValue.h"
#include <cstring>

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

static ArrayRef<int64_t> shapeOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

static constexpr int64_t maxSplatElements = 1 << 20;

std::optional<ContractionWeights> ContractionWeights::get(Operation *op) {
  ContractionWeights result;
  result.op = op;
  if (!op || !isa<ConvOp, ConvTransposeOp, MatMulOp>(op) || op->getNumOperands() < 2)
    return std::nullopt;
  // A splat may be of any size, as it takes no space in a file: it is not written out.
  auto constant = op->getOperand(1).getDefiningOp<ConstantOp>();
  if (!constant || (constant.getValue().isSplat() && constant.getOutput().getType().getNumElements() > maxSplatElements))
    return std::nullopt;
  std::optional<HostTensor> weights = constantTensor(op->getOperand(1));
  auto isFloat = [](Type type) { return isa<FloatType>(cast<RankedTensorType>(type).getElementType()); };
  if (!weights || !isFloat(weights->type()) || !isFloat(op->getResult(0).getType()))
    return std::nullopt;
  result.weights = *weights;
  ArrayRef<int64_t> shape = weights->shape();
  if (auto matmul = dyn_cast<MatMulOp>(op)) {
    for (int64_t extent : shape.drop_back(2))
      result.outer *= extent;
    result.rows = shape[shape.size() - 2];
    result.columns = shape.back();
    result.outputsFirst = matmul.getTransposeRhs();
    result.numInputs = result.outputsFirst ? result.columns : result.rows;
    result.numOutputs = result.outputsFirst ? result.rows : result.columns;
    return result;
  }
  result.rows = shape[0];
  result.columns = shape[1];
  for (int64_t extent : shape.drop_front(2))
    result.inner *= extent;
  int64_t rank = shapeOf(op->getResult(0)).size();
  auto setConvolution = [&](int64_t groups, bool channelsLast) {
    result.groups = groups;
    result.fromBack = channelsLast ? 1 : rank - 1;
  };
  if (auto conv = dyn_cast<ConvOp>(op)) {
    setConvolution(conv.getGroups(), conv.getChannelsLast());
    result.outputsFirst = true;
    result.numOutputs = result.rows;
    result.numInputs = result.columns * result.groups;
  } else {
    auto transposed = cast<ConvTransposeOp>(op);
    setConvolution(transposed.getGroups(), transposed.getChannelsLast());
    result.numInputs = result.rows;
    result.numOutputs = result.columns * result.groups;
  }
  if (result.groups < 1 || result.rows % result.groups != 0)
    return std::nullopt;
  return result;
}

Value ContractionWeights::value() const { return op->getOperand(1); }
Value ContractionWeights::bias() const { return op->getNumOperands() > 2 ? op->getOperand(2) : Value(); }

int64_t ContractionWeights::outputAxis() const {
  int64_t rank = weights.shape().size();
  if (isa<MatMulOp>(op))
    return outputsFirst ? rank - 2 : rank - 1;
  return outputsFirst ? 0 : 1;
}

HostTensor ContractionWeights::scaled(llvm::function_ref<double(int64_t, int64_t)> factor) const {
  HostTensor result(weights.type());
  // Tens of millions of weights are common: the usual type does not go through conversions by case.
  if (weights.elementType().isF32()) {
    const char *from = weights.bytes().data();
    char *to = result.mutableBytes().data();
    forEach([&](int64_t element, int64_t input, int64_t output) {
      float value;
      std::memcpy(&value, from + element * sizeof value, sizeof value);
      value = static_cast<float>(value * factor(input, output));
      std::memcpy(to + element * sizeof value, &value, sizeof value);
    });
    return result;
  }
  forEach([&](int64_t element, int64_t input, int64_t output) {
    result.setDouble(element, weights.doubleAt(element) * factor(input, output));
  });
  return result;
}

std::vector<double> ContractionWeights::response(ArrayRef<double> offsets) const {
  std::vector<double> sums(numOutputs, 0);
  forEach([&](int64_t element, int64_t input, int64_t output) { sums[output] += weights.doubleAt(element) * offsets[input]; });
  return sums;
}

std::optional<std::vector<double>> channelValues(Value value, int64_t axisFromBack, int64_t extent) {
  if (!value.getDefiningOp<ConstantOp>() || !isa<FloatType>(cast<RankedTensorType>(value.getType()).getElementType()))
    return std::nullopt;
  ArrayRef<int64_t> shape = shapeOf(value);
  int64_t rank = shape.size();
  if (std::optional<double> splat = splatValue(value)) {
    // Of whatever shape: the caller checks that the result keeps its own.
    return std::vector<double>(extent, *splat);
  }
  for (int64_t axis = 0; axis < rank; ++axis)
    if (shape[axis] != 1 && (rank - axis != axisFromBack || shape[axis] != extent))
      return std::nullopt;
  return constantTensor(value)->doubles();
}

} // namespace fettle
