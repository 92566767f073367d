//===- QuantizeActivations.cpp - activations on 8-bit grids ----------------===//

#include "ir/profile/ValueNames.h"
#include "passes/OpFactory.h"
#include "passes/quantize/Passes.h"
#include "passes/quantize/QuantizationPlan.h"
#include "llvm/Support/MemoryBuffer.h"

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
  QuantizeActivations(const Profile &profile, const GridOptions &options) : profile(&profile), options(options) {}

  LogicalResult initialize(MLIRContext *context) override {
    if (profile)
      return success();
    auto buffer = llvm::MemoryBuffer::getFile(profileFile);
    auto parsed = buffer ? Profile::fromJson((*buffer)->getBuffer())
                         : llvm::Expected<Profile>(llvm::createStringError(buffer.getError().message()));
    if (!parsed)
      return emitError(UnknownLoc::get(context)) << "profile '" << profileFile << "' " << llvm::toString(parsed.takeError());
    options.method = grid;
    ownProfile = std::make_shared<Profile>(std::move(*parsed));
    profile = ownProfile.get();
    return success();
  }

  void runOnOperation() override {
    QuantizationPlan plan(getOperation());
    ValueNames names(getOperation());
    llvm::DenseMap<Value, Grid> grids;
    for (Value value : plan.values()) {
      if (grids.contains(value))
        continue;
      const TensorStatistics *widest = nullptr;
      for (Value member : plan.sharing(value)) {
        auto measured = profile->tensors.find(names.nameOf(member).str());
        if (measured == profile->tensors.end()) {
          emitError(member.getLoc()) << "the profile knows nothing of '" << names.nameOf(member)
                                     << "': it was made from another model or with other options";
          return signalPassFailure();
        }
        const TensorStatistics &statistics = measured->second;
        if (!widest || statistics.max - statistics.min > widest->max - widest->min)
          widest = &statistics;
      }
      Grid grid = chooseGrid(*widest, options);
      for (Value member : plan.sharing(value))
        grids[member] = grid;
    }
    // The plan is about uses as they are now: they are gathered before the first is changed.
    llvm::SmallVector<std::pair<OpOperand *, Value>> readers;
    for (Value value : plan.values())
      for (OpOperand &use : value.getUses())
        if (plan.readsIntegers(use))
          readers.push_back({&use, value});
    llvm::DenseMap<Value, Value> rounded;
    for (Value value : plan.values())
      rounded[value] = makePair(value, grids[value]).second.getOutput();
    for (auto [use, value] : readers)
      use->set(rounded[value]);
  }

  const Profile *profile = nullptr;
  std::shared_ptr<const Profile> ownProfile;
  GridOptions options;
};
} // namespace

std::unique_ptr<Pass> createQuantizeActivationsPass(const Profile &profile, const GridOptions &options) {
  return std::make_unique<QuantizeActivations>(profile, options);
}

} // namespace fettle
