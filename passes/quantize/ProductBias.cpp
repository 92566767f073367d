//===- ProductBias.cpp - a bias joins its matrix product ------------------===//
//
// ONNX's MatMul has no bias: that of a linear layer is added behind it. In the product it
// is rounded to steps of the sum and costs nothing; behind it, it is an addition in f32
// between the product and what quantizes it again.
//
//   matmul(dequantize x, dequantize w) + b  ->  matmul(dequantize x, dequantize w, b)
//
//===----------------------------------------------------------------------===//

#include "ir/nn/Nn.h"
#include "ir/reference/Evaluate.h"
#include "ir/support/Origin.h"
#include "passes/OpFactory.h"
#include "passes/quantize/IntegerPatterns.h"

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

static ArrayRef<int64_t> shapeOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

namespace {
struct BiasIntoProduct : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    if (op.getKind() != BinaryKind::add)
      return rewriter.notifyMatchFailure(op, "not a sum");
    auto product = op.getLhs().getDefiningOp<MatMulOp>();
    Value bias = op.getRhs();
    if (!product) {
      product = op.getRhs().getDefiningOp<MatMulOp>();
      bias = op.getLhs();
    }
    if (!product || product.getBias() || !product->hasOneUse() || product.getOutput().getType() != op.getOutput().getType())
      return rewriter.notifyMatchFailure(op, "no product without a bias, read here alone");
    if (!product.getLhs().getDefiningOp<DequantizeOp>() || !product.getRhs().getDefiningOp<DequantizeOp>())
      return rewriter.notifyMatchFailure(op, "operands are not both dequantized");
    int64_t channels = shapeOf(op.getOutput()).back();
    bool isPerChannel = !shapeOf(bias).empty() && shapeOf(bias).back() == channels &&
                        cast<RankedTensorType>(bias.getType()).getNumElements() == channels;
    if (!isPerChannel || !reference::evaluateConstant(bias))
      return rewriter.notifyMatchFailure(op, "what is added is computed, or not one value per column");
    Location location = fuseLocations(op.getContext(), {product.getLoc(), op.getLoc()});
    rewriter.replaceOp(op, MatMulOp::create(rewriter, location, product.getLhs(), product.getRhs(),
                                            makeReshape(rewriter, op.getLoc(), bias, {channels}), product.getTransposeLhs(),
                                            product.getTransposeRhs(), product.getZeroPoint())
                               .getOutput());
    return success();
  }
};
} // namespace

void populateProductBias(RewritePatternSet &patterns) { patterns.add<BiasIntoProduct>(patterns.getContext()); }

} // namespace fettle
