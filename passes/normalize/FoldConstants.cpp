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

/// Multiply-accumulates that the interpreter does within about a second.
static constexpr int64_t maxMacs = int64_t(1) << 26;

static LogicalResult checkFoldable(Operation *op, int64_t growth) {
  if (!isa_and_nonnull<NnDialect>(op->getDialect()) || isa<ConstantOp, KernelOp, YieldOp>(op))
    return failure();
  int64_t read = 0, written = 0;
  for (Value operand : op->getOperands()) {
    if (!operand.getDefiningOp<ConstantOp>())
      return failure();
    read += sizeBytes(operand);
  }
  for (Value result : op->getResults())
    written += sizeBytes(result);
  if (written > read + growth)
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
      if (DenseElementsAttr splat = foldSplatMovement(&op)) {
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
