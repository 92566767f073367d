//===- UnsignedActivations.cpp - one sign for all activations -------------===//
//
// Dot-product instructions of x86 multiply unsigned by signed bytes, so
// activations are unsigned everywhere: q in i8 with zero point z and q + 128 in
// ui8 with zero point z + 128 are the same number.
//
//===----------------------------------------------------------------------===//

#include "passes/ConstantValue.h"
#include "passes/OpFactory.h"
#include "passes/quantize/IntegerPatterns.h"
#include "ir/nn/Nn.h"

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

namespace {
struct MakeUnsigned : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp op, PatternRewriter &rewriter) const override {
    auto type = op.getOutput().getType();
    if (!type.getElementType().isSignlessInteger(8))
      return rewriter.notifyMatchFailure(op, "not signed bytes");
    std::optional<double> zeroPoint = op.getZeroPoint() ? splatValue(op.getZeroPoint()) : 0.0;
    if (!zeroPoint || cast<RankedTensorType>(op.getScale().getType()).getNumElements() != 1)
      return rewriter.notifyMatchFailure(op, "zero point is computed or varies");
    for (Operation *user : op->getUsers())
      if (auto dequantize = dyn_cast<DequantizeOp>(user);
          !dequantize || cast<RankedTensorType>(dequantize.getScale().getType()).getNumElements() != 1 ||
          (dequantize.getZeroPoint() && !splatValue(dequantize.getZeroPoint())))
        return rewriter.notifyMatchFailure(op, "the integers are read as they are");
    Type element = rewriter.getIntegerType(8, /*isSigned=*/false);
    auto shifted = [&](OpBuilder &builder, double signedPoint) {
      HostTensor tensor(RankedTensorType::get(cast<RankedTensorType>(op.getScale().getType()).getShape(), element));
      tensor.setInteger(0, int64_t(signedPoint) + 128);
      return makeConstant(builder, op.getLoc(), tensor, "zero_point");
    };
    Value unsignedValue = QuantizeOp::create(rewriter, op.getLoc(), type.clone(element), op.getInput(), op.getScale(),
                                             shifted(rewriter, *zeroPoint), op.getAxis())
                              .getOutput();
    for (Operation *user : llvm::make_early_inc_range(op->getUsers())) {
      auto dequantize = cast<DequantizeOp>(user);
      double point = dequantize.getZeroPoint() ? *splatValue(dequantize.getZeroPoint()) : 0.0;
      rewriter.setInsertionPoint(dequantize);
      HostTensor tensor(RankedTensorType::get(cast<RankedTensorType>(dequantize.getScale().getType()).getShape(), element));
      tensor.setInteger(0, int64_t(point) + 128);
      rewriter.replaceOpWithNewOp<DequantizeOp>(dequantize, dequantize.getOutput().getType(), unsignedValue, dequantize.getScale(),
                                                makeConstant(rewriter, dequantize.getLoc(), tensor, "zero_point"), dequantize.getAxis());
    }
    rewriter.eraseOp(op);
    return success();
  }
};
} // namespace

void populateUnsignedActivations(RewritePatternSet &patterns) { patterns.add<MakeUnsigned>(patterns.getContext()); }

} // namespace fettle
