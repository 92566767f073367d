//===- ConvertLayout.cpp - spatial ops channels-last ----------------------===//
//
// Problem. Code generation wants the channels of an image next to each other; ONNX puts
// them before the image. A transpose around each spatial op is right but slow.
//
// Example. conv, relu, conv becomes
//   T conv' T^-1 relu T conv' T^-1     (T: channels last)
// and, once T^-1 has moved behind the relu, T^-1 T cancels: T conv' relu conv' T^-1.
//
// How. Every convolution and pooling is rewritten between two transposes. Then every
// transpose sinks: op(transpose x) = transpose(op' x) with the axes of op' renamed. Where transposes meet
// they merge; where the result moves only axes of extent 1 it is a view. What
// reaches an op that does not know about axes, or the function's result, stays.
//
// Sound: each rewrite is an identity. Ends: a transpose only moves towards the result. Sinking never makes more data be
// transposed than before, see SinkThroughOperands. Cost: one step per op between two spatial ops.
//
//===----------------------------------------------------------------------===//

#include "passes/OpFactory.h"
#include "passes/fuse/Passes.h"
#include "passes/fuse/SinkTranspose.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

#define GEN_PASS_DEF_CONVERTLAYOUTPASS
#include "passes/fuse/Passes.h.inc"

namespace {

/// A channels-first op as its channels-last form between two transposes.
template <typename OpTy> struct MakeChannelsLast : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpTy op, PatternRewriter &rewriter) const override {
    auto type = cast<RankedTensorType>(op.getOutput().getType());
    if (op.getChannelsLast() || type.getRank() < 3)
      return rewriter.notifyMatchFailure(op, "channels are last already");
    Permutation toLast{0};
    for (int64_t axis = 2; axis < type.getRank(); ++axis)
      toLast.push_back(axis);
    toLast.push_back(1);
    Permutation back = invert(toLast);
    SmallVector<Value> operands(op->getOperands());
    operands[0] = makeTranspose(rewriter, op.getLoc(), op.getInput(), toLast);
    OperationState state(op.getLoc(), op->getName());
    state.addOperands(operands);
    state.addTypes(type.clone(toInputOrder<int64_t>(type.getShape(), back)));
    state.attributes = op->getAttrs();
    state.attributes.set("channels_last", rewriter.getUnitAttr());
    rewriter.replaceOp(op, makeTranspose(rewriter, op.getLoc(), rewriter.create(state)->getResult(0), back));
    return success();
  }
};

struct ConvertLayout : impl::ConvertLayoutPassBase<ConvertLayout> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<MakeChannelsLast<ConvOp>, MakeChannelsLast<ConvTransposeOp>, MakeChannelsLast<PoolOp>>(&getContext());
    populateSinkThroughComputation(patterns);
    populateSinkThroughMovement(patterns);
    // Stopping early leaves a correct function, only with more transposes.
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      getOperation().emitRemark("rewriting stopped before nothing was left to do");
  }
};

} // namespace

} // namespace fettle
