//===- ActivationSign.cpp - one sign for all activations ------------------===//
//
// q in i8 with zero point z and q + 128 in ui8 with zero point z + 128 are the same
// number. Dot-product instructions of x86 multiply unsigned by signed bytes, some
// runtimes want both signed: activations take the sign that is wanted.
//
//===----------------------------------------------------------------------===//

#include "ir/nn/Nn.h"
#include "passes/ConstantValue.h"
#include "passes/OpFactory.h"
#include "passes/quantize/IntegerPatterns.h"

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

static bool isOneElement(Value value) { return cast<RankedTensorType>(value.getType()).getNumElements() == 1; }

namespace {
class SetSign : public OpRewritePattern<QuantizeOp> {
public:
  SetSign(MLIRContext *context, bool isUnsigned) : OpRewritePattern(context), isUnsigned(isUnsigned) {}

  LogicalResult matchAndRewrite(QuantizeOp op, PatternRewriter &rewriter) const override {
    auto type = op.getOutput().getType();
    Type element = type.getElementType();
    if (!element.isInteger() || element.getIntOrFloatBitWidth() != 8 || element.isUnsignedInteger() == isUnsigned)
      return rewriter.notifyMatchFailure(op, "not bytes of the other sign");
    std::optional<double> zeroPoint = op.getZeroPoint() ? splatValue(op.getZeroPoint()) : 0.0;
    if (!zeroPoint || !isOneElement(op.getScale()))
      return rewriter.notifyMatchFailure(op, "zero point is computed or varies");
    for (Operation *user : op->getUsers())
      if (auto dequantize = dyn_cast<DequantizeOp>(user);
          !dequantize || !isOneElement(dequantize.getScale()) ||
          (dequantize.getZeroPoint() && !splatValue(dequantize.getZeroPoint())))
        return rewriter.notifyMatchFailure(op, "the integers are read as they are");
    // Signed elements are signless.
    Type wanted = IntegerType::get(getContext(), 8, isUnsigned ? IntegerType::Unsigned : IntegerType::Signless);
    Value moved = QuantizeOp::create(rewriter, op.getLoc(), type.clone(wanted), op.getInput(), op.getScale(),
                                     movedPoint(rewriter, op, *zeroPoint, wanted), op.getAxis())
                      .getOutput();
    for (Operation *user : llvm::make_early_inc_range(op->getUsers())) {
      auto dequantize = cast<DequantizeOp>(user);
      double point = dequantize.getZeroPoint() ? *splatValue(dequantize.getZeroPoint()) : 0.0;
      rewriter.setInsertionPoint(dequantize);
      rewriter.replaceOpWithNewOp<DequantizeOp>(dequantize, dequantize.getOutput().getType(), moved,
                                                dequantize.getScale(), movedPoint(rewriter, dequantize, point, wanted),
                                                dequantize.getAxis());
    }
    rewriter.eraseOp(op);
    return success();
  }

private:
  template <typename OpTy> Value movedPoint(OpBuilder &builder, OpTy op, double zeroPoint, Type element) const {
    HostTensor tensor(RankedTensorType::get(op.getScale().getType().getShape(), element));
    tensor.setInteger(0, int64_t(zeroPoint) + (isUnsigned ? 128 : -128));
    return makeConstant(builder, op.getLoc(), tensor, "zero_point");
  }

  const bool isUnsigned;
};
} // namespace

void populateActivationSign(RewritePatternSet &patterns, bool isUnsigned) {
  patterns.add<SetSign>(patterns.getContext(), isUnsigned);
}

} // namespace fettle
