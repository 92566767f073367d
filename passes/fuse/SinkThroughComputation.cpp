//===- SinkThroughComputation.cpp - transposes behind computing ops -------===//

#include "passes/fuse/SinkTranspose.h"

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// The type before a transpose by `perm` gave `type`.
static RankedTensorType typeBefore(RankedTensorType type, ArrayRef<int64_t> perm) {
  return type.clone(toInputOrder<int64_t>(type.getShape(), perm));
}

/// A copy of `op` on other operands, with one result of another type.
static Operation *cloneOn(PatternRewriter &rewriter, Operation *op, ValueRange operands, Type result) {
  OperationState state(op->getLoc(), op->getName());
  state.addOperands(operands);
  state.addTypes(result);
  state.attributes = op->getAttrs();
  return rewriter.create(state);
}

namespace {

/// A pointwise op or concatenation: moves if far less data has to be transposed for the other operands than is
/// transposed for these.
template <typename OpTy> struct SinkThroughOperands : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpTy op, PatternRewriter &rewriter) const override {
    auto type = typeOf(op->getResult(0));
    TransposeOp transpose;
    for (Value operand : op->getOperands())
      if (!transpose && typeOf(operand).getRank() == type.getRank() && (isConcat || typeOf(operand).getShape() == type.getShape()))
        transpose = operand.getDefiningOp<TransposeOp>();
    if (!transpose)
      return rewriter.notifyMatchFailure(op, "no operand of the result's shape is transposed");
    Permutation perm(transpose.getPerm());
    int64_t saved = 0, spent = 0;
    for (Value operand : op->getOperands()) {
      spent += copiedElements(operand, perm);
      if (auto other = operand.getDefiningOp<TransposeOp>(); other && other.getPerm() == ArrayRef<int64_t>(perm))
        saved += typeOf(operand).getNumElements();
    }
    // An equal exchange is none: what is gained below is not sure. Tensors without elements gain nothing either, and
    // would exchange their transposes for ever.
    constexpr int64_t wantedGain = 4;
    if (saved == 0 || spent * wantedGain > saved)
      return rewriter.notifyMatchFailure(op, "too much data would have to be transposed for the other operands");
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      operands.push_back(beforeTranspose(rewriter, operand, perm));
    Operation *moved = cloneOn(rewriter, op, operands, typeBefore(type, perm));
    if constexpr (isConcat)
      cast<ConcatOp>(moved).setAxis(perm[op.getAxis()]);
    rewriter.replaceOp(op, makeTranspose(rewriter, op->getLoc(), moved->getResult(0), perm));
    return success();
  }

private:
  static constexpr bool isConcat = std::is_same_v<OpTy, ConcatOp>;
};

/// Quantization: the axis of its scales moves along.
template <typename OpTy> struct SinkThroughQuantization : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpTy op, PatternRewriter &rewriter) const override {
    auto transpose = op.getInput().template getDefiningOp<TransposeOp>();
    if (!transpose || typeOf(op.getScale()).getRank() > 1)
      return rewriter.notifyMatchFailure(op, "input is not transposed, or its scales stand in blocks");
    Permutation perm(transpose.getPerm());
    SmallVector<Value> operands(op->getOperands());
    operands[0] = transpose.getInput();
    auto moved = cast<OpTy>(cloneOn(rewriter, op, operands, typeBefore(typeOf(op.getOutput()), perm)));
    if (typeOf(op.getScale()).getNumElements() != 1)
      moved.setAxis(perm[op.getAxis()]);
    rewriter.replaceOp(op, makeTranspose(rewriter, op.getLoc(), moved.getOutput(), perm));
    return success();
  }
};

/// What is left of a transpose once result axes in `dropped` are gone.
Permutation withoutAxes(ArrayRef<int64_t> perm, ArrayRef<int64_t> dropped) {
  SmallVector<int64_t> droppedInputs;
  for (int64_t axis : dropped)
    droppedInputs.push_back(perm[axis]);
  Permutation result;
  for (auto [axis, from] : llvm::enumerate(perm))
    if (!llvm::is_contained(dropped, int64_t(axis)))
      result.push_back(from - llvm::count_if(droppedInputs, [from = from](int64_t input) { return input < from; }));
  return result;
}

struct SinkThroughReduce : SinkThrough<ReduceOp> {
  using SinkThrough::SinkThrough;
  FailureOr<Moved> move(ReduceOp op, Value input, ArrayRef<int64_t> perm, PatternRewriter &rewriter) const override {
    SmallVector<int64_t> axes;
    for (int64_t axis : op.getAxes())
      axes.push_back(perm[axis]);
    llvm::sort(axes);
    auto moved = ReduceOp::create(rewriter, op.getLoc(), op.getKind(), input, axes, op.getKeepDims());
    return Moved{moved.getOutput(), op.getKeepDims() ? Permutation(perm) : withoutAxes(perm, op.getAxes())};
  }
};

struct SinkThroughArg : SinkThrough<ArgOp> {
  using SinkThrough::SinkThrough;
  FailureOr<Moved> move(ArgOp op, Value input, ArrayRef<int64_t> perm, PatternRewriter &rewriter) const override {
    int64_t axis = op.getAxis();
    auto moved = ArgOp::create(rewriter, op.getLoc(), op.getKind(), input, perm[axis], op.getKeepDims(), op.getSelectLast());
    return Moved{moved.getOutput(), op.getKeepDims() ? Permutation(perm) : withoutAxes(perm, axis)};
  }
};

struct SinkThroughSoftmax : SinkThrough<SoftmaxOp> {
  using SinkThrough::SinkThrough;
  FailureOr<Moved> move(SoftmaxOp op, Value input, ArrayRef<int64_t> perm, PatternRewriter &rewriter) const override {
    int64_t last = typeOf(op.getInput()).getRank() - 1, axis = op.getAxis(), moved = perm[axis];
    if (axis == last && moved != last)
      return rewriter.notifyMatchFailure(op, "rows would no longer be contiguous");
    Value result = SoftmaxOp::create(rewriter, op.getLoc(), input, moved, op.getLog()).getOutput();
    return Moved{result, perm};
  }
};

} // namespace

void populateSinkThroughComputation(RewritePatternSet &patterns) {
  patterns.add<SinkThroughOperands<UnaryOp>, SinkThroughOperands<BinaryOp>, SinkThroughOperands<CompareOp>,
               SinkThroughOperands<SelectOp>, SinkThroughOperands<ClampOp>, SinkThroughOperands<CastOp>,
               SinkThroughOperands<RescaleOp>, SinkThroughOperands<ConcatOp>, SinkThroughQuantization<QuantizeOp>, SinkThroughQuantization<DequantizeOp>,
               SinkThroughReduce, SinkThroughArg, SinkThroughSoftmax>(patterns.getContext());
}

} // namespace fettle
