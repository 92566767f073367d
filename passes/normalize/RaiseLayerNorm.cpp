//===- RaiseLayerNorm.cpp - layer norms that exporters decompose ----------===//
//
// A layer norm arrives as
//   m = mean(x), d = x - m, v = mean(d d), s = v + epsilon, and then one of
//     d / sqrt(s)        d * rsqrt(s)        x * r - m * r  with r = rsqrt(s)
// and a root mean square norm as the same with d = x. A scale and an offset may
// follow as a product and a sum, or stand in the middle: r = rsqrt(s) * scale.
// All are found from the op that applies the deviation.
//
//===----------------------------------------------------------------------===//

#include "ir/support/Origin.h"
#include "passes/ConstantValue.h"
#include "passes/OpFactory.h"
#include "passes/normalize/Passes.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

#define GEN_PASS_DEF_RAISELAYERNORMPASS
#include "passes/normalize/Passes.h.inc"

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

static BinaryOp binaryOf(Value value, BinaryKind kind) {
  auto binary = value.getDefiningOp<BinaryOp>();
  return binary && binary.getKind() == kind ? binary : BinaryOp();
}

/// A mean over the last axes, kept with extent 1.
static ReduceOp trailingMean(Value value) {
  auto mean = value.getDefiningOp<ReduceOp>();
  if (!mean || mean.getKind() != ReduceKind::mean || !mean.getKeepDims() || mean.getAxes().empty())
    return {};
  int64_t rank = typeOf(mean.getInput()).getRank(), count = mean.getAxes().size();
  for (auto [i, axis] : llvm::enumerate(mean.getAxes()))
    if (axis != rank - count + int64_t(i))
      return {};
  return mean;
}

namespace {

/// What a deviation sqrt(mean((x - m)^2) + epsilon) was computed from.
struct Deviation {
  Value input;    ///< x
  Value centered; ///< x - m; x itself without a mean
  Value mean;     ///< m; null without a mean
  int64_t axis;
  double epsilon;
};

} // namespace

/// `value` = mean(x x) - mean(x)^2, possibly kept from below 0, as flax computes a variance.
static std::optional<Deviation> matchMomentVariance(Value value, double epsilon) {
  if (auto relu = value.getDefiningOp<UnaryOp>(); relu && relu.getKind() == UnaryKind::relu)
    value = relu.getInput();
  BinaryOp difference = binaryOf(value, BinaryKind::sub);
  ReduceOp moment = difference ? trailingMean(difference.getLhs()) : ReduceOp();
  BinaryOp square = moment ? binaryOf(moment.getInput(), BinaryKind::mul) : BinaryOp();
  BinaryOp meanSquare = square ? binaryOf(difference.getRhs(), BinaryKind::mul) : BinaryOp();
  ReduceOp mean = meanSquare && meanSquare.getLhs() == meanSquare.getRhs() ? trailingMean(meanSquare.getLhs()) : ReduceOp();
  if (!mean || square.getLhs() != square.getRhs() || mean.getInput() != square.getLhs() || mean.getAxes() != moment.getAxes())
    return std::nullopt;
  Deviation result{mean.getInput(), Value(), mean.getOutput(), mean.getAxes().front(), epsilon};
  for (Operation *user : mean.getInput().getUsers())
    if (auto centered = dyn_cast<BinaryOp>(user); centered && centered.getKind() == BinaryKind::sub &&
                                                  centered.getLhs() == mean.getInput() && centered.getRhs() == mean.getOutput())
      result.centered = centered.getOutput();
  return result.centered ? std::optional(result) : std::nullopt;
}

/// `variance` = mean(d d) + epsilon.
static std::optional<Deviation> matchVariance(Value variance) {
  BinaryOp sum = binaryOf(variance, BinaryKind::add);
  std::optional<double> epsilon = sum ? splatValue(sum.getRhs()) : std::nullopt;
  if (!epsilon || *epsilon < 0)
    return std::nullopt;
  if (std::optional<Deviation> deviation = matchMomentVariance(sum.getLhs(), *epsilon))
    return deviation;
  ReduceOp mean = trailingMean(sum.getLhs());
  BinaryOp square = mean ? binaryOf(mean.getInput(), BinaryKind::mul) : BinaryOp();
  if (!square || square.getLhs() != square.getRhs())
    return std::nullopt;
  Deviation result{square.getLhs(), square.getLhs(), Value(), mean.getAxes().front(), *epsilon};
  if (BinaryOp centered = binaryOf(result.centered, BinaryKind::sub)) {
    ReduceOp center = trailingMean(centered.getRhs());
    if (center && center.getInput() == centered.getLhs() && center.getAxes() == mean.getAxes()) {
      result.input = centered.getLhs();
      result.mean = center.getOutput();
    }
  }
  return result;
}

/// `value` = 1 / sqrt(variance), with the deviation found behind it.
static std::optional<Deviation> matchReciprocalDeviation(Value value) {
  auto unary = value.getDefiningOp<UnaryOp>();
  return unary && unary.getKind() == UnaryKind::rsqrt ? matchVariance(unary.getInput()) : std::nullopt;
}

static std::optional<Deviation> matchDeviation(Value value) {
  auto unary = value.getDefiningOp<UnaryOp>();
  return unary && unary.getKind() == UnaryKind::sqrt ? matchVariance(unary.getInput()) : std::nullopt;
}

static Value makeLayerNorm(PatternRewriter &rewriter, Location location, const Deviation &from, Value scale, Value bias) {
  return LayerNormOp::create(rewriter, location, from.input, scale, bias, from.axis, APFloat(from.epsilon), /*rms=*/!from.mean).getOutput();
}

/// A scale or offset as the layer norm takes it: of the shape of the normalized axes, or shorter. Null if it varies along others.
static Value asParameter(PatternRewriter &rewriter, Value value, RankedTensorType input, int64_t axis) {
  ArrayRef<int64_t> shape = typeOf(value).getShape();
  int64_t rank = shape.size(), normalized = input.getRank() - axis;
  if (typeOf(value).getElementType() != input.getElementType() || rank > input.getRank())
    return {};
  if (rank <= normalized)
    return value;
  if (llvm::any_of(shape.drop_back(normalized), [](int64_t extent) { return extent != 1; }))
    return {};
  return makeReshape(rewriter, value.getLoc(), value, shape.take_back(normalized));
}

namespace {

struct RaiseNorm : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    std::optional<Deviation> deviation;
    Value scale;
    if (op.getKind() == BinaryKind::div) {
      deviation = matchDeviation(op.getRhs());
      if (deviation && deviation->centered != op.getLhs())
        deviation.reset();
    } else if (op.getKind() == BinaryKind::mul) {
      for (auto [value, reciprocal] : {std::pair(op.getLhs(), op.getRhs()), std::pair(op.getRhs(), op.getLhs())}) {
        if (!deviation && (deviation = matchReciprocalDeviation(reciprocal)) && deviation->centered != value)
          deviation.reset();
        BinaryOp inner = deviation ? BinaryOp() : binaryOf(reciprocal, BinaryKind::mul);
        if (!inner)
          continue;
        for (auto [factor, parameter] : {std::pair(inner.getLhs(), inner.getRhs()), std::pair(inner.getRhs(), inner.getLhs())})
          if (!deviation && (deviation = matchReciprocalDeviation(factor))) {
            scale = deviation->centered == value ? asParameter(rewriter, parameter, typeOf(deviation->input), deviation->axis) : Value();
            if (!scale)
              deviation.reset();
          }
      }
    }
    if (!deviation)
      return rewriter.notifyMatchFailure(op, "does not divide by the standard deviation of its other operand");
    Location location = fuseLocations(op.getContext(), {deviation->centered.getLoc(), op.getLoc()});
    rewriter.replaceOp(op, makeLayerNorm(rewriter, location, *deviation, scale, {}));
    return success();
  }
};

/// x * r + (bias - m * r) with r = rsqrt(variance) [* scale].
struct RaiseExpandedNorm : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    if (op.getKind() != BinaryKind::add)
      return rewriter.notifyMatchFailure(op, "not a sum");
    for (auto [product, shift] : {std::pair(op.getLhs(), op.getRhs()), std::pair(op.getRhs(), op.getLhs())}) {
      BinaryOp scaled = binaryOf(product, BinaryKind::mul), difference = binaryOf(shift, BinaryKind::sub);
      BinaryOp moved = difference ? binaryOf(difference.getRhs(), BinaryKind::mul) : BinaryOp();
      if (!scaled || !moved)
        continue;
      for (auto [x, r] : {std::pair(scaled.getLhs(), scaled.getRhs()), std::pair(scaled.getRhs(), scaled.getLhs())}) {
        Value mean = moved.getLhs() == r ? moved.getRhs() : moved.getRhs() == r ? moved.getLhs() : Value();
        Value factor;
        std::optional<Deviation> deviation = matchReciprocalDeviation(r);
        if (BinaryOp inner = binaryOf(r, BinaryKind::mul); inner && !deviation)
          for (auto [a, b] : {std::pair(inner.getLhs(), inner.getRhs()), std::pair(inner.getRhs(), inner.getLhs())})
            if (!deviation && (deviation = matchReciprocalDeviation(a)))
              factor = b;
        if (!deviation || !deviation->mean || deviation->mean != mean || deviation->input != x)
          continue;
        auto type = typeOf(x);
        Value scale = factor ? asParameter(rewriter, factor, type, deviation->axis) : Value();
        Value bias = asParameter(rewriter, difference.getLhs(), type, deviation->axis);
        if (!bias || (factor && !scale))
          continue;
        Location location = fuseLocations(op.getContext(), {deviation->centered.getLoc(), op.getLoc()});
        rewriter.replaceOp(op, makeLayerNorm(rewriter, location, *deviation, scale, bias));
        return success();
      }
    }
    return rewriter.notifyMatchFailure(op, "not x r + (bias - mean r)");
  }
};

/// A scale behind a norm without one, or an offset behind a norm without one.
struct AbsorbParameter : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    bool isScale = op.getKind() == BinaryKind::mul;
    if (!isScale && op.getKind() != BinaryKind::add)
      return rewriter.notifyMatchFailure(op, "not a product or sum");
    for (auto [value, parameter] : {std::pair(op.getLhs(), op.getRhs()), std::pair(op.getRhs(), op.getLhs())}) {
      auto norm = value.getDefiningOp<LayerNormOp>();
      if (!norm || !norm->hasOneUse() || norm.getBias() || (isScale && norm.getScale()) || norm.getOutput().getType() != op.getOutput().getType() ||
          !parameter.getDefiningOp<ConstantOp>())
        continue;
      Value operand = asParameter(rewriter, parameter, typeOf(norm.getInput()), norm.getAxis());
      if (!operand)
        continue;
      Location location = fuseLocations(op.getContext(), {norm.getLoc(), op.getLoc()});
      Value scale = isScale ? operand : Value(norm.getScale()), bias = isScale ? Value() : operand;
      rewriter.replaceOpWithNewOp<LayerNormOp>(op, norm.getInput(), scale, bias, norm.getAxis(), norm.getEpsilon(), norm.getRms())->setLoc(location);
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no norm that lacks this parameter");
  }
};

struct RaiseLayerNorm : impl::RaiseLayerNormPassBase<RaiseLayerNorm> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<RaiseNorm, RaiseExpandedNorm, AbsorbParameter>(&getContext());
    // Stopping early leaves a correct function, only a longer one.
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      getOperation().emitRemark("rewriting stopped before nothing was left to do");
  }
};

} // namespace
} // namespace fettle
