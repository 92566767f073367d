//===- ContractionRows.cpp - a contraction as products of rows -------------===//

#include "passes/quantize/ContractionRows.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include <functional>
#include <numeric>

using namespace mlir;

namespace fettle {

static ArrayRef<int64_t> shapeOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

static int64_t product(ArrayRef<int64_t> extents) {
  return std::accumulate(extents.begin(), extents.end(), int64_t(1), std::multiplies<>());
}

std::optional<ContractionRows> ContractionRows::get(Operation *op) {
  if (auto matmul = dyn_cast<nn::MatMulOp>(op))
    return ofProduct(matmul);
  if (auto conv = dyn_cast<nn::ConvOp>(op))
    return ofConvolution(conv);
  return std::nullopt;
}

/// A product is a convolution over one spatial axis, the rows of the left operand, with a window of 1.
std::optional<ContractionRows> ContractionRows::ofProduct(nn::MatMulOp op) {
  ArrayRef<int64_t> lhs = shapeOf(op.getLhs()), rhs = shapeOf(op.getRhs());
  if (product(rhs.drop_back(2)) != 1)
    return std::nullopt;
  bool transposed = op.getTransposeLhs();
  int64_t rows = transposed ? lhs.back() : lhs[lhs.size() - 2], columns = transposed ? lhs[lhs.size() - 2] : lhs.back();
  ContractionRows result;
  result.rowWidth = result.channels = columns;
  result.groupOutputs = op.getTransposeRhs() ? rhs[rhs.size() - 2] : rhs.back();
  result.numPositions = product(lhs.drop_back(2)) * rows;
  result.outputStride = op.getTransposeRhs() ? columns : 1;
  result.columnStride = op.getTransposeRhs() ? 1 : result.groupOutputs;
  result.batchStride = rows * columns;
  result.channelStride = transposed ? rows : 1;
  result.extents = result.results = {rows};
  result.spatialStrides = {transposed ? 1 : columns};
  result.kernel = result.steps = result.dilations = {1};
  result.padding = {0};
  return result;
}

ContractionRows ContractionRows::ofConvolution(nn::ConvOp op) {
  ArrayRef<int64_t> input = shapeOf(op.getInput()), weight = shapeOf(op.getWeight()), output = shapeOf(op.getOutput());
  size_t rank = input.size() - 2;
  bool last = op.getChannelsLast();
  ContractionRows result;
  result.numGroups = op.getGroups();
  result.channels = weight[1];
  result.kernel.assign(weight.begin() + 2, weight.end());
  result.rowWidth = result.channels * product(result.kernel);
  result.groupOutputs = weight[0] / result.numGroups;
  result.outputStride = result.rowWidth;
  result.columnStride = 1;
  result.extents.assign(input.begin() + (last ? 1 : 2), input.end() - (last ? 1 : 0));
  result.results.assign(output.begin() + (last ? 1 : 2), output.end() - (last ? 1 : 0));
  result.numPositions = input[0] * product(result.results);
  result.spatialStrides.assign(rank, last ? input.back() : 1);
  for (size_t axis = rank; axis-- > 1;)
    result.spatialStrides[axis - 1] = result.spatialStrides[axis] * result.extents[axis];
  result.batchStride = product(input.drop_front());
  result.channelStride = last ? 1 : product(result.extents);
  result.steps.assign(op.getStrides());
  result.dilations.assign(op.getDilations());
  result.padding.assign(op.getPads().take_front(rank));
  return result;
}

std::string ContractionRows::describe() const {
  auto list = [](ArrayRef<int64_t> numbers) {
    return llvm::join(llvm::map_range(numbers, [](int64_t number) { return std::to_string(number); }), "x");
  };
  auto unless = [&](StringRef word, ArrayRef<int64_t> numbers, int64_t usual) {
    bool isUsual = llvm::all_of(numbers, [&](int64_t number) { return number == usual; });
    return isUsual ? std::string() : (" " + word + " " + list(numbers)).str();
  };
  return list(kernel) + unless("stride", steps, 1) + unless("dilation", dilations, 1) + unless("padding", padding, 0) +
         unless("groups", numGroups, 1) + (results == extents ? "" : " to " + list(results));
}

void ContractionRows::gather(ArrayRef<float> input, int64_t position, float *row) const {
  size_t rank = kernel.size();
  int64_t perBatch = product(results), taps = product(kernel);
  SmallVector<int64_t> origin(rank);
  int64_t rest = position % perBatch;
  for (size_t axis = rank; axis-- > 0; rest /= results[axis])
    origin[axis] = rest % results[axis] * steps[axis] - padding[axis];
  const int64_t base = position / perBatch * batchStride, columns = numGroups * channels;
  for (int64_t tap = 0; tap < taps; ++tap) {
    int64_t offset = base, number = tap;
    bool inside = true;
    for (size_t axis = rank; axis-- > 0; number /= kernel[axis]) {
      int64_t at = origin[axis] + number % kernel[axis] * dilations[axis];
      inside &= at >= 0 && at < extents[axis];
      offset += at * spatialStrides[axis];
    }
    for (int64_t channel = 0; channel < columns; ++channel)
      row[channel * taps + tap] = inside ? input[offset + channel * channelStride] : 0.0f;
  }
}

} // namespace fettle
