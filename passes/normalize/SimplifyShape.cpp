//===- SimplifyShape.cpp - axes that need not be there --------------------===//

#include "passes/ConstantValue.h"
#include "passes/OpFactory.h"
#include "passes/normalize/Simplify.h"
#include <cmath>

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

static ArrayRef<int64_t> shapeOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

namespace {

/// Zeros around the image of a convolution are its own padding.
struct PadIntoConv : OpRewritePattern<ConvOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ConvOp op, PatternRewriter &rewriter) const override {
    auto pad = op.getInput().getDefiningOp<PadOp>();
    if (!pad || pad.getMode() != PadMode::constant || (pad.getValue() && !isSplatOf(pad.getValue(), 0)))
      return rewriter.notifyMatchFailure(op, "input is not padded with zeros");
    int64_t rank = pad.getLow().size(), spatial = rank - 2, firstSpatial = op.getChannelsLast() ? 1 : 2;
    int64_t channel = op.getChannelsLast() ? rank - 1 : 1;
    if (pad.getLow()[0] || pad.getHigh()[0] || pad.getLow()[channel] || pad.getHigh()[channel])
      return rewriter.notifyMatchFailure(op, "batch or channels are padded");
    SmallVector<int64_t> pads(op.getPads());
    for (int64_t i = 0; i < spatial; ++i) {
      pads[i] += pad.getLow()[firstSpatial + i];
      pads[spatial + i] += pad.getHigh()[firstSpatial + i];
    }
    rewriter.modifyOpInPlace(op, [&] {
      op.setPads(pads);
      op.getInputMutable().assign(pad.getInput());
    });
    return success();
  }
};

/// A spatial axis of extent 1 under a kernel of extent 1 is none: images of one row or column are sequences, which code
/// generation tiles along their length.
struct DropUnitConvAxis : OpRewritePattern<ConvOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ConvOp op, PatternRewriter &rewriter) const override {
    int64_t spatial = int64_t(shapeOf(op.getInput()).size()) - 2, first = op.getChannelsLast() ? 1 : 2;
    int64_t dropped = 0;
    while (dropped < spatial && !isIdle(op, dropped, first, spatial))
      ++dropped;
    if (spatial < 2 || dropped == spatial)
      return rewriter.notifyMatchFailure(op, "every spatial axis is used");
    auto without = [](ArrayRef<int64_t> values, int64_t index) {
      SmallVector<int64_t> result(values);
      result.erase(result.begin() + index);
      return result;
    };
    Location location = op.getLoc();
    Value input = makeReshape(rewriter, location, op.getInput(), without(shapeOf(op.getInput()), first + dropped));
    Value weight = makeReshape(rewriter, location, op.getWeight(), without(shapeOf(op.getWeight()), 2 + dropped));
    SmallVector<int64_t> pads = without(without(op.getPads(), spatial + dropped), dropped);
    Value result = ConvOp::create(rewriter, location, input, weight, op.getBias(), without(op.getStrides(), dropped), pads,
                                  without(op.getDilations(), dropped), op.getGroups(), op.getChannelsLast(), op.getZeroPoint())
                       .getOutput();
    rewriter.replaceOp(op, makeReshape(rewriter, location, result, shapeOf(op.getOutput())));
    return success();
  }

private:
  static bool isIdle(ConvOp op, int64_t axis, int64_t first, int64_t spatial) {
    return shapeOf(op.getInput())[first + axis] == 1 && shapeOf(op.getWeight())[2 + axis] == 1 && op.getPads()[axis] == 0 &&
           op.getPads()[spatial + axis] == 0;
  }
};

/// A reduction whose axes come back as extent 1 keeps them.
struct KeepReducedAxes : OpRewritePattern<ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReshapeOp op, PatternRewriter &rewriter) const override {
    auto reduce = op.getInput().getDefiningOp<ReduceOp>();
    if (!reduce || reduce.getKeepDims())
      return rewriter.notifyMatchFailure(op, "input is not a reduction that drops its axes");
    SmallVector<int64_t> kept(shapeOf(reduce.getInput()));
    for (int64_t axis : reduce.getAxes())
      kept[axis] = 1;
    if (shapeOf(op.getOutput()) != ArrayRef<int64_t>(kept))
      return rewriter.notifyMatchFailure(op, "the reshape does not put the axes back");
    rewriter.replaceOpWithNewOp<ReduceOp>(op, reduce.getKind(), reduce.getInput(), reduce.getAxes(), /*keep_dims=*/true);
    return success();
  }
};

/// A sum times 1 / count is a mean.
struct SumToMean : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    auto sum = op.getLhs().getDefiningOp<ReduceOp>();
    std::optional<double> number = splatValue(op.getRhs());
    if (!sum || !number || sum.getKind() != ReduceKind::sum || !sum->hasOneUse() || sum.getOutput().getType() != op.getOutput().getType())
      return rewriter.notifyMatchFailure(op, "not a sum by one number");
    double count = 1;
    for (int64_t axis : sum.getAxes())
      count *= shapeOf(sum.getInput())[axis];
    double factor = op.getKind() == BinaryKind::mul ? *number * count : op.getKind() == BinaryKind::div ? count / *number : 0;
    if (std::abs(factor - 1) > 1e-6 || !isa<FloatType>(op.getOutput().getType().getElementType()))
      return rewriter.notifyMatchFailure(op, "the number is not the count of what is summed");
    rewriter.replaceOpWithNewOp<ReduceOp>(op, ReduceKind::mean, sum.getInput(), sum.getAxes(), sum.getKeepDims());
    return success();
  }
};

/// exp(x - max x) / sum(exp(x - max x)) along one axis is a softmax.
struct RaiseSoftmax : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    auto sum = op.getRhs().getDefiningOp<ReduceOp>();
    auto exp = op.getLhs().getDefiningOp<UnaryOp>();
    if (op.getKind() != BinaryKind::div || !sum || !exp || exp.getKind() != UnaryKind::exp || sum.getKind() != ReduceKind::sum ||
        sum.getInput() != exp.getOutput() || !sum.getKeepDims() || sum.getAxes().size() != 1)
      return rewriter.notifyMatchFailure(op, "not exponentials by their sum");
    // Subtracting the maximum only keeps the exponentials finite; softmax does it by itself.
    auto shifted = exp.getInput().getDefiningOp<BinaryOp>();
    auto maximum = shifted && shifted.getKind() == BinaryKind::sub ? shifted.getRhs().getDefiningOp<ReduceOp>() : ReduceOp();
    if (!maximum || maximum.getKind() != ReduceKind::max || maximum.getInput() != shifted.getLhs() || maximum.getAxes() != sum.getAxes())
      return rewriter.notifyMatchFailure(op, "the maximum is not subtracted first");
    rewriter.replaceOpWithNewOp<SoftmaxOp>(op, shifted.getLhs(), sum.getAxes().front(), /*log=*/false);
    return success();
  }
};

} // namespace

void populateShapeSimplifications(RewritePatternSet &patterns) {
  patterns.add<PadIntoConv, DropUnitConvAxis, KeepReducedAxes, SumToMean, RaiseSoftmax>(patterns.getContext());
}

} // namespace fettle
