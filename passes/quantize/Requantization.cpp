//===- Requantization.cpp - from sums back to bytes -----------------------===//
//
// Behind computation quantize(x, s) becomes quantize(x * (1 / s), 1): a product, not
// a division, and one that meets the factor behind an integer product:
//
//   conv -> i32, cast, * sx sw, clamp [0, 6], * 1 / s, quantize 1
//   conv -> i32, cast, * sx sw / s, quantize 1          (6 / s is where ui8 saturates)
//
// On the way factors pass relu and clamp, whose bounds they scale; bounds that saturation
// implies are dropped. At the borders of the graph, where a user sees the
// integers, quantize keeps ONNX's division.
//
//===----------------------------------------------------------------------===//

#include "ir/nn/Nn.h"
#include "passes/ConstantValue.h"
#include "passes/OpFactory.h"
#include "passes/quantize/IntegerPatterns.h"
#include <cmath>

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

namespace {

struct DivisionToProduct : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp op, PatternRewriter &rewriter) const override {
    std::optional<double> scale = splatValue(op.getScale());
    if (!scale || *scale == 1 || typeOf(op.getScale()).getNumElements() != 1 || !typeOf(op.getScale()).getElementType().isF32() ||
        !op.getInput().getType().getElementType().isF32())
      return rewriter.notifyMatchFailure(op, "not one f32 scale other than 1");
    if (!op.getInput().getDefiningOp() || isa<ConstantOp>(op.getInput().getDefiningOp()))
      return rewriter.notifyMatchFailure(op, "at the border of the graph");
    float inverse = 1.0f / float(*scale);
    if (!std::isfinite(inverse))
      return rewriter.notifyMatchFailure(op, "the scale has no reciprocal");
    Location location = op.getLoc();
    Type f32 = rewriter.getF32Type();
    Value scaled = makeBinary(rewriter, location, BinaryKind::mul, op.getInput(), makeScalar(rewriter, location, f32, inverse));
    Value one = makeReshape(rewriter, location, makeScalar(rewriter, location, f32, 1.0), typeOf(op.getScale()).getShape());
    rewriter.replaceOpWithNewOp<QuantizeOp>(op, op.getOutput().getType(), scaled, one, op.getZeroPoint(), op.getAxis());
    return success();
  }
};

/// The factor of mul(x, factor) where it is a constant; null otherwise.
Value constantFactor(Value value) {
  auto product = value.getDefiningOp<BinaryOp>();
  bool isFactor = product && product.getKind() == BinaryKind::mul && product.getRhs().getDefiningOp<ConstantOp>();
  return isFactor && typeOf(value).getElementType().isF32() ? product.getRhs() : Value();
}

bool isFromInteger(Value value) {
  auto conversion = value.getDefiningOp<CastOp>();
  return conversion && conversion.getInput().getType().getElementType().isInteger();
}

/// (x a) b = x (a b) behind an integer product, or before rounding.
struct MergeFactors : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    Value outer = constantFactor(op.getOutput()), inner = constantFactor(op.getLhs());
    if (!outer || !inner || !op.getLhs().hasOneUse())
      return rewriter.notifyMatchFailure(op, "not a product of a product with constants");
    Value x = op.getLhs().getDefiningOp<BinaryOp>().getLhs();
    bool isRounded = llvm::all_of(op->getUsers(), [](Operation *user) { return isa<QuantizeOp>(user); });
    if (!isFromInteger(x) && !isRounded)
      return rewriter.notifyMatchFailure(op, "neither behind an integer product nor before rounding");
    std::optional<HostTensor> a = constantTensor(inner), b = constantTensor(outer);
    bool swapped = b->numElements() > a->numElements();
    const HostTensor &wide = swapped ? *b : *a, &narrow = swapped ? *a : *b;
    if (narrow.numElements() != 1)
      return rewriter.notifyMatchFailure(op, "both factors vary");
    HostTensor factor(wide.type());
    for (int64_t i = 0; i < wide.numElements(); ++i)
      factor.setDouble(i, double(float(wide.doubleAt(i)) * float(narrow.doubleAt(0))));
    rewriter.replaceOp(op, makeBinary(rewriter, op.getLoc(), BinaryKind::mul, x, makeConstant(rewriter, op.getLoc(), factor, "factor")));
    return success();
  }
};

/// clamp(y) c = clamp'(y c) for c > 0, and relu likewise, where y c may then meet another factor.
struct FactorBeforeBounds : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    Value factor = constantFactor(op.getOutput());
    std::optional<double> c = factor ? splatValue(factor) : std::nullopt;
    Operation *bounds = op.getLhs().getDefiningOp();
    auto relu = dyn_cast_or_null<UnaryOp>(bounds);
    auto clamp = dyn_cast_or_null<ClampOp>(bounds);
    if (!c || !(*c > 0) || !(clamp || (relu && relu.getKind() == UnaryKind::relu)) || !bounds->hasOneUse())
      return rewriter.notifyMatchFailure(op, "not a positive factor behind a bound");
    Value inner = bounds->getOperand(0);
    if (!constantFactor(inner) || !isFromInteger(inner.getDefiningOp<BinaryOp>().getLhs()))
      return rewriter.notifyMatchFailure(op, "no factor of an integer product before the bound");
    Value scaled = makeBinary(rewriter, op.getLoc(), BinaryKind::mul, inner, factor);
    if (relu)
      rewriter.replaceOp(op, makeUnary(rewriter, bounds->getLoc(), UnaryKind::relu, scaled));
    else
      rewriter.replaceOpWithNewOp<ClampOp>(op, scaled, APFloat(clamp.getLow().convertToDouble() * *c), APFloat(clamp.getHigh().convertToDouble() * *c));
    return success();
  }
};

/// quantize saturates: bounds at or beyond its ends do nothing.
struct DropImpliedBounds : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp op, PatternRewriter &rewriter) const override {
    Operation *bounds = op.getInput().getDefiningOp();
    auto relu = dyn_cast_or_null<UnaryOp>(bounds);
    auto clamp = dyn_cast_or_null<ClampOp>(bounds);
    std::optional<double> zeroPoint = op.getZeroPoint() ? splatValue(op.getZeroPoint()) : 0.0;
    Type element = op.getOutput().getType().getElementType();
    if (!(clamp || (relu && relu.getKind() == UnaryKind::relu)) || !isSplatOf(op.getScale(), 1) || !zeroPoint ||
        element.getIntOrFloatBitWidth() != 8)
      return rewriter.notifyMatchFailure(op, "no bound, or not bytes with scale 1");
    double lowest = element.isUnsignedInteger() ? 0 : -128, highest = lowest + 255, infinity = std::numeric_limits<double>::infinity();
    double low = relu ? 0 : clamp.getLow().convertToDouble(), high = relu ? infinity : clamp.getHigh().convertToDouble();
    bool lowIsImplied = std::nearbyint(double(float(low))) + *zeroPoint <= lowest;
    bool highIsImplied = std::nearbyint(double(float(high))) + *zeroPoint >= highest;
    if (!lowIsImplied && (relu || !highIsImplied))
      return rewriter.notifyMatchFailure(op, "both bounds lie inside the range");
    if (clamp && ((lowIsImplied && low == -infinity && !highIsImplied) || (highIsImplied && high == infinity && !lowIsImplied)))
      return rewriter.notifyMatchFailure(op, "the other bound is needed");
    Value input = bounds->getOperand(0);
    if (!(lowIsImplied && highIsImplied))
      input = ClampOp::create(rewriter, bounds->getLoc(), input, APFloat(lowIsImplied ? -infinity : low), APFloat(highIsImplied ? infinity : high)).getOutput();
    rewriter.modifyOpInPlace(op, [&] { op.getInputMutable().assign(input); });
    return success();
  }
};

} // namespace

void populateRequantization(RewritePatternSet &patterns) {
  patterns.add<DivisionToProduct, MergeFactors, FactorBeforeBounds, DropImpliedBounds>(patterns.getContext());
}

} // namespace fettle
