//===- ChannelImportance.cpp - where an error shows ------------------------===//
//
// Clipping a tensor trades errors of its few large elements against those of all others, and
// which trade is best depends on what the errors meet: an error e in channel c of the input of a
// contraction costs its outputs e^2 sum_o w_oc^2. Example: channel 0 reaches 8 and meets weights
// of 1, channel 1 reaches 4 with a long thin tail up to 8 and meets weights of 0.01. By plain mean square
// error the tail may be worth a clip at 5; by what the outputs see, channel 0 decides. So elements are
// counted by these sums. Channels that were equalized differ by their squared factors alone.
//
//===----------------------------------------------------------------------===//

#include "passes/quantize/ChannelImportance.h"
#include "passes/fuse/ContractionWeights.h"
#include <cmath>

using namespace mlir;

namespace fettle {

/// The weight of an average channel; a channel that matters 1/128 of it counts nothing.
static constexpr double averageWeight = 64;

ChannelImportance importanceOf(Value value, const QuantizationPlan &plan) {
  ChannelImportance importance;
  auto type = cast<RankedTensorType>(value.getType());
  std::vector<double> sums;
  int64_t axis = 0;
  for (OpOperand &use : value.getUses()) {
    Operation *op = use.getOwner();
    if (!plan.readsIntegers(use))
      continue;
    // A sum passes errors on to readers that are not looked for here.
    if (!llvm::is_contained(plan.contractions(), op))
      return {1, {1}};
    auto weights = *ContractionWeights::get(op);
    auto matmul = dyn_cast<nn::MatMulOp>(op);
    int64_t from = type.getRank() - weights.channelFromBack();
    // Readers that see other axes as channels have no importance in common.
    if ((matmul && matmul.getTransposeLhs()) || weights.inputs() != type.getDimSize(from) || (!sums.empty() && from != axis))
      return {1, {1}};
    std::vector<double> squares(weights.inputs(), 0);
    double total = 0;
    weights.forEach([&](int64_t element, int64_t input, int64_t) {
      double weight = weights.tensor().doubleAt(element);
      squares[input] += weight * weight;
      total += weight * weight;
    });
    axis = from;
    sums.resize(weights.inputs(), 0);
    for (auto [sum, square] : llvm::zip_equal(sums, squares))
      sum += total > 0 ? square / total : 0;
  }
  double total = 0;
  for (double sum : sums)
    total += sum;
  if (!(total > 0))
    return {1, {1}};
  for (double sum : sums)
    importance.weights.push_back(std::llrint(averageWeight * sum / total * double(sums.size())));
  for (int64_t extent : type.getShape().drop_front(axis + 1))
    importance.inner *= extent;
  return importance;
}

} // namespace fettle
