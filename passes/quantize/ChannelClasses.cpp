//===- ChannelClasses.cpp - channels that can be scaled together -----------===//
//
// Flood fill from a contraction's input over all ops that are homogeneous, that is
// op(x / s) = op(x) / s for s > 0, forwards and backwards. It ends at contractions and layer
// norms, which take the factors up. Backwards it is cut at anything else, where a product is put;
// where a reader is anything else, there is no class.
//
//===----------------------------------------------------------------------===//

#include "passes/quantize/ChannelClasses.h"
#include "passes/fuse/ContractionWeights.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

static int64_t rankOf(Value value) { return cast<RankedTensorType>(value.getType()).getRank(); }
static int64_t extentOf(Value value, int64_t axis) { return cast<RankedTensorType>(value.getType()).getDimSize(axis); }
static bool isConstant(Value value) { return value.getDefiningOp<ConstantOp>(); }

/// The operands that must be divided for the result to be divided; none if `op` is not homogeneous.
static std::optional<SmallVector<unsigned>> scaledOperands(Operation *op) {
  using Operands = std::optional<SmallVector<unsigned>>;
  const Operands none, first = SmallVector<unsigned>{0}, both = SmallVector<unsigned>{0, 1};
  return llvm::TypeSwitch<Operation *, Operands>(op)
      .Case<ReshapeOp, TransposeOp, BroadcastOp, SliceOp, TileOp, GatherOp>([&](auto) { return first; })
      .Case([&](UnaryOp unary) {
        UnaryKind kind = unary.getKind();
        return kind == UnaryKind::identity || kind == UnaryKind::abs || kind == UnaryKind::neg ||
                       kind == UnaryKind::relu || kind == UnaryKind::leaky_relu
                   ? first
                   : none;
      })
      .Case([&](BinaryOp binary) -> Operands {
        switch (binary.getKind()) {
        case BinaryKind::add:
        case BinaryKind::sub:
        case BinaryKind::min:
        case BinaryKind::max:
          return both;
        case BinaryKind::mul:
          // A gate, which multiplies all of a tensor or parts of it, is no part of the class.
          return binary.getLhs().getType() == binary.getType() && !isConstant(binary.getLhs()) ? first : SmallVector<unsigned>{1};
        case BinaryKind::div:
        case BinaryKind::prelu:
          return isConstant(binary.getRhs()) ? first : none;
        default:
          return none;
        }
      })
      .Case([&](ClampOp clamp) {
        bool low = clamp.getLow().isZero() || (clamp.getLow().isInfinity() && clamp.getLow().isNegative());
        return low && clamp.getHigh().isInfinity() && !clamp.getHigh().isNegative() ? first : none;
      })
      .Case([&](PoolOp pool) { return pool.getKind() == PoolKind::lp ? none : first; })
      .Case([&](ReduceOp reduce) {
        ReduceKind kind = reduce.getKind();
        return kind == ReduceKind::sum || kind == ReduceKind::mean || kind == ReduceKind::max || kind == ReduceKind::min
                   ? first
                   : none;
      })
      .Case([&](ConcatOp concat) -> Operands {
        return llvm::to_vector(llvm::seq<unsigned>(0, concat->getNumOperands()));
      })
      .Default([&](Operation *) { return none; });
}

/// The axis of `to` that is the same dimension as `axis` of `from`, both values of `op`.
static std::optional<int64_t> tiedAxis(Operation *op, Value from, int64_t axis, Value to) {
  for (const AxisTie &tie : cast<NnOpInterface>(op).getAxisTies()) {
    if (tie.a == from && tie.axisA == axis && tie.b == to)
      return tie.axisB;
    if (tie.b == from && tie.axisB == axis && tie.a == to)
      return tie.axisA;
  }
  return std::nullopt;
}

/// Whether `op` contracts `axis` of its left operand, with constant weights.
static bool contracts(Operation *op, int64_t axis) {
  auto weights = ContractionWeights::get(op);
  auto matmul = dyn_cast<MatMulOp>(op);
  return weights && !(matmul && matmul.getTransposeLhs()) && isa<ConvOp, MatMulOp>(op) &&
         axis == rankOf(op->getOperand(0)) - weights->channelFromBack() && weights->inputs() == extentOf(op->getOperand(0), axis);
}

/// Whether `op` can divide `axis` of its result: a contraction whose weights and bias are constants, or a layer norm.
static bool canDivide(Operation *op, int64_t axis) {
  Value result = op->getResult(0);
  int64_t fromBack = rankOf(result) - axis, extent = extentOf(result, axis);
  auto hasChannels = [&](Value value) { return !value || channelValues(value, fromBack, extent); };
  if (auto norm = dyn_cast<LayerNormOp>(op))
    return norm.getScale() && channelValues(norm.getScale(), fromBack, extent) && hasChannels(norm.getBias());
  auto weights = ContractionWeights::get(op);
  if (!weights || !isa<ConvOp, MatMulOp>(op) || weights->channelFromBack() != fromBack || weights->outputs() != extent)
    return false;
  if (auto conv = dyn_cast<ConvOp>(op)) // its bias is [channels], whatever the layout
    return !conv.getBias() || channelValues(conv.getBias(), 1, extent);
  return hasChannels(weights->bias());
}

/// Whether each output reads one channel, so that its weights have one factor, which their scale takes up.
static bool isDepthwise(Operation *op) {
  auto conv = dyn_cast<ConvOp>(op);
  return conv && conv.getGroups() > 1 && extentOf(conv.getWeight(), 1) == 1;
}

namespace {
class Filler {
public:
  /// False if there is no class with `axis` of `value` in it.
  bool fill(Value value, int64_t axis) {
    found.channels = extentOf(value, axis);
    list.push_back({value, axis});
    while (!list.empty()) {
      auto [next, nextAxis] = list.pop_back_val();
      auto [entry, isNew] = found.values.try_emplace(next, nextAxis);
      if (entry->second != nextAxis)
        return false;
      if (isNew && !(followDefinition(next, nextAxis) && followUses(next, nextAxis)))
        return false;
    }
    return true;
  }
  ChannelClass take() { return std::move(found); }

private:
  bool followDefinition(Value value, int64_t axis) {
    Operation *op = value.getDefiningOp();
    // What a model's author has rounded is left to its grid, and what is clipped to its bounds: a channel behind a
    // ReLU6 that hardly opens on the samples may open wide on the next image, and would be clipped far below 6.
    if (isa_and_nonnull<DequantizeOp, ClampOp>(op) && !canDivide(op, axis) && !scaledOperands(op))
      return false;
    if (op && canDivide(op, axis))
      found.producers.insert(op);
    else if (!op || !followOp(op))
      found.cuts.insert(value);
    return true;
  }

  bool followUses(Value value, int64_t axis) {
    for (OpOperand &use : value.getUses()) {
      Operation *op = use.getOwner();
      if (use.getOperandNumber() == 0 && contracts(op, axis)) {
        found.consumers.insert(op);
        continue;
      }
      auto scaled = isa<NnOpInterface>(op) ? scaledOperands(op) : std::nullopt;
      auto resultAxis = scaled && llvm::is_contained(*scaled, use.getOperandNumber())
                            ? tiedAxis(op, value, axis, op->getResult(0))
                            : std::nullopt;
      if (!resultAxis)
        return false;
      list.push_back({op->getResult(0), *resultAxis});
    }
    return true;
  }

  /// Demands of the operands of a homogeneous op what its result is to be. False, and nothing is demanded, if that cannot be.
  bool followOp(Operation *op) {
    auto scaled = isa<NnOpInterface>(op) ? scaledOperands(op) : std::nullopt;
    if (!scaled)
      return false;
    Value result = op->getResult(0);
    int64_t axis = found.values.lookup(result);
    SmallVector<std::pair<Value, int64_t>> demands;
    SmallVector<OpOperand *> constants;
    for (unsigned i : *scaled) {
      Value operand = op->getOperand(i);
      if (isConstant(operand)) {
        constants.push_back(&op->getOpOperand(i));
        continue;
      }
      auto operandAxis = tiedAxis(op, result, axis, operand);
      if (!operandAxis)
        return false;
      demands.push_back({operand, *operandAxis});
    }
    if (demands.empty())
      return false;
    llvm::append_range(list, demands);
    for (OpOperand *operand : constants)
      if (llvm::none_of(found.constants, [&](auto &known) { return known.first == operand; }))
        found.constants.push_back({operand, rankOf(result) - axis});
    return true;
  }

  ChannelClass found;
  SmallVector<std::pair<Value, int64_t>> list;
};
} // namespace

SmallVector<ChannelClass> findChannelClasses(const QuantizationPlan &plan) {
  SmallVector<ChannelClass> classes;
  for (Operation *op : plan.contractions()) {
    Value input = op->getOperand(0);
    auto weights = ContractionWeights::get(op);
    int64_t axis = rankOf(input) - weights->channelFromBack();
    if (!contracts(op, axis) || extentOf(input, axis) < 2 ||
        llvm::any_of(classes, [&](const ChannelClass &known) { return known.values.count(input); }))
      continue;
    Filler filler;
    if (!filler.fill(input, axis))
      continue;
    ChannelClass found = filler.take();
    // Factors that cost a product and coarser weights are seldom worth it.
    if (found.cuts.empty() || llvm::all_of(found.consumers, isDepthwise))
      classes.push_back(std::move(found));
  }
  return classes;
}

} // namespace fettle
