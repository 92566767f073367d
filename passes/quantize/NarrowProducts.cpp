//===- NarrowProducts.cpp - MatMulInteger and ConvInteger in 8 bits -------===//
//
// Import writes these operators out: both operands are widened to i32 and their
// zero points subtracted, then multiplied. The zero point of constant weights goes
// into them; a constant one of the activations becomes the product's attribute; a
// computed one, as DynamicQuantizeLinear gives it, leaves the sum:
//
//   sum (x - z) w = sum x w - z sum w
//
//===----------------------------------------------------------------------===//

#include "ir/support/Origin.h"
#include "passes/ConstantValue.h"
#include "passes/OpFactory.h"
#include "passes/quantize/IntegerPatterns.h"
#include "passes/quantize/QuantizedWeights.h"
#include "ir/nn/Nn.h"

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

namespace {

/// cast(integers) - zeroPoint, in i32.
struct Widened {
  Value integers;  ///< of 8 bits
  Value zeroPoint; ///< null: none. i32 or 8 bits
};

} // namespace

static Value underCast(Value value) {
  auto widening = value.getDefiningOp<CastOp>();
  return widening ? widening.getInput() : value;
}

static std::optional<Widened> matchWidened(Value value) {
  Widened result;
  if (auto difference = value.getDefiningOp<BinaryOp>(); difference && difference.getKind() == BinaryKind::sub) {
    result.zeroPoint = underCast(difference.getRhs());
    value = difference.getLhs();
  }
  auto widening = value.getDefiningOp<CastOp>();
  if (!widening)
    return std::nullopt;
  result.integers = widening.getInput();
  Type element = widening.getInput().getType().getElementType();
  if (!element.isInteger() || element.getIntOrFloatBitWidth() != 8 || !widening.getOutput().getType().getElementType().isInteger(32))
    return std::nullopt;
  return result;
}

/// For each output column, the sum of its weights [k, n].
static HostTensor sumColumns(const HostTensor &weights) {
  int64_t n = weights.shape().back();
  std::vector<int64_t> values = weights.integers(), sums(n, 0);
  for (size_t i = 0; i < values.size(); ++i)
    sums[i % n] += values[i];
  HostTensor result(RankedTensorType::get({n}, IntegerType::get(weights.type().getContext(), 32)));
  for (int64_t i = 0; i < n; ++i)
    result.setInteger(i, sums[i]);
  return result;
}

namespace {

struct NarrowMatMul : OpRewritePattern<MatMulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MatMulOp op, PatternRewriter &rewriter) const override {
    std::optional<Widened> lhs = matchWidened(op.getLhs()), rhs = matchWidened(op.getRhs());
    int64_t rank = op.getRhs().getType().getRank();
    if (!lhs || !rhs || op.getBias() || op.getTransposeLhs() || op.getTransposeRhs() || rank != 2)
      return rewriter.notifyMatchFailure(op, "not a product of widened integers with a matrix");
    std::optional<QuantizedWeights> weights = centreWeights(rhs->integers, rhs->zeroPoint, rank - 1);
    if (!weights || weights->largestSum * 255 >= int64_t(1) << 31)
      return rewriter.notifyMatchFailure(op, "weights are computed, or sums may exceed 32 bits");
    std::optional<double> zeroPoint = lhs->zeroPoint ? splatValue(lhs->zeroPoint) : 0.0;
    if (!zeroPoint && cast<RankedTensorType>(lhs->zeroPoint.getType()).getNumElements() != 1)
      return rewriter.notifyMatchFailure(op, "the zero point varies by row");
    Location location = op.getLoc();
    Value weight = makeConstant(rewriter, location, weights->integers, formatOrigins(location) + ".weights");
    Value product = MatMulOp::create(rewriter, location, lhs->integers, weight, Value(), false, false, uint64_t(zeroPoint.value_or(0))).getOutput();
    if (!zeroPoint) {
      Value point = makeReshape(rewriter, location, lhs->zeroPoint, {});
      Type i32 = rewriter.getI32Type();
      if (point.getType() != RankedTensorType::get({}, i32))
        point = CastOp::create(rewriter, location, RankedTensorType::get({}, i32), point).getOutput();
      Value sums = makeConstant(rewriter, location, sumColumns(weights->integers), formatOrigins(location) + ".sums");
      product = makeBinary(rewriter, location, BinaryKind::sub, product, makeBinary(rewriter, location, BinaryKind::mul, sums, point));
    }
    rewriter.replaceOp(op, product);
    return success();
  }
};

struct NarrowConv : OpRewritePattern<ConvOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ConvOp op, PatternRewriter &rewriter) const override {
    std::optional<Widened> input = matchWidened(op.getInput()), weight = matchWidened(op.getWeight());
    if (!input || !weight || op.getBias())
      return rewriter.notifyMatchFailure(op, "not a convolution of widened integers");
    std::optional<QuantizedWeights> weights = centreWeights(weight->integers, weight->zeroPoint, 0);
    std::optional<double> zeroPoint = input->zeroPoint ? splatValue(input->zeroPoint) : 0.0;
    if (!weights || !zeroPoint || weights->largestSum * 255 >= int64_t(1) << 31)
      return rewriter.notifyMatchFailure(op, "weights or zero point are computed, or sums may exceed 32 bits");
    Value narrow = makeConstant(rewriter, op.getLoc(), weights->integers, formatOrigins(op.getLoc()) + ".weights");
    rewriter.replaceOp(op, ConvOp::create(rewriter, op.getLoc(), input->integers, narrow, Value(), op.getStrides(), op.getPads(),
                                          op.getDilations(), op.getGroups(), op.getChannelsLast(), uint64_t(*zeroPoint))
                               .getOutput());
    return success();
  }
};

} // namespace

void populateNarrowProducts(RewritePatternSet &patterns) { patterns.add<NarrowMatMul, NarrowConv>(patterns.getContext()); }

} // namespace fettle
