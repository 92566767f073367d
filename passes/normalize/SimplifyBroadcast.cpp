//===- SimplifyBroadcast.cpp - tensors that repeat values ------------------===//

#include "ir/nn/Nn.h"
#include "passes/normalize/Simplify.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// What `value` repeats, if it is a broadcast; else itself.
static Value stripped(Value value) {
  auto broadcast = value.getDefiningOp<BroadcastOp>();
  return broadcast ? broadcast.getInput() : value;
}

namespace {

/// A pointwise op broadcasts by itself: nn.broadcast before it only matters if it alone gives the shape.
template <typename OpTy> struct DropBroadcast : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpTy op, PatternRewriter &rewriter) const override {
    auto resultShape = cast<RankedTensorType>(op->getResult(0).getType()).getShape();
    for (OpOperand &operand : op->getOpOperands()) {
      auto broadcast = operand.get().template getDefiningOp<BroadcastOp>();
      if (!broadcast)
        continue;
      bool othersGiveShape = llvm::any_of(op->getOpOperands(), [&](OpOperand &other) {
        return &other != &operand && cast<RankedTensorType>(other.get().getType()).getShape() == resultShape;
      });
      if (!othersGiveShape)
        continue;
      rewriter.modifyOpInPlace(op, [&] { operand.set(broadcast.getInput()); });
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no broadcast that the op would not do itself");
  }
};

/// f(broadcast x) = broadcast f(x): each value is computed once.
template <typename OpTy> struct SinkBroadcast : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpTy op, PatternRewriter &rewriter) const override {
    auto type = typeOf(op->getResult(0));
    SmallVector<int64_t> shape; // of the operands without their broadcasts
    IRMapping mapping;
    for (Value operand : op->getOperands()) {
      Value input = stripped(operand);
      mapping.map(operand, input);
      ArrayRef<int64_t> own = typeOf(input).getShape();
      if (own.size() > shape.size())
        shape.insert(shape.begin(), own.size() - shape.size(), 1);
      for (size_t axis = 0; axis < own.size(); ++axis) // an extent of 0 remains one
        if (int64_t &extent = shape[shape.size() - own.size() + axis]; extent == 1)
          extent = own[axis];
    }
    auto smaller = type.clone(shape);
    if (smaller.getNumElements() >= type.getNumElements())
      return rewriter.notifyMatchFailure(op, "no operand is a broadcast that gives the shape");
    Operation *computed = rewriter.clone(*op, mapping);
    computed->getResult(0).setType(smaller);
    rewriter.replaceOpWithNewOp<BroadcastOp>(op, type, computed->getResult(0));
    return success();
  }
};

/// An attention repeats its mask by itself.
struct DropBroadcastOfMask : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    if (!op.getMask() || !op.getMask().getDefiningOp<BroadcastOp>())
      return rewriter.notifyMatchFailure(op, "no mask that is a broadcast");
    rewriter.modifyOpInPlace(op, [&] { op.getMaskMutable().assign(stripped(op.getMask())); });
    return success();
  }
};

} // namespace

void populateBroadcastSimplifications(RewritePatternSet &patterns) {
  patterns.add<DropBroadcast<BinaryOp>, DropBroadcast<CompareOp>, DropBroadcast<SelectOp>, SinkBroadcast<UnaryOp>, SinkBroadcast<CastOp>,
               SinkBroadcast<ClampOp>, SinkBroadcast<BinaryOp>, SinkBroadcast<CompareOp>, SinkBroadcast<SelectOp>, DropBroadcastOfMask>(
      patterns.getContext());
}

} // namespace fettle
