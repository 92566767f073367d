//===- QuantizationPlan.cpp - which values become integers -----------------===//
//
// Integers pay where multiply-adds are: in convolutions and matrix products with
// constant weights. Their inputs are wanted as integers. A tensor that is only
// moved on its way to them (reshaped, transposed, its maxima taken) is moved as
// integers, under one grid: the want goes backwards through such ops. What stands
// between a contraction and the next wanted value (activations, sums) is computed
// in float, in registers, before the value is rounded:
//
//   conv -> relu -> Q -> conv -> add(_, residual) -> Q -> conv
//
// Who else reads a wanted value? If it was computed from integers, everybody reads
// the integers: the float value is never stored. If a float op made it (a norm,
// a softmax), it is stored as float for its float readers (a residual sum), and
// rounding does not touch them.
//
//===----------------------------------------------------------------------===//

#include "passes/quantize/QuantizationPlan.h"
#include "ir/profile/ValueNames.h"
#include "passes/fuse/ContractionWeights.h"

using namespace mlir;

namespace fettle {

/// Tensors without elements have nothing to measure or to round.
static bool isQuantizable(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  return type.getElementType().isF32() && type.getNumElements() > 0;
}

/// Ops whose result holds elements of their operands and nothing else, and that lose none
/// that could matter to the grid.
static bool movesElements(Operation *op) {
  if (auto pool = dyn_cast_or_null<nn::PoolOp>(op))
    return pool.getKind() == nn::PoolKind::max_pool;
  return isa_and_nonnull<nn::ReshapeOp, nn::TransposeOp, nn::ConcatOp>(op);
}

static bool isConstant(Value value) { return value.getDefiningOp<nn::ConstantOp>(); }

/// Arguments first, then results in program order.
static void sortByPosition(SmallVectorImpl<Value> &values) {
  llvm::sort(values, [](Value a, Value b) {
    Operation *opA = a.getDefiningOp(), *opB = b.getDefiningOp();
    if (!opA || !opB)
      return !opA && (opB || cast<BlockArgument>(a).getArgNumber() < cast<BlockArgument>(b).getArgNumber());
    if (opA != opB)
      return opA->isBeforeInBlock(opB);
    return cast<OpResult>(a).getResultNumber() < cast<OpResult>(b).getResultNumber();
  });
}

QuantizationPlan::QuantizationPlan(func::FuncOp function, ArrayRef<std::string> floatLayers) {
  ValueNames names(function);
  for (Operation &op : function.getOps()) {
    // An input that is dequantized has been decided about by the model's author.
    if (!isa<nn::ConvOp, nn::MatMulOp>(op) || isa_and_nonnull<nn::ConstantOp, nn::DequantizeOp>(op.getOperand(0).getDefiningOp()) ||
        !ContractionWeights::get(&op) ||
        !llvm::all_of(ArrayRef<Value>{op.getOperand(0), op.getOperand(1), op.getResult(0)}, isQuantizable) ||
        llvm::is_contained(floatLayers, names.nameOf(op.getResult(0))))
      continue;
    planned.insert(&op);
    want(op.getOperand(0));
  }
  sortByPosition(wanted);
  for (auto [i, value] : llvm::enumerate(wanted)) {
    numbers[value] = i;
    groups.insert(i);
  }
  for (Value value : wanted)
    if (Operation *op = value.getDefiningOp(); movesElements(op))
      for (Value operand : op->getOperands())
        if (auto entry = numbers.find(operand); entry != numbers.end())
          groups.unionSets(entry->second, numbers[value]);
}

void QuantizationPlan::want(Value value) {
  SmallVector<Value> list{value};
  while (!list.empty()) {
    Value next = list.pop_back_val();
    if (!numbers.try_emplace(next, 0).second)
      continue;
    wanted.push_back(next);
    Operation *op = next.getDefiningOp();
    if (movesElements(op) && llvm::none_of(op->getOperands(), isConstant))
      llvm::append_range(list, op->getOperands());
  }
}

SmallVector<Value> QuantizationPlan::sharing(Value value) const {
  SmallVector<unsigned> members(llvm::to_vector(groups.members(numbers.lookup(value))));
  llvm::sort(members);
  return llvm::map_to_vector(members, [&](unsigned i) { return wanted[i]; });
}

/// True if `value` is a contraction's result, or computed from one element by element.
bool QuantizationPlan::comesFromIntegers(Value value) const {
  SmallVector<Value> list{value};
  llvm::SmallPtrSet<Operation *, 16> seen;
  while (!list.empty()) {
    Operation *op = list.pop_back_val().getDefiningOp();
    if (!op || !seen.insert(op).second)
      continue;
    if (planned.contains(op))
      return true;
    if (movesElements(op) || isa<nn::UnaryOp, nn::BinaryOp, nn::ClampOp, nn::SelectOp>(op))
      llvm::append_range(list, op->getOperands());
  }
  return false;
}

bool QuantizationPlan::readsIntegers(OpOperand &use) const {
  Operation *reader = use.getOwner();
  if (planned.contains(reader) && use.getOperandNumber() == 0)
    return true;
  if (movesElements(reader) && numbers.contains(reader->getResult(0)))
    return true;
  return comesFromIntegers(use.get()) && !isa<func::ReturnOp>(reader);
}

} // namespace fettle
