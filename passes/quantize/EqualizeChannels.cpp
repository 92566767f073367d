//===- EqualizeChannels.cpp - channels that use their grid alike -----------===//

#include "ir/profile/ValueNames.h"
#include "ir/support/Origin.h"
#include "passes/ConstantValue.h"
#include "passes/OpFactory.h"
#include "passes/fuse/ContractionWeights.h"
#include "passes/quantize/ChannelClasses.h"
#include "passes/quantize/ChannelFactors.h"
#include "passes/quantize/Passes.h"
#include "passes/quantize/ProfileOption.h"

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

#define GEN_PASS_DEF_EQUALIZECHANNELSPASS
#include "passes/quantize/Passes.h.inc"

/// What takes a product of its own shall at least halve the error.
static constexpr double worthAProduct = 0.5;

/// `constant`, which broadcasts against tensors whose channels are `axisFromBack`, with channel c divided by factors[c].
static HostTensor divideChannels(const HostTensor &constant, int64_t axisFromBack, const Eigen::VectorXd &factors) {
  SmallVector<int64_t> shape(constant.shape());
  if (int64_t(shape.size()) < axisFromBack)
    shape.insert(shape.begin(), axisFromBack - shape.size(), 1);
  int64_t axis = shape.size() - axisFromBack, channels = factors.size(), inner = 1;
  bool isShared = shape[axis] == 1;
  shape[axis] = channels;
  for (int64_t extent : ArrayRef(shape).drop_front(axis + 1))
    inner *= extent;
  HostTensor result(RankedTensorType::get(shape, constant.elementType()));
  for (int64_t i = 0; i < result.numElements(); ++i) {
    int64_t channel = i / inner % channels, from = isShared ? i / (inner * channels) * inner + i % inner : i;
    result.setDouble(i, constant.doubleAt(from) / factors[channel]);
  }
  return result;
}

namespace {
struct EqualizeChannels : impl::EqualizeChannelsPassBase<EqualizeChannels> {
  using EqualizeChannelsPassBase::EqualizeChannelsPassBase;
  explicit EqualizeChannels(const Profile &profile) : profile(&profile) {}

  LogicalResult initialize(MLIRContext *context) override {
    return profile ? success() : loadProfile(context, profileFile, ownProfile, profile);
  }

  void runOnOperation() override {
    QuantizationPlan plan(getOperation());
    ValueNames names(getOperation());
    for (ChannelClass &channels : findChannelClasses(plan)) {
      std::vector<ScaledTensor> tensors;
      for (auto [value, axis] : channels.values) {
        if (!llvm::is_contained(plan.values(), value))
          continue;
        auto measured = profile->channels.find(names.nameOf(value).str());
        if (measured == profile->channels.end() || int64_t(measured->second.low.size()) != channels.channels) {
          emitError(value.getLoc()) << "the profile has no channels of '" << names.nameOf(value)
                                    << "': it was made from another model or with another recipe";
          return signalPassFailure();
        }
        tensors.push_back(describe(value, measured->second, channels));
      }
      Eigen::VectorXd factors = chooseFactors(tensors, channels.cuts.empty() ? 1 : worthAProduct);
      if (!factors.isOnes())
        divide(channels, factors);
    }
  }

  static ScaledTensor describe(Value value, const ChannelStatistics &measured, const ChannelClass &channels) {
    ScaledTensor tensor;
    auto toVector = [](const std::vector<float> &values) -> Eigen::VectorXd {
      return Eigen::Map<const Eigen::VectorXf>(values.data(), values.size()).cast<double>();
    };
    tensor.low = toVector(measured.low);
    tensor.high = toVector(measured.high);
    tensor.meanSquare = toVector(measured.meanSquare);
    for (Operation *op : channels.consumers) {
      if (op->getOperand(0) != value)
        continue;
      auto weights = *ContractionWeights::get(op);
      ScaledTensor::Reader reader{Eigen::VectorXd::Zero(weights.inputs()),
                                  Eigen::MatrixXd::Zero(weights.outputs(), weights.inputs())};
      weights.forEach([&](int64_t element, int64_t input, int64_t output) {
        double weight = weights.tensor().doubleAt(element);
        reader.squaredWeights[input] += weight * weight;
        reader.greatestWeights(output, input) = std::max(reader.greatestWeights(output, input), std::abs(weight));
      });
      tensor.readers.push_back(std::move(reader));
    }
    return tensor;
  }

  /// Divides channel c of all tensors of the class by factors[c].
  static void divide(const ChannelClass &channels, const Eigen::VectorXd &factors) {
    llvm::SetVector<Operation *> contractions(channels.consumers.begin(), channels.consumers.end());
    for (Operation *op : channels.producers) {
      int64_t fromBack = cast<RankedTensorType>(op->getResult(0).getType()).getRank() - channels.values.lookup(op->getResult(0));
      unsigned first = isa<LayerNormOp>(op) ? 1 : 2; // scale and bias; the bias behind the weights
      for (OpOperand &operand : op->getOpOperands().drop_front(first))
        replace(operand, divideChannels(*constantTensor(operand.get()), isa<ConvOp>(op) ? 1 : fromBack, factors));
      if (!isa<LayerNormOp>(op))
        contractions.insert(op);
    }
    for (Operation *op : contractions) {
      bool divides = channels.producers.contains(op), multiplies = channels.consumers.contains(op);
      replace(op->getOpOperand(1), ContractionWeights::get(op)->scaled([&](int64_t input, int64_t output) {
        return (multiplies ? factors[input] : 1) / (divides ? factors[output] : 1);
      }));
    }
    for (Value value : channels.cuts)
      cut(value, channels.values.lookup(value), factors);
    for (auto [operand, fromBack] : channels.constants)
      replace(*operand, divideChannels(*constantTensor(operand->get()), fromBack, factors));
  }

  /// Puts a product behind `value`, for all that read it.
  static void cut(Value value, int64_t axis, const Eigen::VectorXd &factors) {
    OpBuilder builder(value.getContext());
    builder.setInsertionPointAfterValue(value);
    auto type = cast<RankedTensorType>(value.getType());
    SmallVector<int64_t> shape(type.getRank() - axis, 1);
    shape.front() = factors.size();
    HostTensor inverse(RankedTensorType::get(shape, type.getElementType()));
    for (int64_t i = 0; i < factors.size(); ++i)
      inverse.setDouble(i, 1 / factors[i]);
    Value factor = makeConstant(builder, value.getLoc(), inverse, "equalization");
    Value scaled = makeBinary(builder, value.getLoc(), BinaryKind::mul, value, factor);
    value.replaceAllUsesExcept(scaled, scaled.getDefiningOp());
  }

  static void replace(OpOperand &operand, const HostTensor &tensor) {
    OpBuilder builder(operand.getOwner());
    operand.set(makeConstant(builder, operand.get().getLoc(), tensor, formatOrigins(operand.get().getLoc())));
  }

  const Profile *profile = nullptr;
  std::shared_ptr<const Profile> ownProfile;
};
} // namespace

std::unique_ptr<Pass> createEqualizeChannelsPass(const Profile &profile) {
  return std::make_unique<EqualizeChannels>(profile);
}

} // namespace fettle
