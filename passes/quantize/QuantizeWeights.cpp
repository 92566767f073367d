//===- QuantizeWeights.cpp - weights on 8-bit grids ------------------------===//

#include "ir/support/Origin.h"
#include "passes/ConstantValue.h"
#include "passes/OpFactory.h"
#include "passes/fuse/ContractionWeights.h"
#include "passes/quantize/ActivationGrids.h"
#include "passes/quantize/Passes.h"
#include "passes/quantize/ProfileOption.h"
#include "passes/quantize/RoundedWeights.h"
#include "passes/quantize/WeightScales.h"
#include "mlir/IR/Threading.h"
#include <Eigen/Core>

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

#define GEN_PASS_DEF_QUANTIZEWEIGHTSPASS
#include "passes/quantize/Passes.h.inc"

namespace {
/// A contraction that reads integers, and what becomes of its weights.
struct Work {
  Operation *op;
  ContractionRows rows;
  const RowStatistics *statistics;
  std::optional<FittedWeights> fitted;
  RoundedWeights result;
};

struct QuantizeWeights : impl::QuantizeWeightsPassBase<QuantizeWeights> {
  using QuantizeWeightsPassBase::QuantizeWeightsPassBase;
  QuantizeWeights(const Profile &profile, const WeightOptions &options, ArrayRef<std::string> layers)
      : profile(&profile), options(options) {
    floatLayers = layers;
  }

  LogicalResult initialize(MLIRContext *context) override {
    return profile || profileFile.empty() ? success() : loadProfile(context, profileFile, ownProfile, profile);
  }

  void runOnOperation() override {
    ValueNames names(getOperation());
    std::vector<Work> work;
    std::vector<std::pair<Operation *, ContractionRows>> contractions;
    for (Operation &op : getOperation().getOps()) {
      auto input = isa<ConvOp, MatMulOp>(op) ? op.getOperand(0).getDefiningOp<DequantizeOp>() : DequantizeOp();
      auto rows = input && ContractionWeights::get(&op) ? ContractionRows::get(&op) : std::nullopt;
      if (!rows || llvm::is_contained(floatLayers, names.nameOf(op.getResult(0))))
        continue;
      const RowStatistics *statistics = nullptr;
      if (options.rounding == Rounding::Gptq && profile && failed(findStatistics(&op, input, *rows, names, statistics)))
        return signalPassFailure();
      work.push_back({&op, *rows, statistics, {}, {}});
      contractions.push_back({&op, *rows});
    }
    // Eigen orders sums by the sizes of caches; the result shall not depend on the machine.
    Eigen::setCpuCacheSizes(32 << 10, 1 << 20, 8 << 20);
    parallelForEach(&getContext(), work, [](Work &item) {
      if (item.statistics && !item.statistics->missing.empty())
        item.fitted = fitContraction(item.op, item.rows, *item.statistics);
    });
    for (Work &item : work)
      fit(item);
    const WeightScales scales = chooseWeightScales(getOperation(), contractions);
    parallelForEach(&getContext(), work, [&](Work &item) {
      item.result = roundContraction(item.op, item.rows, scales.find(item.op)->second, item.statistics, options);
    });
    for (Work &item : work)
      replace(item);
  }

  /// The rows of what was rounded by `input`, if they were measured on its grid.
  LogicalResult findStatistics(Operation *op, DequantizeOp input, const ContractionRows &rows, const ValueNames &names,
                               const RowStatistics *&statistics) {
    auto quantize = input.getInput().getDefiningOp<QuantizeOp>();
    std::string key = quantize ? rowsKey(quantize.getInput(), rows, names) : "";
    auto found = profile->rows.find(key);
    if (found == profile->rows.end() || found->second.groups != rows.groups() || found->second.width != rows.width())
      return op->emitError() << "the profile has no rows of '" << key << "': it was made from another model or with another recipe";
    if (splatValue(quantize.getScale()) != double(found->second.scale) ||
        splatValue(quantize.getZeroPoint()) != double(found->second.zeroPoint))
      return op->emitError() << "the profile has rows of '" << key << "' on another grid: it was made with another recipe";
    if (!options.refits && !found->second.missing.empty())
      return op->emitError() << "the profile has rows of '" << key << "' in a student: it was made with another recipe";
    statistics = &found->second;
    return success();
  }

  static void addToBias(Operation *op, const HostTensor &shift, StringRef name) {
    OpBuilder builder(op);
    Location location = op->getOperand(1).getLoc();
    Value constant = makeConstant(builder, location, shift, formatOrigins(op->getLoc()) + name.str());
    auto setBias = [&](auto op) {
      Value bias = op.getBias();
      op.getBiasMutable().assign(bias ? makeBinary(builder, location, BinaryKind::add, bias, constant) : constant);
    };
    if (auto conv = dyn_cast<ConvOp>(op))
      setBias(conv);
    else
      setBias(cast<MatMulOp>(op));
  }

  static void fit(Work &item) {
    if (!item.fitted)
      return;
    OpBuilder builder(item.op);
    item.op->setOperand(1, makeConstant(builder, item.op->getOperand(1).getLoc(), item.fitted->weights, formatOrigins(item.op->getLoc()) + ".fitted"));
    addToBias(item.op, item.fitted->biasShift, ".fitted_shift");
  }

  static void replace(Work &item) {
    OpBuilder builder(item.op);
    Location location = item.op->getOperand(1).getLoc();
    std::string name = formatOrigins(item.op->getLoc());
    auto weights = *ContractionWeights::get(item.op);
    Value integers = makeConstant(builder, location, item.result.integers, name + ".weights");
    Value scales = makeConstant(builder, location, item.result.scales, name + ".scales");
    Value rounded = DequantizeOp::create(builder, location, item.op->getOperand(1).getType(), integers, scales, Value(),
                                         weights.outputAxis());
    item.op->setOperand(1, rounded);
    if (item.result.biasShift)
      addToBias(item.op, *item.result.biasShift, ".shift");
  }

  const Profile *profile = nullptr;
  std::shared_ptr<const Profile> ownProfile;
  WeightOptions options;
};
} // namespace

std::unique_ptr<Pass> createQuantizeWeightsPass(const Profile &profile, const WeightOptions &options,
                                                ArrayRef<std::string> floatLayers) {
  return std::make_unique<QuantizeWeights>(profile, options, floatLayers);
}

} // namespace fettle
