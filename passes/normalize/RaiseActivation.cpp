//===- RaiseActivation.cpp - activations that exporters decompose ---------===//
//
// Each activation that multiplies its input is found from the product's factors:
// one that is a function g(x), and x itself.
//
//   gelu        0.5 * x * (1 + erf(x / sqrt 2))
//   gelu_tanh   0.5 * x * (1 + tanh(0.7978846 x + 0.0356774 x^3))
//   silu        x * sigmoid(alpha x)
//   hard_swish  x * clamp(x + 3, 0, 6) / 6,  x * hard_sigmoid(x; 1/6, 1/2)
//   mish        x * tanh(softplus x)
//
// Other factors of the same product (a gate, a scale) stay factors of the result.
// Replacing costs one visit of each product: linear.
//
//===----------------------------------------------------------------------===//

#include "ir/support/Origin.h"
#include "passes/ConstantValue.h"
#include "passes/OpFactory.h"
#include "passes/normalize/Factors.h"
#include "passes/normalize/Passes.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include <cmath>

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

#define GEN_PASS_DEF_RAISEACTIVATIONPASS
#include "passes/normalize/Passes.h.inc"

namespace {

/// The factor g(x) of an activation coefficient * x * g(x), and what the product is called.
struct GatedForm {
  UnaryKind kind;
  double coefficient = 1;
  double alpha = 1;
};

} // namespace

static UnaryOp unaryOf(Value value, UnaryKind kind) {
  auto unary = value.getDefiningOp<UnaryOp>();
  return unary && unary.getKind() == kind ? unary : UnaryOp();
}

/// The e in e + 1, for e = unary `kind` of something.
static UnaryOp oneMore(Value value, UnaryKind kind) {
  auto sum = value.getDefiningOp<BinaryOp>();
  if (!sum || sum.getKind() != BinaryKind::add || !isSplatOf(sum.getRhs(), 1))
    return {};
  return unaryOf(sum.getLhs(), kind);
}

static bool isNear(double a, double b) { return std::abs(a - b) <= 1e-3 * std::abs(b); }

/// What coefficient * x * factor is.
static std::optional<GatedForm> matchGate(Value factor, Value x) {
  if (UnaryOp erf = oneMore(factor, UnaryKind::erf); erf && isPolynomial(erf.getInput(), x, {0, std::sqrt(0.5), 0, 0}))
    return GatedForm{UnaryKind::gelu, 0.5};
  double slope = std::sqrt(2 / 3.14159265358979323846);
  if (UnaryOp tanh = oneMore(factor, UnaryKind::tanh); tanh && isPolynomial(tanh.getInput(), x, {0, slope, 0, slope * 0.044715}))
    return GatedForm{UnaryKind::gelu_tanh, 0.5};
  if (UnaryOp tanh = unaryOf(factor, UnaryKind::tanh))
    if (UnaryOp softplus = unaryOf(tanh.getInput(), UnaryKind::softplus); softplus && softplus.getInput() == x)
      return GatedForm{UnaryKind::mish};
  if (UnaryOp sigmoid = unaryOf(factor, UnaryKind::sigmoid))
    if (auto p = polynomialIn(sigmoid.getInput(), x); p && (*p)[0] == 0 && (*p)[1] != 0 && (*p)[2] == 0 && (*p)[3] == 0)
      return GatedForm{UnaryKind::silu, 1, (*p)[1]};
  if (UnaryOp hard = unaryOf(factor, UnaryKind::hard_sigmoid);
      hard && hard.getInput() == x && isNear(hard.getAlpha().convertToDouble(), 1.0 / 6) && hard.getBeta().convertToDouble() == 0.5)
    return GatedForm{UnaryKind::hard_swish};
  if (auto clamp = factor.getDefiningOp<ClampOp>(); clamp && clamp.getLow().isZero() && clamp.getHigh().convertToDouble() == 6 &&
                                                    isPolynomial(clamp.getInput(), x, {3, 1, 0, 0}))
    return GatedForm{UnaryKind::hard_swish, 1.0 / 6};
  return std::nullopt;
}

namespace {

struct RaiseGated : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    auto type = cast<RankedTensorType>(op.getOutput().getType());
    if ((op.getKind() != BinaryKind::mul && op.getKind() != BinaryKind::div) || !isa<FloatType>(type.getElementType()))
      return rewriter.notifyMatchFailure(op, "not a product of floats");
    Product product = factorize(op.getOutput());
    for (Value gate : product.values)
      for (Value x : product.values) {
        std::optional<GatedForm> form = gate != x && x.getType() == type && gate.getType() == type ? matchGate(gate, x) : std::nullopt;
        if (!form)
          continue;
        rewrite(op, rewriter, product, gate, x, *form);
        return success();
      }
    return rewriter.notifyMatchFailure(op, "no factor is a gate of another");
  }

private:
  static void rewrite(BinaryOp op, PatternRewriter &rewriter, const Product &product, Value gate, Value x, const GatedForm &form) {
    Location location = fuseLocations(op.getContext(), {gate.getLoc(), op.getLoc()});
    Value result = makeUnary(rewriter, location, form.kind, x, form.alpha);
    bool usedGate = false, usedX = false;
    for (Value factor : product.values) {
      // One x and one gate are spent; the same value may be a factor twice.
      if ((factor == gate && !std::exchange(usedGate, true)) || (factor == x && !std::exchange(usedX, true)))
        continue;
      result = makeBinary(rewriter, op.getLoc(), BinaryKind::mul, result, factor);
    }
    double rest = product.coefficient / form.coefficient;
    if (!isNear(rest, 1)) {
      auto element = cast<RankedTensorType>(op.getOutput().getType()).getElementType();
      result = makeBinary(rewriter, op.getLoc(), BinaryKind::mul, result, makeScalar(rewriter, op.getLoc(), element, rest));
    }
    rewriter.replaceOp(op, result);
  }
};

/// log(exp(x) + 1) = softplus x.
struct RaiseSoftplus : OpRewritePattern<UnaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(UnaryOp op, PatternRewriter &rewriter) const override {
    UnaryOp exp = op.getKind() == UnaryKind::log ? oneMore(op.getInput(), UnaryKind::exp) : UnaryOp();
    if (!exp)
      return rewriter.notifyMatchFailure(op, "not log(exp(x) + 1)");
    rewriter.replaceOp(op, makeUnary(rewriter, fuseLocations(op.getContext(), {exp.getLoc(), op.getLoc()}), UnaryKind::softplus, exp.getInput()));
    return success();
  }
};

/// 1 / (exp(-x) + 1) = sigmoid x.
struct RaiseSigmoid : OpRewritePattern<UnaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(UnaryOp op, PatternRewriter &rewriter) const override {
    UnaryOp exp = op.getKind() == UnaryKind::reciprocal ? oneMore(op.getInput(), UnaryKind::exp) : UnaryOp();
    UnaryOp neg = exp ? unaryOf(exp.getInput(), UnaryKind::neg) : UnaryOp();
    if (!neg)
      return rewriter.notifyMatchFailure(op, "not 1 / (exp(-x) + 1)");
    rewriter.replaceOp(op, makeUnary(rewriter, fuseLocations(op.getContext(), {neg.getLoc(), op.getLoc()}), UnaryKind::sigmoid, neg.getInput()));
    return success();
  }
};

/// max(x, alpha x) = leaky_relu x for 0 <= alpha <= 1; prelu with one slope is leaky_relu too.
struct RaiseLeakyRelu : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    if (std::optional<double> slope = op.getKind() == BinaryKind::prelu ? splatValue(op.getRhs()) : std::nullopt;
        slope && op.getLhs().getType() == op.getOutput().getType()) {
      rewriter.replaceOp(op, makeUnary(rewriter, op.getLoc(), UnaryKind::leaky_relu, op.getLhs(), *slope));
      return success();
    }
    if (op.getKind() != BinaryKind::max || !isa<FloatType>(cast<RankedTensorType>(op.getOutput().getType()).getElementType()))
      return rewriter.notifyMatchFailure(op, "not a maximum of floats");
    for (auto [x, scaled] : {std::pair(op.getLhs(), op.getRhs()), std::pair(op.getRhs(), op.getLhs())}) {
      auto product = scaled.getDefiningOp<BinaryOp>();
      std::optional<double> slope = product && product.getKind() == BinaryKind::mul ? splatValue(product.getRhs()) : std::nullopt;
      if (!slope || product.getLhs() != x || *slope < 0 || *slope > 1 || x.getType() != op.getOutput().getType())
        continue;
      Location location = fuseLocations(op.getContext(), {product.getLoc(), op.getLoc()});
      rewriter.replaceOp(op, makeUnary(rewriter, location, UnaryKind::leaky_relu, x, *slope));
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no operand is a fraction of the other");
  }
};

struct RaiseActivation : impl::RaiseActivationPassBase<RaiseActivation> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<RaiseGated, RaiseSoftplus, RaiseSigmoid, RaiseLeakyRelu>(&getContext());
    // Stopping early leaves a correct function, only a longer one.
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      getOperation().emitRemark("rewriting stopped before nothing was left to do");
  }
};

} // namespace
} // namespace fettle
