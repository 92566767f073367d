//===- SimplifyViews.cpp - reshapes that only add or drop axes of extent 1 -===//
//
// Exporters of frameworks that write products as einsum add an axis of 1 before each transpose and drop it behind. What
// is between sees other axes than what is around: transposes do not meet, and a mean is not that of what it is subtracted from. So
// such reshapes sink below.
//
//===----------------------------------------------------------------------===//

#include "passes/OpFactory.h"
#include "passes/normalize/Simplify.h"

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

static ArrayRef<int64_t> shapeOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

/// Axes of extent other than 1.
static SmallVector<int64_t> longAxes(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> axes;
  for (auto [axis, extent] : llvm::enumerate(shape))
    if (extent != 1)
      axes.push_back(int64_t(axis));
  return axes;
}

/// The axis of the reshape's input for each axis of its result, -1 for those of extent 1; none if others change, too.
static std::optional<SmallVector<int64_t>> axesBehindView(ReshapeOp view) {
  ArrayRef<int64_t> from = shapeOf(view.getInput()), to = shapeOf(view.getOutput());
  SmallVector<int64_t> own = longAxes(from), theirs = longAxes(to), result(to.size(), -1);
  if (own.size() != theirs.size())
    return std::nullopt;
  for (auto [axis, other] : llvm::zip_equal(own, theirs)) {
    if (from[axis] != to[other])
      return std::nullopt;
    result[other] = axis;
  }
  return result;
}

namespace {

/// transpose(view x) = view(transpose x), where x has fewer axes, is transposed itself, or is what an attention gives: its four axes
/// are what others look for.
struct TransposeOfView : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TransposeOp op, PatternRewriter &rewriter) const override {
    auto view = op.getInput().getDefiningOp<ReshapeOp>();
    if (!view)
      return rewriter.notifyMatchFailure(op, "operand is not a reshape");
    Value input = view.getInput();
    if (!isa_and_nonnull<TransposeOp, AttentionOp>(input.getDefiningOp()) && shapeOf(input).size() >= op.getPerm().size())
      return rewriter.notifyMatchFailure(op, "nothing to gain");
    auto axes = axesBehindView(view);
    if (!axes)
      return rewriter.notifyMatchFailure(op, "the reshape changes axes");
    SmallVector<int64_t> perm; // axes of extent 1 go first
    for (auto [axis, extent] : llvm::enumerate(shapeOf(input)))
      if (extent == 1)
        perm.push_back(int64_t(axis));
    for (int64_t axis : op.getPerm())
      if ((*axes)[axis] >= 0)
        perm.push_back((*axes)[axis]);
    Value transposed = makeTranspose(rewriter, op.getLoc(), input, perm);
    rewriter.replaceOp(op, makeReshape(rewriter, op.getLoc(), transposed, shapeOf(op.getOutput())));
    return success();
  }
};

/// reduce(view x) = view(reduce x), where x has fewer axes.
struct ReduceOfView : OpRewritePattern<ReduceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReduceOp op, PatternRewriter &rewriter) const override {
    auto view = op.getInput().getDefiningOp<ReshapeOp>();
    if (!view || shapeOf(view.getInput()).size() >= shapeOf(view.getOutput()).size())
      return rewriter.notifyMatchFailure(op, "operand is not a reshape that adds axes");
    auto axes = axesBehindView(view);
    if (!axes)
      return rewriter.notifyMatchFailure(op, "the reshape changes axes");
    SmallVector<int64_t> reduced; // a sum of one square is not the element: some axis has to be left
    for (int64_t axis : op.getAxes())
      if ((*axes)[axis] >= 0)
        reduced.push_back((*axes)[axis]);
    if (reduced.empty())
      return rewriter.notifyMatchFailure(op, "the reduced axes have one entry each");
    Value result = ReduceOp::create(rewriter, op.getLoc(), op.getKind(), view.getInput(), reduced, /*keep_dims=*/true).getOutput();
    rewriter.replaceOp(op, makeReshape(rewriter, op.getLoc(), result, shapeOf(op.getOutput())));
    return success();
  }
};

/// A reshape that only adds axes of extent 1 moves behind pointwise ops: what makes its input can then take them as its epilogue. Other operands
/// are seen without those axes, which costs nothing. Ends, for the rank of the op falls.
template <typename OpTy> struct SinkAddedAxes : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpTy op, PatternRewriter &rewriter) const override {
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    SmallVector<int64_t> kept;
    ReshapeOp reshape;
    for (Value operand : op->getOperands())
      if (auto candidate = operand.getDefiningOp<ReshapeOp>();
          candidate && !reshape && isSink(shapeOf(candidate.getInput()), shapeOf(operand), type.getShape(), kept))
        reshape = candidate;
    if (!reshape)
      return rewriter.notifyMatchFailure(op, "no operand only gained axes that the result has no use for");
    SmallVector<Value> operands;
    SmallVector<int64_t> shape;
    for (int64_t axis : kept)
      shape.push_back(type.getDimSize(axis));
    for (Value operand : op->getOperands())
      operands.push_back(withKeptAxes(rewriter, operand, type.getRank(), kept));
    OperationState state(op->getLoc(), op->getName());
    state.addOperands(operands);
    state.addTypes(type.clone(shape));
    state.attributes = op->getAttrs();
    rewriter.replaceOp(op, makeReshape(rewriter, op->getLoc(), rewriter.create(state)->getResult(0), type.getShape()));
    return success();
  }

private:
  /// The axes of `to` that stand for those of `from`; false unless all others have extent 1.
  static bool findKeptAxes(ArrayRef<int64_t> from, ArrayRef<int64_t> to, SmallVector<int64_t> &kept) {
    kept.clear();
    for (auto [axis, extent] : llvm::enumerate(to)) {
      if (kept.size() < from.size() && from[kept.size()] == extent)
        kept.push_back(axis);
      else if (extent != 1)
        return false;
    }
    return kept.size() == from.size() && from.size() < to.size();
  }

  /// The same, where a result of shape `result` has extent 1 along these others, too.
  static bool isSink(ArrayRef<int64_t> from, ArrayRef<int64_t> to, ArrayRef<int64_t> result, SmallVector<int64_t> &kept) {
    if (to.size() != result.size() || !findKeptAxes(from, to, kept))
      return false;
    for (auto [axis, extent] : llvm::enumerate(result))
      if (extent != 1 && !llvm::is_contained(kept, int64_t(axis)))
        return false;
    return true;
  }

  static Value withKeptAxes(PatternRewriter &rewriter, Value value, int64_t rank, ArrayRef<int64_t> kept) {
    ArrayRef<int64_t> shape = shapeOf(value);
    SmallVector<int64_t> result;
    for (int64_t axis : kept)
      if (int64_t own = axis - (rank - int64_t(shape.size())); own >= 0)
        result.push_back(shape[own]);
    return makeReshape(rewriter, value.getLoc(), value, result);
  }
};

/// split(x) + c = split(x + c), where the last axis of x is split and c is a constant along all its parts: the bias of a product for several heads.
struct BinaryOfSplit : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    auto split = op.getLhs().getDefiningOp<ReshapeOp>();
    if (!split || !op.getRhs().getDefiningOp<ConstantOp>() || op.getLhs().getType() != op.getOutput().getType())
      return rewriter.notifyMatchFailure(op, "not a reshape and a constant");
    ArrayRef<int64_t> from = shapeOf(split.getInput()), to = shapeOf(op.getLhs()), own = shapeOf(op.getRhs());
    if (from.empty() || own.size() < 2 || own != to.take_back(own.size()) || from.back() != ShapedType::getNumElements(own))
      return rewriter.notifyMatchFailure(op, "the constant has not an entry for each of the last axis");
    Value constant = makeReshape(rewriter, op.getLoc(), op.getRhs(), from.back());
    Value result = makeBinary(rewriter, op.getLoc(), op.getKind(), split.getInput(), constant);
    rewriter.replaceOp(op, makeReshape(rewriter, op.getLoc(), result, to));
    return success();
  }
};

} // namespace

void populateViewSimplifications(RewritePatternSet &patterns) {
  patterns.add<TransposeOfView, ReduceOfView, SinkAddedAxes<UnaryOp>, SinkAddedAxes<BinaryOp>, SinkAddedAxes<CompareOp>,
               SinkAddedAxes<SelectOp>, SinkAddedAxes<ClampOp>, SinkAddedAxes<CastOp>, BinaryOfSplit>(patterns.getContext());
}

} // namespace fettle
