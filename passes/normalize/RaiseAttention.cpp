//===- RaiseAttention.cpp - attention that exporters decompose ------------===//
//
// Problem. softmax(scale q k^T + mask) v arrives as two matrix products with a softmax
// between them, and its score matrix is the largest value of a transformer. As one
// op it is never stored.
//
// What is matched, from the second product backwards:
//   p = softmax(s) over the last axis, possibly with NaN (rows that see nothing) replaced by 0
//   s = any chain of  + mask,  * c,  / c,  where(condition, s, very negative),  c tanh(s / c)
//       down to a product q k^T
//   also k q^T, transposed, and with batch and heads as one axis in the products, apart in the softmax
//   factors on q and k, also behind transposes and reshapes, join the scale
//   keys and values repeated for groups of heads (broadcast, concatenation or tile of an axis of
//   extent 1, merged into the heads) are taken unrepeated
// A mask that is constant and causal becomes the `causal` attribute; one of zeros is dropped.
//
// Sound where every value in between is read by the match alone. A score that `where` replaces by c <= -1e4 gets c added instead:
// both vanish in the softmax. Cost: linear, each chain is walked once.
//
//===----------------------------------------------------------------------===//

#include "ir/reference/Evaluate.h"
#include "ir/support/Origin.h"
#include "passes/ConstantValue.h"
#include "passes/OpFactory.h"
#include "passes/normalize/Passes.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include <limits>

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

#define GEN_PASS_DEF_RAISEATTENTIONPASS
#include "passes/normalize/Passes.h.inc"

/// A score this low or lower has no weight in a softmax.
static constexpr double hidden = -1e4;
/// Ops between a product and what it is matched with.
static constexpr int maxDepth = 12;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

namespace {

/// A mask on the way from the product to the softmax, in the order it is met from the softmax on.
struct MaskStep {
  Value value;     ///< what is added; null if `condition` decides
  Value condition; ///< where true (or false, if `hidesFalse`), the score is hidden
  bool hidesFalse = false;
  double scale = 1; ///< what the mask is multiplied by afterwards
};

struct Scores {
  MatMulOp product;
  bool isTransposed = false; ///< it is k q^T
  bool isViewed = false;     ///< it has other batch axes than the scores, or is transposed: no mask is added to it
  double scale = 1;
  double softcap = 0;
  SmallVector<MaskStep> masks;
  SmallVector<Location> locations;
};

} // namespace

static bool peelScores(Value value, Type type, Scores &scores, int depth);

static SmallVector<int64_t> lastAxesSwapped(int64_t rank) {
  SmallVector<int64_t> perm = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  if (rank >= 2)
    std::swap(perm[rank - 1], perm[rank - 2]);
  return perm;
}

/// A reshape that leaves the last two axes as they are, or a transpose that swaps them and leaves the others.
static bool isMatrixView(Operation *op) {
  if (auto reshape = dyn_cast<ReshapeOp>(op)) {
    ArrayRef<int64_t> from = typeOf(reshape.getInput()).getShape(), to = typeOf(reshape.getOutput()).getShape();
    return from.size() >= 2 && to.size() >= 2 && from.take_back(2) == to.take_back(2);
  }
  auto transpose = dyn_cast<TransposeOp>(op);
  return transpose && transpose.getPerm() == ArrayRef<int64_t>(lastAxesSwapped(transpose.getPerm().size()));
}

/// x where the binary op is x times or divided by a number.
static std::optional<std::pair<Value, double>> matchScaled(Value value) {
  auto binary = value.getDefiningOp<BinaryOp>();
  if (!binary || binary.getLhs().getType() != value.getType())
    return std::nullopt;
  std::optional<double> number = splatValue(binary.getRhs());
  if (number && binary.getKind() == BinaryKind::mul)
    return std::pair<Value, double>(binary.getLhs(), *number);
  if (number && binary.getKind() == BinaryKind::div && *number != 0)
    return std::pair<Value, double>(binary.getLhs(), 1 / *number);
  return std::nullopt;
}

/// scores = where(condition, hidden, s) or where(condition, s, hidden).
static bool peelSelect(SelectOp select, Type type, Scores &scores, int depth) {
  for (bool hidesFalse : {false, true}) {
    std::optional<double> low = splatValue(hidesFalse ? select.getOnFalse() : select.getOnTrue());
    if (!low || *low > hidden)
      continue;
    scores.masks.push_back({Value(), select.getCondition(), hidesFalse, 1});
    return peelScores(hidesFalse ? select.getOnTrue() : select.getOnFalse(), type, scores, depth - 1);
  }
  return false;
}

static bool peelScores(Value value, Type type, Scores &scores, int depth) {
  Operation *op = value.getDefiningOp();
  if (!op || depth == 0 || !value.hasOneUse() || value.getType() != type)
    return false;
  scores.locations.push_back(op->getLoc());
  if (auto product = dyn_cast<MatMulOp>(op)) {
    scores.product = product;
    return !product.getBias();
  }
  if (isMatrixView(op)) {
    scores.isViewed = true;
    scores.isTransposed ^= isa<TransposeOp>(op);
    return peelScores(op->getOperand(0), op->getOperand(0).getType(), scores, depth - 1);
  }
  if (auto scaled = matchScaled(value)) {
    // c tanh(s / c): what is inside has its own scale.
    if (auto tanh = scaled->first.getDefiningOp<UnaryOp>();
        tanh && tanh.getKind() == UnaryKind::tanh && scores.softcap == 0 && scores.scale == 1 && scaled->second > 0 && tanh->hasOneUse()) {
      scores.softcap = scaled->second;
      scores.scale = scaled->second;
      return peelScores(tanh.getInput(), type, scores, depth - 1);
    }
    scores.scale *= scaled->second;
    return peelScores(scaled->first, type, scores, depth - 1);
  }
  // Masks inside a softcap are no longer added to the scores.
  if (scores.softcap != 0 || scores.isViewed)
    return false;
  if (auto select = dyn_cast<SelectOp>(op))
    return peelSelect(select, type, scores, depth);
  auto sum = dyn_cast<BinaryOp>(op);
  if (!sum || sum.getKind() != BinaryKind::add)
    return false;
  for (auto [inner, mask] : {std::pair(sum.getLhs(), sum.getRhs()), std::pair(sum.getRhs(), sum.getLhs())}) {
    Scores attempt = scores;
    attempt.masks.push_back({mask, Value(), false, scores.scale});
    if (!peelScores(inner, type, attempt, depth - 1))
      continue;
    scores = attempt;
    return true;
  }
  return false;
}

/// The softmax behind `probabilities`, also behind where(is_nan(p), 0, p), or with other batch axes.
static SoftmaxOp findSoftmax(Value probabilities) {
  if (auto view = probabilities.getDefiningOp<ReshapeOp>(); view && isMatrixView(view) && view->hasOneUse())
    return findSoftmax(view.getInput());
  if (auto select = probabilities.getDefiningOp<SelectOp>()) {
    auto isNan = select.getCondition().getDefiningOp<UnaryOp>();
    Value softmax = select.getOnFalse();
    if (!isNan || isNan.getKind() != UnaryKind::is_nan || isNan.getInput() != softmax || !isSplatOf(select.getOnTrue(), 0) ||
        !select->hasOneUse() || !isNan->hasOneUse() || llvm::range_size(softmax.getUses()) != 2)
      return {};
    return softmax.getDefiningOp<SoftmaxOp>();
  }
  return probabilities.hasOneUse() ? probabilities.getDefiningOp<SoftmaxOp>() : SoftmaxOp();
}

/// `value` without the number it is multiplied by, also behind views and transposes; `scale` takes the number.
static Value withoutScale(PatternRewriter &rewriter, Value value, double &scale, int depth = maxDepth) {
  if (!value.hasOneUse() || depth == 0)
    return value;
  if (auto scaled = matchScaled(value)) {
    scale *= scaled->second;
    return withoutScale(rewriter, scaled->first, scale, depth - 1);
  }
  Operation *op = value.getDefiningOp();
  if (!isa_and_nonnull<TransposeOp, ReshapeOp>(op))
    return value;
  Value inner = withoutScale(rewriter, op->getOperand(0), scale, depth - 1);
  if (inner == op->getOperand(0))
    return value;
  IRMapping mapping;
  mapping.map(op->getOperand(0), inner);
  return rewriter.clone(*op, mapping)->getResult(0);
}

/// The value whose axis `axis` of extent 1 is repeated to give `value`; null if it is not so made.
static Value beforeRepeat(Value value, int64_t axis) {
  Operation *op = value.getDefiningOp();
  if (!isa_and_nonnull<BroadcastOp, TileOp, ConcatOp>(op))
    return {};
  Value input = op->getOperand(0);
  if (auto concat = dyn_cast<ConcatOp>(op); concat && !llvm::all_equal(concat.getInputs()))
    return {};
  if (typeOf(input).getRank() != typeOf(value).getRank())
    return {};
  SmallVector<int64_t> shape(typeOf(value).getShape());
  shape[axis] = 1;
  return typeOf(input).getShape() == ArrayRef<int64_t>(shape) ? input : Value();
}

/// Keys or values [n, heads, t, d] that are [n, groups, t, d] with each entry repeated: the latter.
static Value withoutRepeat(PatternRewriter &rewriter, Value value) {
  if (typeOf(value).getRank() != 4)
    return value;
  if (Value single = beforeRepeat(value, 1))
    return single;
  auto merge = value.getDefiningOp<ReshapeOp>();
  if (!merge || typeOf(merge.getInput()).getRank() != 5)
    return value;
  Value repeated = beforeRepeat(merge.getInput(), 2);
  ArrayRef<int64_t> from = typeOf(merge.getInput()).getShape(), to = typeOf(value).getShape();
  if (!repeated || from[0] != to[0] || from[1] * from[2] != to[1] || from[3] != to[2])
    return value;
  return makeReshape(rewriter, value.getLoc(), repeated, {from[0], from[1], from[3], from[4]});
}

/// [.., rows, columns] with the last two axes in order.
static Value inOrder(PatternRewriter &rewriter, Value value, bool isTransposed) {
  if (!isTransposed)
    return value;
  return makeTranspose(rewriter, value.getLoc(), value, lastAxesSwapped(typeOf(value).getRank()));
}

/// Matrices with the batch axes `batch`, of as many entries as its own.
static Value withBatch(PatternRewriter &rewriter, Value value, ArrayRef<int64_t> batch) {
  SmallVector<int64_t> shape(batch);
  llvm::append_range(shape, typeOf(value).getShape().take_back(2));
  return makeReshape(rewriter, value.getLoc(), value, shape);
}

/// Under four axes: missing ones are added in front, surplus ones merged into the heads.
static Value asFourAxes(PatternRewriter &rewriter, Value value) {
  ArrayRef<int64_t> shape = typeOf(value).getShape();
  if (shape.size() == 4)
    return value;
  SmallVector<int64_t> result{1, 1, shape[shape.size() - 2], shape.back()};
  for (int64_t extent : shape.drop_back(2))
    result[1] *= extent;
  return makeReshape(rewriter, value.getLoc(), value, result);
}

/// One additive mask of all steps; null if there are none.
static Value makeMask(PatternRewriter &rewriter, Location location, const Scores &scores, Type element) {
  Value mask;
  for (const MaskStep &step : scores.masks) {
    Value value = step.value;
    if (step.condition) {
      Value low = makeScalar(rewriter, location, element, -std::numeric_limits<double>::infinity());
      Value zero = makeScalar(rewriter, location, element, 0);
      value = SelectOp::create(rewriter, location, step.condition, step.hidesFalse ? zero : low, step.hidesFalse ? low : zero).getOutput();
    } else if (step.scale != 1) {
      value = makeBinary(rewriter, location, BinaryKind::mul, value, makeScalar(rewriter, location, element, step.scale));
    }
    mask = mask ? makeBinary(rewriter, location, BinaryKind::add, mask, value) : value;
  }
  return mask;
}

namespace {
enum class MaskForm { Empty, Causal, Other };
} // namespace

/// What a mask hides, if it is constant: nothing, or all keys j > i + keys - queries from query i.
static MaskForm classifyMask(Value mask, int64_t queries, int64_t keys) {
  std::optional<HostTensor> values = reference::evaluateConstant(mask);
  if (!values)
    return MaskForm::Other;
  std::vector<double> entries = values->doubles();
  if (llvm::all_of(entries, [](double entry) { return entry == 0; }))
    return MaskForm::Empty;
  if (values->numElements() != queries * keys || values->shape().size() < 2 || values->shape().back() != keys)
    return MaskForm::Other;
  for (int64_t i = 0; i < queries; ++i)
    for (int64_t j = 0; j < keys; ++j) {
      double entry = entries[i * keys + j];
      if (j <= i + keys - queries ? entry != 0 : entry > hidden)
        return MaskForm::Other;
    }
  return MaskForm::Causal;
}

namespace {

struct RaiseProducts : OpRewritePattern<MatMulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MatMulOp op, PatternRewriter &rewriter) const override {
    auto type = typeOf(op.getOutput());
    SoftmaxOp softmax = findSoftmax(op.getLhs());
    if (!softmax || softmax.getLog() || op.getTransposeLhs() || op.getBias() || !isa<FloatType>(type.getElementType()))
      return rewriter.notifyMatchFailure(op, "does not weigh values by a softmax");
    auto scoresType = typeOf(softmax.getOutput());
    int64_t rank = scoresType.getRank();
    if (int64_t(softmax.getAxis()) != rank - 1 || rank < 2)
      return rewriter.notifyMatchFailure(op, "the softmax is not over the keys");
    Scores scores;
    if (!peelScores(softmax.getInput(), scoresType, scores, maxDepth))
      return rewriter.notifyMatchFailure(op, "the softmax is not of a product of queries and keys");
    MatMulOp product = scores.product;
    auto batchOf = [](Value value) { return typeOf(value).getShape().drop_back(2); };
    if (batchOf(product.getLhs()) != batchOf(product.getRhs()) || batchOf(op.getLhs()) != batchOf(op.getRhs()))
      return rewriter.notifyMatchFailure(op, "queries, keys and values differ in their batch");
    ArrayRef<int64_t> batch = scoresType.getShape().drop_back(2);
    int64_t queries = scoresType.getShape()[rank - 2], keys = scoresType.getShape()[rank - 1];
    if (rank > 4 && llvm::any_of(scores.masks, [](const MaskStep &step) {
          return llvm::any_of(batchOfMask(step), [](int64_t extent) { return extent != 1; });
        }))
      return rewriter.notifyMatchFailure(op, "the mask varies along more than two batch axes");

    rewriter.setInsertionPoint(op);
    scores.locations.append({softmax.getLoc(), op.getLoc()});
    Location location = fuseLocations(op.getContext(), scores.locations);
    Value query = withoutScale(rewriter, product.getLhs(), scores.scale), key = withoutScale(rewriter, product.getRhs(), scores.scale);
    query = inOrder(rewriter, query, product.getTransposeLhs());
    key = inOrder(rewriter, key, !product.getTransposeRhs());
    if (scores.isTransposed)
      std::swap(query, key);
    query = asFourAxes(rewriter, withBatch(rewriter, query, batch));
    key = asFourAxes(rewriter, withBatch(rewriter, key, batch));
    Value value = asFourAxes(rewriter, withBatch(rewriter, inOrder(rewriter, op.getRhs(), op.getTransposeRhs()), batch));
    Value groupedKey = withoutRepeat(rewriter, key), groupedValue = withoutRepeat(rewriter, value);
    if (typeOf(groupedKey).getDimSize(1) == typeOf(groupedValue).getDimSize(1)) {
      key = groupedKey;
      value = groupedValue;
    }
    Value mask = makeMask(rewriter, location, scores, type.getElementType());
    MaskForm form = mask ? classifyMask(mask, queries, keys) : MaskForm::Empty;
    if (form != MaskForm::Other)
      mask = Value();
    else if (rank > 4)
      mask = makeReshape(rewriter, location, mask, typeOf(mask).getShape().take_back(std::min<int64_t>(2, typeOf(mask).getRank())));
    Value result = AttentionOp::create(rewriter, location, query, key, value, mask, APFloat(scores.scale), form == MaskForm::Causal,
                                       APFloat(scores.softcap))
                       .getOutput();
    rewriter.replaceOp(op, makeReshape(rewriter, location, result, type.getShape()));
    return success();
  }

private:
  static ArrayRef<int64_t> batchOfMask(const MaskStep &step) {
    ArrayRef<int64_t> shape = typeOf(step.value ? step.value : step.condition).getShape();
    return shape.drop_back(std::min<size_t>(2, shape.size()));
  }
};

struct RaiseAttention : impl::RaiseAttentionPassBase<RaiseAttention> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<RaiseProducts>(&getContext());
    // Stopping early leaves a correct function, only with longer attentions.
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      getOperation().emitRemark("rewriting stopped before nothing was left to do");
  }
};

} // namespace
} // namespace fettle
