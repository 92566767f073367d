//===- FoldConstants.cpp - computes what depends on constants only --------===//

#include "ir/reference/Evaluate.h"
#include "ir/support/Origin.h"
#include "passes/ConstantValue.h"
#include "passes/OpFactory.h"
#include "passes/normalize/Passes.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

#define GEN_PASS_DEF_FOLDCONSTANTSPASS
#include "passes/normalize/Passes.h.inc"

static int64_t sizeBytes(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  return type.getNumElements() * elementBytes(type.getElementType());
}

/// An op that only moves the elements of one splat gives that splat.
static DenseElementsAttr foldSplatMovement(Operation *op) {
  if (!isa<ReshapeOp, TransposeOp, BroadcastOp, TileOp, SliceOp>(op))
    return {};
  auto constant = op->getOperand(0).getDefiningOp<ConstantOp>();
  auto dense = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr();
  return dense && dense.isSplat() ? dense.resizeSplat(cast<RankedTensorType>(op->getResult(0).getType())) : DenseElementsAttr();
}

/// A pointwise op on splats gives a splat: computed for one element, for a splat may be of any size.
static DenseElementsAttr foldSplatPointwise(Operation *op) {
  if (!isa<UnaryOp, BinaryOp, CompareOp, SelectOp, ClampOp, CastOp>(op))
    return {};
  SmallVector<Value> operands;
  SmallVector<HostTensor> values;
  auto resultType = cast<RankedTensorType>(op->getResult(0).getType());
  auto scalarOf = [](Type type) { return RankedTensorType::get({}, cast<RankedTensorType>(type).getElementType()); };
  for (Value operand : op->getOperands()) {
    auto constant = operand.getDefiningOp<ConstantOp>();
    auto dense = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr();
    if (!dense || !dense.isSplat())
      return {};
    values.push_back(HostTensor::fromAttribute(dense.resizeSplat(scalarOf(operand.getType()))));
  }
  OpBuilder builder(op);
  OperationState state(op->getLoc(), op->getName());
  for (const HostTensor &value : values)
    operands.push_back(makeConstant(builder, op->getLoc(), value, "splat"));
  state.addOperands(operands);
  state.addTypes(scalarOf(resultType));
  state.attributes = op->getAttrs();
  Operation *scalar = builder.create(state);
  FailureOr<SmallVector<HostTensor>> result = reference::evaluate(scalar, values);
  scalar->erase();
  for (Value operand : operands)
    operand.getDefiningOp()->erase();
  auto attribute = succeeded(result) ? dyn_cast<DenseElementsAttr>(result->front().toAttribute("splat")) : DenseElementsAttr();
  return attribute ? attribute.resizeSplat(resultType) : DenseElementsAttr();
}

/// Bytes of a splat that are worth writing out for the interpreter.
static constexpr int64_t maxSplatBytes = int64_t(1) << 26;
/// Multiply-accumulates that the interpreter does within about a second.
static constexpr int64_t maxMacs = int64_t(1) << 26;

static LogicalResult checkFoldable(Operation *op, int64_t growth) {
  if (!isa_and_nonnull<NnDialect>(op->getDialect()) || isa<ConstantOp, KernelOp, YieldOp>(op))
    return failure();
  int64_t read = 0, written = 0;
  bool repeats = true; // more elements come out than the largest operand has
  int64_t resultElements = 0;
  for (Value result : op->getResults())
    resultElements = std::max(resultElements, cast<RankedTensorType>(result.getType()).getNumElements());
  for (Value operand : op->getOperands()) {
    auto constant = operand.getDefiningOp<ConstantOp>();
    if (!constant || (constant.getValue().isSplat() && sizeBytes(operand) > maxSplatBytes))
      return failure();
    read += sizeBytes(operand);
    repeats &= cast<RankedTensorType>(operand.getType()).getNumElements() < resultElements;
  }
  for (Value result : op->getResults())
    written += sizeBytes(result);
  // Wider elements (dequantized weights) are wanted; it is repetition that would not end.
  if (repeats && written > read + growth)
    return failure();
  auto facts = dyn_cast<NnOpInterface>(op);
  return success(!facts || facts.getMacs() <= maxMacs);
}

static LogicalResult foldOp(Operation *op) {
  SmallVector<HostTensor> operands;
  for (Value operand : op->getOperands())
    operands.push_back(*constantTensor(operand));
  FailureOr<SmallVector<HostTensor>> results = reference::evaluate(op, operands);
  if (failed(results))
    return failure();
  OpBuilder builder(op);
  for (auto [index, result] : llvm::enumerate(*results)) {
    std::string name = formatOrigins(op->getLoc());
    op->getResult(index).replaceAllUsesWith(makeConstant(builder, op->getLoc(), result, name.empty() ? "folded" : name));
  }
  return success();
}

namespace {
struct FoldConstants : impl::FoldConstantsPassBase<FoldConstants> {
  using FoldConstantsPassBase::FoldConstantsPassBase;

  void runOnOperation() override {
    llvm::SetVector<Operation *> spent;
    // Operands come before their readers, so one walk folds whole chains.
    for (Operation &op : llvm::make_early_inc_range(getOperation().getOps())) {
      if (keepsPairs && isa<DequantizeOp>(op))
        continue;
      DenseElementsAttr splat = foldSplatMovement(&op);
      if (splat || (splat = foldSplatPointwise(&op))) {
        OpBuilder builder(&op);
        op.getResult(0).replaceAllUsesWith(ConstantOp::create(builder, op.getLoc(), splat).getOutput());
      } else if (failed(checkFoldable(&op, growth))) {
        continue;
      } else if (failed(foldOp(&op))) {
        return signalPassFailure();
      }
      SmallVector<Value> operands(op.getOperands());
      op.erase();
      for (Value operand : operands)
        if (operand.use_empty())
          spent.insert(operand.getDefiningOp());
    }
    for (Operation *constant : spent)
      constant->erase();
  }
};
} // namespace

} // namespace fettle
