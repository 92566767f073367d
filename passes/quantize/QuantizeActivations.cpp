//===- QuantizeActivations.cpp - activations on 8-bit grids ----------------===//

#include "passes/OpFactory.h"
#include "passes/quantize/ActivationGrids.h"
#include "passes/quantize/Passes.h"
#include "passes/quantize/ProfileOption.h"

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

#define GEN_PASS_DEF_QUANTIZEACTIVATIONSPASS
#include "passes/quantize/Passes.h.inc"

/// `value` rounded to `grid` and back, behind its definition.
static std::pair<QuantizeOp, DequantizeOp> makePair(Value value, const Grid &grid) {
  OpBuilder builder(value.getContext());
  builder.setInsertionPointAfterValue(value);
  auto type = cast<RankedTensorType>(value.getType());
  auto integer = IntegerType::get(value.getContext(), 8, IntegerType::Unsigned);
  Location location = value.getLoc();
  Value scale = makeScalar(builder, location, type.getElementType(), grid.scale);
  Value zeroPoint = makeScalar(builder, location, integer, double(grid.zeroPoint));
  auto quantize = QuantizeOp::create(builder, location, type.clone(integer), value, scale, zeroPoint);
  auto dequantize = DequantizeOp::create(builder, location, type, quantize.getOutput(), scale, zeroPoint);
  return {quantize, dequantize};
}

namespace {
struct QuantizeActivations : impl::QuantizeActivationsPassBase<QuantizeActivations> {
  using QuantizeActivationsPassBase::QuantizeActivationsPassBase;
  QuantizeActivations(const Profile &profile, const GridOptions &options, ArrayRef<std::string> layers)
      : profile(&profile), options(options) {
    floatLayers = layers;
  }

  LogicalResult initialize(MLIRContext *context) override {
    if (profile)
      return success();
    options.method = grid;
    return loadProfile(context, profileFile, ownProfile, profile);
  }

  void runOnOperation() override {
    ValueNames names(getOperation());
    // Grids do not depend on what stays in float: what was measured on them remains valid.
    auto grids = chooseGrids(QuantizationPlan(getOperation()), names, *profile, options);
    if (!grids) {
      emitError(getOperation().getLoc()) << "the profile knows nothing of '" << llvm::toString(grids.takeError())
                                         << "': it was made from another model or with other options";
      return signalPassFailure();
    }
    QuantizationPlan plan(getOperation(), floatLayers);
    // The plan is about uses as they are now: they are gathered before the first is changed.
    llvm::SmallVector<std::pair<OpOperand *, Value>> readers;
    for (Value value : plan.values())
      for (OpOperand &use : value.getUses())
        if (plan.readsIntegers(use))
          readers.push_back({&use, value});
    llvm::DenseMap<Value, Value> rounded;
    for (Value value : plan.values())
      rounded[value] = makePair(value, grids->lookup(value)).second.getOutput();
    for (auto [use, value] : readers)
      use->set(rounded[value]);
  }

  const Profile *profile = nullptr;
  std::shared_ptr<const Profile> ownProfile;
  GridOptions options;
};
} // namespace

std::unique_ptr<Pass> createQuantizeActivationsPass(const Profile &profile, const GridOptions &options,
                                                    ArrayRef<std::string> floatLayers) {
  return std::make_unique<QuantizeActivations>(profile, options, floatLayers);
}

} // namespace fettle
