//===- FoldBatchNorm.cpp - batch norms as a product and a sum -------------===//

#include "ir/support/Origin.h"
#include "passes/ConstantValue.h"
#include "passes/OpFactory.h"
#include "passes/fuse/Passes.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include <cmath>

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

#define GEN_PASS_DEF_FOLDBATCHNORMPASS
#include "passes/fuse/Passes.h.inc"

namespace {

/// factor = scale / sqrt(variance + epsilon), offset = bias - mean * factor, each [channels, 1, ...].
struct Affine {
  Value factor, offset;
};

struct ExpandBatchNorm : OpRewritePattern<BatchNormOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(BatchNormOp op, PatternRewriter &rewriter) const override {
    auto type = cast<RankedTensorType>(op.getInput().getType());
    if (type.getRank() < 2)
      return rewriter.notifyMatchFailure(op, "input has no channel axis");
    Affine affine = computeConstants(op, rewriter);
    if (!affine.factor)
      affine = computeValues(op, rewriter);
    Value scaled = makeBinary(rewriter, op.getLoc(), BinaryKind::mul, op.getInput(), affine.factor);
    rewriter.replaceOp(op, makeBinary(rewriter, op.getLoc(), BinaryKind::add, scaled, affine.offset));
    return success();
  }

private:
  /// The channel axis is 1: what broadcasts along it has the axes from 1 on.
  static SmallVector<int64_t> channelShape(BatchNormOp op) {
    auto type = cast<RankedTensorType>(op.getInput().getType());
    SmallVector<int64_t> shape(type.getRank() - 1, 1);
    shape[0] = type.getDimSize(1);
    return shape;
  }

  /// Computed in double and rounded once; null where a parameter is no constant.
  static Affine computeConstants(BatchNormOp op, PatternRewriter &rewriter) {
    auto scale = constantTensor(op.getScale()), bias = constantTensor(op.getBias()), mean = constantTensor(op.getMean()),
         variance = constantTensor(op.getVariance());
    if (!scale || !bias || !mean || !variance)
      return {};
    auto element = cast<RankedTensorType>(op.getInput().getType()).getElementType();
    SmallVector<int64_t> shape = channelShape(op);
    HostTensor factor(RankedTensorType::get(shape, element)), offset(RankedTensorType::get(shape, element));
    double epsilon = op.getEpsilon().convertToDouble();
    for (int64_t c = 0; c < shape[0]; ++c) {
      double f = scale->doubleAt(c) / std::sqrt(variance->doubleAt(c) + epsilon);
      factor.setDouble(c, f);
      offset.setDouble(c, bias->doubleAt(c) - mean->doubleAt(c) * f);
    }
    std::string name = formatOrigins(op.getLoc());
    return {makeConstant(rewriter, op.getLoc(), factor, name + ".factor"), makeConstant(rewriter, op.getLoc(), offset, name + ".offset")};
  }

  static Affine computeValues(BatchNormOp op, PatternRewriter &rewriter) {
    auto input = cast<RankedTensorType>(op.getInput().getType());
    SmallVector<int64_t> shape = channelShape(op);
    Location location = op.getLoc();
    auto parameter = [&](Value value) -> Value {
      auto type = cast<RankedTensorType>(value.getType());
      if (type.getElementType() != input.getElementType())
        value = CastOp::create(rewriter, location, type.clone(input.getElementType()), value).getOutput();
      return makeReshape(rewriter, location, value, shape);
    };
    Value epsilon = makeScalar(rewriter, location, input.getElementType(), op.getEpsilon().convertToDouble());
    Value shifted = makeBinary(rewriter, location, BinaryKind::add, parameter(op.getVariance()), epsilon);
    Value deviation = makeUnary(rewriter, location, UnaryKind::sqrt, shifted);
    Value factor = makeBinary(rewriter, location, BinaryKind::div, parameter(op.getScale()), deviation);
    Value moved = makeBinary(rewriter, location, BinaryKind::mul, parameter(op.getMean()), factor);
    return {factor, makeBinary(rewriter, location, BinaryKind::sub, parameter(op.getBias()), moved)};
  }
};

struct FoldBatchNorm : impl::FoldBatchNormPassBase<FoldBatchNorm> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ExpandBatchNorm>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace

} // namespace fettle
