//===- FixedPointRequantization.cpp - from sums back to bytes, rule tosa --===//
//
// quantize(x, s, z) of a scaled integer x = q f becomes rescale(q, f / s, z), the factor
// a multiplier and a shift:
//
//   conv -> i32, cast, * f, relu, quantize s z       conv -> i32, rescale f / s z
//
// of a sum of such, the terms are rescaled to i32 in a common unit and added first
// (IntegerExpression.h); of a mean over such, they are summed first, and the last factor has the count in it.
// Bounds are those of the bytes: the integers nearest to bound / s + z.
//
// What has no such form (other activations, products of two computed values) is left for the
// rule ieee_f32.
//
//===----------------------------------------------------------------------===//

#include "ir/nn/Nn.h"
#include "passes/ConstantValue.h"
#include "passes/quantize/IntegerExpression.h"
#include "passes/quantize/IntegerPatterns.h"
#include <cmath>

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// The bounds of relus and clamps one behind the other.
struct Bounds {
  double low = -infinity, high = infinity;

  /// Takes the bounds that `value` ends with; gives the value before them.
  Value peel(Value value) {
    for (Operation *op = value.getDefiningOp(); op && value.hasOneUse(); op = value.getDefiningOp()) {
      double innerLow = 0, innerHigh = infinity;
      if (auto clamp = dyn_cast<ClampOp>(op)) {
        innerLow = clamp.getLow().convertToDouble();
        innerHigh = clamp.getHigh().convertToDouble();
      } else if (auto relu = dyn_cast<UnaryOp>(op); !relu || relu.getKind() != UnaryKind::relu) {
        break;
      }
      // clamp(clamp(x)): the inner bounds as the outer clamp leaves them.
      double outerLow = low, outerHigh = high;
      low = std::min(std::max(innerLow, outerLow), outerHigh);
      high = std::min(std::max(innerHigh, outerLow), outerHigh);
      value = op->getOperand(0);
    }
    return value;
  }

  /// In integers of `element`; those that its range implies become infinite.
  Bounds quantized(double scale, int64_t zeroPoint, Type element) const {
    double lowest = element.isUnsignedInteger() ? 0 : -128, highest = lowest + 255;
    Bounds result;
    if (double at = std::nearbyint(double(float(low)) / scale) + double(zeroPoint); at > lowest)
      result.low = std::min(at, highest);
    if (double at = std::nearbyint(double(float(high)) / scale) + double(zeroPoint); at < highest)
      result.high = std::max(at, lowest);
    return result;
  }
};

struct QuantizeToRescale : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp op, PatternRewriter &rewriter) const override {
    Type element = op.getOutput().getType().getElementType();
    std::optional<double> scale = splatValue(op.getScale()), zeroPoint = op.getZeroPoint() ? splatValue(op.getZeroPoint()) : 0.0;
    if (!scale || !(*scale > 0) || !std::isfinite(*scale) || typeOf(op.getScale()).getNumElements() != 1 || !zeroPoint ||
        !op.getInput().getType().getElementType().isF32() || !element.isInteger() || element.getIntOrFloatBitWidth() != 8)
      return rewriter.notifyMatchFailure(op, "not an f32 to bytes with one known scale");
    Bounds bounds;
    Value value = bounds.peel(op.getInput()), result;
    std::string why;
    if (std::optional<ScaledInteger> sum = ScaledInteger::of(value)) {
      std::optional<std::vector<FixedPointScale>> scales = sum->inUnits(*scale);
      if (!scales)
        return rewriter.notifyMatchFailure(op, "the scale is too fine for the sums");
      result = makeRescale(rewriter, op.getLoc(), *sum, *scales, element, int64_t(*zeroPoint));
    } else if (!(result = rescaleExpression(rewriter, op, value, *scale, int64_t(*zeroPoint), why))) {
      return rewriter.notifyMatchFailure(op, why);
    }
    Bounds bytes = bounds.quantized(*scale, int64_t(*zeroPoint), element);
    if (bytes.low != -infinity || bytes.high != infinity)
      result = ClampOp::create(rewriter, op.getLoc(), result, APFloat(bytes.low), APFloat(bytes.high)).getOutput();
    rewriter.replaceOp(op, result);
    return success();
  }

private:
  /// A sum, or the mean of one, as bytes; null, and why, where it has no form in integers.
  static Value rescaleExpression(PatternRewriter &rewriter, QuantizeOp op, Value value, double scale, int64_t zeroPoint, std::string &why) {
    auto mean = value.getDefiningOp<ReduceOp>();
    int64_t count = 1;
    if (mean && mean.getKind() == ReduceKind::mean && value.hasOneUse()) {
      int64_t results = typeOf(value).getNumElements();
      count = results ? mean.getInput().getType().getNumElements() / results : 0;
    } else {
      mean = ReduceOp();
    }
    if (count == 0 || count > (int64_t(1) << 20)) {
      why = "a mean over nothing, or over too much";
      return {};
    }
    FailureOr<IntegerExpression> expression = IntegerExpression::of(mean ? mean.getInput() : value, why);
    if (failed(expression))
      return {};
    // One unit of the sum is unit / count of the mean: a power of two over an integer and an f32, which a double holds.
    double unit = expression->unitFor(count), divisor = scale * double(count);
    std::optional<FixedPointScale> last = FixedPointScale::ofRatio(unit, divisor);
    if (!expression->fits(unit) || !last || !last->takes(int64_t(1) << 28)) {
      why = "the terms are too far apart for 32 bits";
      return {};
    }
    Value sum = expression->emit(rewriter, unit);
    if (mean)
      sum = ReduceOp::create(rewriter, mean.getLoc(), ReduceKind::sum, sum, mean.getAxes(), mean.getKeepDims()).getOutput();
    ScaledInteger whole;
    whole.integers = sum;
    whole.factor = HostTensor(RankedTensorType::get({}, rewriter.getF32Type()));
    whole.largest = int64_t(1) << 28;
    return makeRescale(rewriter, op.getLoc(), whole, *last, op.getOutput().getType().getElementType(), zeroPoint);
  }
};

} // namespace

void populateFixedPointRequantization(RewritePatternSet &patterns) { patterns.add<QuantizeToRescale>(patterns.getContext()); }

} // namespace fettle
