//===- MoveQuantization.cpp - movement runs on 8 bits ---------------------===//
//
// One scale and zero point for the whole tensor commute with everything that moves
// or picks elements: move(dequantize(q)) = dequantize(move(q)), and likewise for
// quantize where the order of values matters (a maximum), for both grow with
// their input. The mean of n integers is their exact sum times scale / n.
//
// Dequantization goes down and quantization up, so that they meet, or meet a product.
//
//===----------------------------------------------------------------------===//

#include "ir/nn/Nn.h"
#include "passes/ConstantValue.h"
#include "passes/OpFactory.h"
#include "passes/quantize/IntegerPatterns.h"

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// Equal constants, or the same value.
static bool isSame(Value a, Value b) {
  if (a == b)
    return true;
  if (!a || !b || a.getType() != b.getType())
    return false;
  std::optional<HostTensor> x = constantTensor(a), y = constantTensor(b);
  return x && y && x->bytes() == y->bytes();
}

template <typename A, typename B> static bool haveSameParameters(A a, B b) {
  return isSame(a.getScale(), b.getScale()) && isSame(a.getZeroPoint(), b.getZeroPoint());
}

template <typename OpTy> static bool isPerTensor(OpTy op) { return op && typeOf(op.getScale()).getNumElements() == 1; }

/// Whether the result's elements are elements of operand 0, or a maximum of some.
static bool onlyMoves(Operation *op) {
  if (auto pool = dyn_cast<PoolOp>(op))
    return pool.getKind() == PoolKind::max_pool;
  return isa<ReshapeOp, TransposeOp, SliceOp, BroadcastOp, TileOp, GatherOp>(op);
}

static Operation *cloneOn(PatternRewriter &rewriter, Operation *op, ValueRange operands, Type element) {
  OperationState state(op->getLoc(), op->getName(), operands, typeOf(op->getResult(0)).clone(element), op->getAttrs());
  return rewriter.create(state);
}

namespace {

struct SinkDequantize : OpInterfaceRewritePattern<NnOpInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(NnOpInterface op, PatternRewriter &rewriter) const override {
    if (!onlyMoves(op))
      return rewriter.notifyMatchFailure(op, "it computes");
    auto dequantize = op->getOperand(0).getDefiningOp<DequantizeOp>();
    if (!isPerTensor(dequantize))
      return rewriter.notifyMatchFailure(op, "input is not dequantized with one scale");
    SmallVector<Value> operands(op->getOperands());
    operands[0] = dequantize.getInput();
    Operation *moved = cloneOn(rewriter, op, operands, dequantize.getInput().getType().getElementType());
    rewriter.replaceOpWithNewOp<DequantizeOp>(op, op->getResult(0).getType(), moved->getResult(0), dequantize.getScale(),
                                              dequantize.getZeroPoint(), dequantize.getAxis());
    return success();
  }
};

struct SinkDequantizeThroughConcat : OpRewritePattern<ConcatOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ConcatOp op, PatternRewriter &rewriter) const override {
    auto first = op.getInputs().front().getDefiningOp<DequantizeOp>();
    SmallVector<Value> integers;
    for (Value input : op.getInputs()) {
      auto dequantize = input.getDefiningOp<DequantizeOp>();
      if (!isPerTensor(dequantize) || !haveSameParameters(first, dequantize) ||
          dequantize.getInput().getType().getElementType() != first.getInput().getType().getElementType())
        return rewriter.notifyMatchFailure(op, "inputs are not dequantized alike");
      integers.push_back(dequantize.getInput());
    }
    Value joined = ConcatOp::create(rewriter, op.getLoc(), integers, op.getAxis()).getOutput();
    rewriter.replaceOpWithNewOp<DequantizeOp>(op, op.getOutput().getType(), joined, first.getScale(), first.getZeroPoint(), first.getAxis());
    return success();
  }
};

struct RaiseQuantize : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp op, PatternRewriter &rewriter) const override {
    Operation *producer = op.getInput().getDefiningOp();
    if (!isPerTensor(op) || !producer || !producer->hasOneUse())
      return rewriter.notifyMatchFailure(op, "input is an argument, read elsewhere, or has several scales");
    bool isConcat = isa<ConcatOp>(producer);
    // What repeats or leaves out elements is better done after, or before, the work.
    if (!isConcat && !(onlyMoves(producer) && !isa<SliceOp, BroadcastOp, TileOp, GatherOp>(producer)))
      return rewriter.notifyMatchFailure(op, "input is computed");
    Type element = op.getOutput().getType().getElementType();
    auto quantized = [&](Value value) -> Value {
      return QuantizeOp::create(rewriter, op.getLoc(), typeOf(value).clone(element), value, op.getScale(), op.getZeroPoint(), op.getAxis());
    };
    SmallVector<Value> operands(producer->getOperands());
    for (Value &operand : MutableArrayRef(operands).take_front(isConcat ? operands.size() : 1))
      operand = quantized(operand);
    rewriter.replaceOp(op, cloneOn(rewriter, producer, operands, element));
    return success();
  }
};

/// quantize(dequantize(q)) = q.
struct RemoveIdlePair : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp op, PatternRewriter &rewriter) const override {
    auto dequantize = op.getInput().getDefiningOp<DequantizeOp>();
    if (!dequantize || dequantize.getInput().getType() != op.getOutput().getType() || !haveSameParameters(op, dequantize) ||
        (!isPerTensor(op) && op.getAxis() != dequantize.getAxis()))
      return rewriter.notifyMatchFailure(op, "input was not quantized alike");
    rewriter.replaceOp(op, dequantize.getInput());
    return success();
  }
};

/// mean(scale (q - z)) = scale / n (sum q - n z), the sum in 32 bits.
struct IntegerMean : OpRewritePattern<ReduceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReduceOp op, PatternRewriter &rewriter) const override {
    auto dequantize = op.getInput().getDefiningOp<DequantizeOp>();
    if (op.getKind() != ReduceKind::mean || !isPerTensor(dequantize) || !op.getOutput().getType().getElementType().isF32() ||
        dequantize.getInput().getType().getElementType().getIntOrFloatBitWidth() != 8)
      return rewriter.notifyMatchFailure(op, "not a mean of dequantized bytes");
    std::optional<double> zeroPoint = dequantize.getZeroPoint() ? splatValue(dequantize.getZeroPoint()) : 0.0;
    int64_t results = op.getOutput().getType().getNumElements(), count = results ? op.getInput().getType().getNumElements() / results : 0;
    std::optional<double> scale = splatValue(dequantize.getScale());
    if (!zeroPoint || !scale || count == 0 || count > (int64_t(1) << 22))
      return rewriter.notifyMatchFailure(op, "parameters are computed, or the sum may exceed 32 bits");
    Location location = op.getLoc();
    Type i32 = rewriter.getI32Type();
    Value wide = CastOp::create(rewriter, location, op.getInput().getType().clone(i32), dequantize.getInput()).getOutput();
    Value sum = ReduceOp::create(rewriter, location, ReduceKind::sum, wide, op.getAxes(), op.getKeepDims()).getOutput();
    if (*zeroPoint != 0)
      sum = makeBinary(rewriter, location, BinaryKind::sub, sum, makeScalar(rewriter, location, i32, *zeroPoint * double(count)));
    Value real = CastOp::create(rewriter, location, op.getOutput().getType(), sum).getOutput();
    Value factor = makeScalar(rewriter, location, rewriter.getF32Type(), double(float(*scale) / float(count)));
    rewriter.replaceOp(op, makeBinary(rewriter, location, BinaryKind::mul, real, factor));
    return success();
  }
};

} // namespace

void populateMoveQuantization(RewritePatternSet &patterns) {
  patterns.add<SinkDequantize, SinkDequantizeThroughConcat, RaiseQuantize, RemoveIdlePair, IntegerMean>(patterns.getContext());
}

} // namespace fettle
