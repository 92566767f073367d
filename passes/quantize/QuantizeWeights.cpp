//===- QuantizeWeights.cpp - weights on 8-bit grids ------------------------===//

#include "ir/support/Origin.h"
#include "passes/OpFactory.h"
#include "passes/fuse/ContractionWeights.h"
#include "passes/quantize/Passes.h"
#include <cmath>

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

#define GEN_PASS_DEF_QUANTIZEWEIGHTSPASS
#include "passes/quantize/Passes.h.inc"

namespace {
struct QuantizeWeights : impl::QuantizeWeightsPassBase<QuantizeWeights> {
  void runOnOperation() override {
    SmallVector<Operation *> contractions;
    for (Operation &op : getOperation().getOps())
      if (isa<ConvOp, MatMulOp>(op) && op.getOperand(0).getDefiningOp<DequantizeOp>())
        contractions.push_back(&op);
    for (Operation *op : contractions)
      if (std::optional<ContractionWeights> weights = ContractionWeights::get(op))
        quantize(op, *weights);
  }

  static void quantize(Operation *op, const ContractionWeights &weights) {
    std::vector<double> greatest(weights.outputs(), 0);
    weights.forEach([&](int64_t element, int64_t, int64_t output) {
      greatest[output] = std::max(greatest[output], std::abs(weights.tensor().doubleAt(element)));
    });
    OpBuilder builder(op);
    auto type = cast<RankedTensorType>(weights.value().getType());
    HostTensor scales(RankedTensorType::get({weights.outputs()}, type.getElementType()));
    for (auto [output, value] : llvm::enumerate(greatest))
      scales.setDouble(output, value > 0 ? value / 127 : 1);
    HostTensor integers(type.clone(builder.getI8Type()));
    HostTensor steps = weights.scaled([&](int64_t, int64_t output) { return 1 / scales.doubleAt(output); });
    for (int64_t i = 0; i < integers.numElements(); ++i)
      integers.setInteger(i, std::clamp<int64_t>(std::nearbyint(steps.doubleAt(i)), -127, 127));

    Location location = weights.value().getLoc();
    std::string name = formatOrigins(op->getLoc());
    Value constant = makeConstant(builder, location, integers, name + ".weights");
    Value scale = makeConstant(builder, location, scales, name + ".scales");
    Value rounded = DequantizeOp::create(builder, location, type, constant, scale, Value(), weights.outputAxis());
    op->setOperand(1, rounded);
  }
};
} // namespace

} // namespace fettle
