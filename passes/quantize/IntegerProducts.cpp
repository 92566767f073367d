//===- IntegerProducts.cpp - products of dequantized operands -------------===//
//
// conv(sx (x - zx), sw (w - zw)) + b = sx sw (conv(x - zx, w - zw) + b / (sx sw)),
// with sx one number and sw one per output channel. The bias is rounded to steps
// of sx sw, which are far finer than those of the result.
//
//===----------------------------------------------------------------------===//

#include "ir/reference/Evaluate.h"
#include "ir/support/Origin.h"
#include "passes/ConstantValue.h"
#include "passes/OpFactory.h"
#include "passes/quantize/IntegerPatterns.h"
#include "passes/quantize/QuantizedWeights.h"
#include <cmath>

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }
static bool isOneElement(Value value) { return typeOf(value).getNumElements() == 1; }

/// The axis of the output channels in the weights.
static int64_t weightAxis(ConvOp) { return 0; }
static int64_t weightAxis(MatMulOp op) { return typeOf(op.getRhs()).getRank() - (op.getTransposeRhs() ? 2 : 1); }
/// How many axes of the result lie behind the channels.
static int64_t axesBehindChannels(ConvOp op) { return op.getChannelsLast() ? 0 : typeOf(op.getOutput()).getRank() - 2; }
static int64_t axesBehindChannels(MatMulOp) { return 0; }

static Operation *createProduct(OpBuilder &b, ConvOp op, Value input, Value weights, Value bias, int64_t zeroPoint) {
  return ConvOp::create(b, op.getLoc(), input, weights, bias, op.getStrides(), op.getPads(), op.getDilations(), op.getGroups(),
                        op.getChannelsLast(), uint64_t(zeroPoint));
}
static Operation *createProduct(OpBuilder &b, MatMulOp op, Value input, Value weights, Value bias, int64_t zeroPoint) {
  return MatMulOp::create(b, op.getLoc(), input, weights, bias, op.getTransposeLhs(), op.getTransposeRhs(), uint64_t(zeroPoint));
}

/// One value per channel (or one for all) seen so that it broadcasts to the result.
static Value alongChannels(OpBuilder &b, Location location, Value value, int64_t behind) {
  if (isOneElement(value))
    return makeReshape(b, location, value, {});
  SmallVector<int64_t> shape(behind + 1, 1);
  shape[0] = typeOf(value).getNumElements();
  return makeReshape(b, location, value, shape);
}

/// The bias in steps of the product, or none where it is computed, too large or not one value per channel.
static std::optional<HostTensor> quantizeBias(Value bias, Value inputScale, Value weightScale, int64_t channels, int64_t headroom) {
  using reference::evaluateConstant;
  std::optional<HostTensor> sx = evaluateConstant(inputScale), sw = evaluateConstant(weightScale), values, step;
  // In double where the integers are at hand: f32 has too few digits for large ones.
  if (auto dequantize = bias.getDefiningOp<DequantizeOp>(); dequantize && !dequantize.getZeroPoint()) {
    values = evaluateConstant(dequantize.getInput());
    step = evaluateConstant(dequantize.getScale());
  }
  if (!values || !step) {
    values = evaluateConstant(bias);
    step = std::nullopt;
  }
  if (!values || !sx || !sw || typeOf(bias).getRank() != 1 || typeOf(bias).getNumElements() != channels)
    return std::nullopt;
  auto at = [](const HostTensor &tensor, int64_t i) { return tensor.doubleAt(tensor.numElements() == 1 ? 0 : i); };
  HostTensor result(RankedTensorType::get({channels}, IntegerType::get(bias.getContext(), 32)));
  for (int64_t i = 0; i < channels; ++i) {
    double own = sx->doubleAt(0) * at(*sw, i), given = step ? at(*step, i) : 1.0;
    // Integers in the product's own steps, as ONNX has them (in f32), are taken as they are.
    double steps = step && float(own) == float(given) ? at(*values, i) : std::nearbyint(at(*values, i) * given / own);
    if (!(std::fabs(steps) <= double(headroom)))
      return std::nullopt;
    result.setInteger(i, int64_t(steps));
  }
  return result;
}

namespace {
template <typename OpTy> struct IntegerProduct : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpTy op, PatternRewriter &rewriter) const override {
    auto input = op->getOperand(0).template getDefiningOp<DequantizeOp>();
    auto weights = op->getOperand(1).template getDefiningOp<DequantizeOp>();
    if (!input || !weights)
      return rewriter.notifyMatchFailure(op, "operands are not both dequantized");
    if (!typeOf(op.getOutput()).getElementType().isF32())
      return rewriter.notifyMatchFailure(op, "the float type is not f32");
    Type element = input.getInput().getType().getElementType();
    if (!element.isInteger() || element.getIntOrFloatBitWidth() != 8 || !isOneElement(input.getScale()))
      return rewriter.notifyMatchFailure(op, "activations are not of 8 bits with one scale");
    std::optional<double> zeroPoint = input.getZeroPoint() ? splatValue(input.getZeroPoint()) : 0.0;
    int64_t axis = weightAxis(op), channels = typeOf(op->getOperand(1)).getDimSize(axis);
    bool perChannel = !isOneElement(weights.getScale());
    if (perChannel && (weights.getScale().getType().getRank() != 1 || int64_t(weights.getAxis()) != axis))
      return rewriter.notifyMatchFailure(op, "weight scales do not run along the output channels");
    std::optional<QuantizedWeights> integers = centreWeights(weights.getInput(), weights.getZeroPoint(), axis);
    if (!zeroPoint || !integers)
      return rewriter.notifyMatchFailure(op, "weights or zero points are computed");
    int64_t headroom = (int64_t(1) << 31) - 1 - 255 * integers->largestSum;
    if (headroom < 0)
      return rewriter.notifyMatchFailure(op, "sums may exceed 32 bits");

    Location location = op.getLoc();
    int64_t behind = axesBehindChannels(op);
    Value factor = makeBinary(rewriter, location, BinaryKind::mul, input.getScale(), weights.getScale());
    factor = alongChannels(rewriter, location, factor, behind);
    if (std::optional<HostTensor> known = reference::evaluateConstant(factor))
      factor = makeConstant(rewriter, location, *known, formatOrigins(location) + ".factor"); // which the next patterns can read
    Value bias = op.getBias(), integerBias;
    if (bias)
      if (auto steps = quantizeBias(bias, input.getScale(), weights.getScale(), channels, headroom))
        integerBias = makeConstant(rewriter, location, *steps, formatOrigins(location) + ".bias");
    Value weight = makeConstant(rewriter, location, integers->integers, formatOrigins(location) + ".weights");
    Operation *product = createProduct(rewriter, op, input.getInput(), weight, integerBias, int64_t(*zeroPoint));
    auto type = op.getOutput().getType();
    Value result = CastOp::create(rewriter, location, type, product->getResult(0)).getOutput();
    result = makeBinary(rewriter, location, BinaryKind::mul, result, factor);
    if (bias && !integerBias) {
      bool isPerChannel = typeOf(bias).getRank() == 1 && behind > 0;
      result = makeBinary(rewriter, location, BinaryKind::add, result, isPerChannel ? alongChannels(rewriter, location, bias, behind) : bias);
    }
    rewriter.replaceOp(op, result);
    return success();
  }
};
} // namespace

void populateIntegerProducts(RewritePatternSet &patterns) {
  patterns.add<IntegerProduct<ConvOp>, IntegerProduct<MatMulOp>>(patterns.getContext());
}

} // namespace fettle
