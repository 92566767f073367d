//===- Evaluate.cpp - the legible interpreter -----------------------------===//

#include "ir/reference/Evaluate.h"
#include "ir/reference/eval/Eval.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace fettle::reference {

/// Runs the ops of `block` on `arguments` and gives the operands of its
/// terminator. Values are counted down to their last use and then dropped.
static FailureOr<Results> evaluateBlock(Block &block, Operands arguments) {
  struct Live {
    HostTensor tensor;
    int64_t remainingUses;
  };
  DenseMap<Value, Live> live;
  auto define = [&](Value value, const HostTensor &tensor) {
    int64_t uses = std::distance(value.use_begin(), value.use_end());
    if (uses)
      live[value] = {tensor, uses};
  };
  for (auto [argument, tensor] : llvm::zip(block.getArguments(), arguments))
    define(argument, tensor);
  for (Operation &op : block) {
    Results operands;
    for (Value operand : op.getOperands())
      operands.push_back(live.find(operand)->second.tensor);
    for (Value operand : op.getOperands())
      if (--live.find(operand)->second.remainingUses == 0)
        live.erase(operand);
    if (op.hasTrait<OpTrait::IsTerminator>())
      return operands;
    FailureOr<Results> results = evaluate(&op, operands);
    if (failed(results))
      return failure();
    operands.clear();
    for (auto [value, tensor] : llvm::zip(op.getResults(), *results))
      define(value, tensor);
  }
  return Results();
}

FailureOr<Results> evaluate(Operation *op, Operands operands) {
  return TypeSwitch<Operation *, FailureOr<Results>>(op)
      .Case<nn::ConstantOp, nn::UnaryOp, nn::BinaryOp, nn::CompareOp, nn::SelectOp, nn::ClampOp, nn::CastOp>(
          [&](auto op) { return evaluateOp(op, operands); })
      .Case<nn::MatMulOp, nn::DetOp, nn::ConvOp, nn::ConvTransposeOp, nn::AttentionOp, nn::LstmOp, nn::GruOp,
            nn::RnnOp>([&](auto op) { return evaluateOp(op, operands); })
      .Case<nn::ReduceOp, nn::CumSumOp, nn::ArgOp, nn::TopKOp, nn::NonMaxSuppressionOp, nn::SoftmaxOp, nn::LayerNormOp,
            nn::BatchNormOp, nn::LrnOp, nn::PoolOp, nn::MaxPoolIndicesOp>(
          [&](auto op) { return evaluateOp(op, operands); })
      .Case<nn::ReshapeOp, nn::TransposeOp, nn::BroadcastOp, nn::ConcatOp, nn::SliceOp, nn::PadOp, nn::TileOp>(
          [&](auto op) { return evaluateOp(op, operands); })
      .Case<nn::GatherOp, nn::GatherElementsOp, nn::GatherNdOp, nn::ScatterElementsOp, nn::ScatterNdOp,
            nn::ReverseSequenceOp, nn::ResizeOp>([&](auto op) { return evaluateOp(op, operands); })
      .Case<nn::MatchTokensOp, nn::DropTokensOp, nn::MergeTokensOp, nn::UnmergeTokensOp>(
          [&](auto op) { return evaluateOp(op, operands); })
      .Case<nn::QuantizeOp, nn::DequantizeOp, nn::RescaleOp>([&](auto op) { return evaluateOp(op, operands); })
      .Case<nn::KernelOp>([&](auto op) { return evaluateBlock(op.getBody().front(), operands); })
      .Default([](Operation *op) { return op->emitOpError("is not known to the reference interpreter"); });
}

FailureOr<Results> evaluate(func::FuncOp function, Operands inputs) {
  if (!function.getBody().hasOneBlock())
    return function.emitOpError("has control flow; the reference interpreter runs one block");
  if (inputs.size() != function.getNumArguments())
    return function.emitOpError("takes ")
           << function.getNumArguments() << " inputs; " << inputs.size() << " were given";
  for (auto [i, input] : llvm::enumerate(inputs))
    if (input.type() != function.getArgumentTypes()[i])
      return function.emitOpError("input ")
             << i << " has type " << function.getArgumentTypes()[i] << "; " << input.type() << " was given";
  return evaluateBlock(function.getBody().front(), inputs);
}

/// Elements written and multiplied to compute the results of `op`.
static int64_t costOf(Operation *op) {
  int64_t cost = 0;
  for (Type type : op->getResultTypes())
    cost += cast<RankedTensorType>(type).getNumElements();
  if (auto facts = dyn_cast<nn::NnOpInterface>(op))
    cost += facts.getMacs();
  return cost;
}

std::optional<HostTensor> evaluateConstant(Value value, int64_t maxElements) {
  // First the ops that `value` needs, operands before users, and what they cost.
  // A stack instead of recursion: chains may be as long as the model.
  SmallVector<Operation *> order;
  DenseMap<Operation *, bool> isListed; // false while its operands are being listed
  Operation *root = value.getDefiningOp();
  if (!root)
    return std::nullopt;
  int64_t budget = maxElements;
  SmallVector<Operation *> stack = {root};
  while (!stack.empty()) {
    Operation *op = stack.back();
    auto [entry, isNew] = isListed.try_emplace(op, false);
    if (!isNew) {
      stack.pop_back();
      if (!entry->second) {
        entry->second = true;
        order.push_back(op);
      }
      continue;
    }
    if (!isa<nn::NnOpInterface, nn::KernelOp>(op))
      return std::nullopt;
    if (!isa<nn::ConstantOp>(op) && (budget -= costOf(op)) < 0)
      return std::nullopt;
    for (Value operand : op->getOperands()) {
      Operation *producer = operand.getDefiningOp();
      if (!producer)
        return std::nullopt;
      if (!isListed.count(producer))
        stack.push_back(producer);
    }
  }
  DenseMap<Value, HostTensor> known;
  for (Operation *op : order) {
    Results operands;
    for (Value operand : op->getOperands())
      operands.push_back(known.lookup(operand));
    FailureOr<Results> results = evaluate(op, operands);
    if (failed(results))
      return std::nullopt;
    for (auto [result, tensor] : llvm::zip(op->getResults(), *results))
      known[result] = tensor;
  }
  return known.lookup(value);
}

} // namespace fettle::reference
