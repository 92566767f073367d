//===- WeightScales.cpp - a scale for each output channel ------------------===//

#include "passes/quantize/WeightScales.h"
#include "passes/ConstantValue.h"
#include "passes/fuse/ContractionWeights.h"
#include "passes/quantize/OddDenominators.h"
#include "passes/quantize/RoundedSum.h"
#include <cfloat>
#include <cmath>
#include <numeric>

using namespace mlir;

namespace fettle {

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// The greatest magnitude of each output channel's weights; 0 for one without weights.
static std::vector<double> greatestWeights(Operation *op, const ContractionRows &rows) {
  const HostTensor stored = ContractionWeights::get(op)->tensor();
  std::vector<double> greatest(rows.groups() * rows.outputs(), 0);
  for (int64_t channel = 0; channel < int64_t(greatest.size()); ++channel)
    for (int64_t column = 0; column < rows.width(); ++column) {
      int64_t at = rows.weightIndex(channel / rows.outputs(), channel % rows.outputs(), column);
      greatest[channel] = std::max(greatest[channel], std::fabs(stored.doubleAt(at)));
    }
  return greatest;
}

/// The one f32 scale of dequantized bytes.
static std::optional<double> byteScale(Value value) {
  auto dequantize = value.getDefiningOp<nn::DequantizeOp>();
  bool isOfBytes = dequantize && typeOf(dequantize.getInput()).getElementTypeBitWidth() == 8;
  return isOfBytes ? splatValue(dequantize.getScale()) : std::nullopt;
}

/// Scales of the products in `sum`, which is rounded in steps of `step`, that leave no ties.
static void avoidTies(const RoundedSum &sum, double step, WeightScales &scales) {
  int64_t divisor = 1;
  for (Value bytes : sum.bytes) {
    std::optional<double> scale = byteScale(bytes);
    std::optional<int64_t> denominator = scale ? oddDenominatorOf(*scale / step) : std::nullopt;
    if (!denominator)
      return;
    divisor = std::lcm(divisor, *denominator);
  }
  SmallVector<double> steps; ///< of the results for one of the weights
  for (Operation *op : sum.products)
    steps.push_back(byteScale(op->getOperand(0)).value_or(0) / step);
  if (llvm::any_of(steps, [](double step) { return !(step > 0) || !std::isfinite(step); }))
    return;
  int64_t channels = scales[sum.products.front()].size();
  for (int64_t channel = 0; channel < channels; ++channel) {
    SmallVector<double> factors;
    for (auto [op, step] : llvm::zip_equal(sum.products, steps))
      factors.push_back(scales[op][channel] * step);
    std::optional<int64_t> denominator = commonOddDenominator(factors, divisor);
    if (!denominator)
      continue;
    for (auto [op, step, factor] : llvm::zip_equal(sum.products, steps, factors))
      scales[op][channel] =
          static_cast<float>(double(numeratorAbove(factor, *denominator)) / double(*denominator) / step);
  }
}

WeightScales chooseWeightScales(func::FuncOp function, ArrayRef<std::pair<Operation *, ContractionRows>> contractions) {
  WeightScales scales;
  for (const auto &[op, rows] : contractions) {
    std::vector<double> ends = greatestWeights(op, rows);
    // Scales are what the artifact will hold: floats. A channel without weights takes any.
    for (double &end : ends)
      end = end > 0 ? std::max<double>(static_cast<float>(end / 127), FLT_MIN) : 1;
    scales[op] = std::move(ends);
  }
  llvm::SmallPtrSet<Operation *, 16> done;
  for (auto quantize : function.getOps<nn::QuantizeOp>()) {
    std::optional<double> step = splatValue(quantize.getScale());
    auto sum = RoundedSum::of(
        quantize.getInput(), [](OpOperand &use) { return byteScale(use.get()).has_value(); },
        [&](Operation *op) { return scales.contains(op); });
    if (!step || !sum || sum->products.empty() || llvm::any_of(sum->products, [&](Operation *op) { return !done.insert(op).second; }))
      continue;
    avoidTies(*sum, *step, scales);
  }
  return scales;
}

} // namespace fettle
