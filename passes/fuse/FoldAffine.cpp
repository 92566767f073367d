//===- FoldAffine.cpp - constant factors and offsets into weights ---------===//
//
// Problem. Batch norms, scalings and biases stand around contractions as products
// and sums with constants. Each costs a pass over the data, or an epilogue
// op; folded into weights they cost nothing.
//
// Rules, with W the weights, b the bias, f a factor and d an offset per channel:
//   (x W + b) f = x (W f) + b f                    f per output channel
//   (x W + b) + d = x W + (b + d)                  d per output channel
//   (x f) W + b = x (f W) + b                      f per input channel
//   (x + d) W + b = x W + (b + d W)                no padding: it is not shifted by d
//   (x + d) f = x f + d f                          brings sums behind products
//   (x f) g = x (f g),  (x + d) + e = x + (d + e)  merges neighbours
// The last three make the others meet: a batch norm is (x f) + d.
//
// Sound up to rounding: products and sums of constants are formed in double and
// rounded once.
//
//===----------------------------------------------------------------------===//

#include "ir/reference/Evaluate.h"
#include "ir/support/Origin.h"
#include "passes/ConstantValue.h"
#include "passes/OpFactory.h"
#include "passes/fuse/ContractionWeights.h"
#include "passes/fuse/Passes.h"
#include "mlir/Dialect/Traits.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

#define GEN_PASS_DEF_FOLDAFFINEPASS
#include "passes/fuse/Passes.h.inc"

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

namespace {

/// `op` as `input` times or plus the float constant `constant`, which does not change the shape.
struct AffineStep {
  bool isProduct;
  Value input, constant;
};

} // namespace

static std::optional<AffineStep> matchStep(Operation *op) {
  auto binary = dyn_cast_or_null<BinaryOp>(op);
  if (!binary || (binary.getKind() != BinaryKind::mul && binary.getKind() != BinaryKind::add) ||
      !isa<FloatType>(binary.getOutput().getType().getElementType()))
    return std::nullopt;
  Value input = binary.getLhs(), constant = binary.getRhs();
  if (!constant.getDefiningOp<ConstantOp>())
    std::swap(input, constant);
  if (!constant.getDefiningOp<ConstantOp>() || input.getDefiningOp<ConstantOp>() || input.getType() != binary.getOutput().getType())
    return std::nullopt;
  return AffineStep{binary.getKind() == BinaryKind::mul, input, constant};
}

/// A constant named after the op that it came from.
static Value makeNamed(PatternRewriter &rewriter, Operation *op, const HostTensor &tensor, StringRef suffix) {
  return makeConstant(rewriter, op->getLoc(), tensor, formatOrigins(op->getLoc()) + suffix.str());
}

static Value makeVector(PatternRewriter &rewriter, Operation *op, Type element, ArrayRef<double> values, StringRef suffix) {
  HostTensor tensor(RankedTensorType::get({int64_t(values.size())}, element));
  for (auto [i, value] : llvm::enumerate(values))
    tensor.setDouble(i, value);
  return makeNamed(rewriter, op, tensor, suffix);
}

/// The bias of a contraction as one value per output channel: zeros if it has none, nothing if it is
/// not a constant of that form.
static std::optional<std::vector<double>> biasValues(const ContractionWeights &weights) {
  if (!weights.bias())
    return std::vector<double>(weights.outputs(), 0);
  // A convolution's bias is [out]; a matrix product's broadcasts to the result: both vary along the last axis of their own.
  return channelValues(weights.bias(), 1, weights.outputs());
}

/// A copy of the contraction with other operands, in place of `replaced`.
static void replaceWithContraction(PatternRewriter &rewriter, Operation *replaced, Operation *contraction, Value input, Value weights, Value bias) {
  OperationState state(fuseLocations(contraction->getContext(), {contraction->getLoc(), replaced->getLoc()}), contraction->getName());
  state.addOperands({input, weights});
  if (bias)
    state.addOperands(bias);
  state.addTypes(replaced->getResultTypes());
  state.attributes = contraction->getAttrs();
  rewriter.replaceOp(replaced, rewriter.create(state));
}

namespace {

/// A step behind a contraction.
struct FoldStepBehind : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    std::optional<AffineStep> step = matchStep(op);
    if (!step)
      return rewriter.notifyMatchFailure(op, "not a product or sum with a float constant");
    Operation *contraction = step->input.getDefiningOp();
    std::optional<ContractionWeights> weights = ContractionWeights::get(contraction);
    if (!weights)
      return rewriter.notifyMatchFailure(op, "operand is not a contraction with constant weights");
    if (!contraction->hasOneUse())
      return rewriter.notifyMatchFailure(op, "the contraction is read elsewhere too");
    auto values = channelValues(step->constant, weights->channelFromBack(), weights->outputs());
    auto bias = biasValues(*weights);
    if (!values || !bias)
      return rewriter.notifyMatchFailure(op, "the constant or the bias varies along more than the channels");
    for (int64_t o = 0; o < weights->outputs(); ++o)
      (*bias)[o] = step->isProduct ? (*bias)[o] * (*values)[o] : (*bias)[o] + (*values)[o];
    Type element = op.getOutput().getType().getElementType();
    Value newWeights = weights->value(), newBias;
    if (step->isProduct)
      newWeights = makeNamed(rewriter, contraction, weights->scaled([&](int64_t, int64_t o) { return (*values)[o]; }), ".weight");
    if (weights->bias() || !step->isProduct)
      newBias = makeVector(rewriter, contraction, element, *bias, ".bias");
    replaceWithContraction(rewriter, op, contraction, contraction->getOperand(0), newWeights, newBias);
    return success();
  }
};

/// True if result positions see values that stand outside the input.
static bool hasPadding(Operation *contraction) {
  auto anyNonZero = [](ArrayRef<int64_t> pads) { return llvm::any_of(pads, [](int64_t pad) { return pad != 0; }); };
  if (auto conv = dyn_cast<ConvOp>(contraction))
    return anyNonZero(conv.getPads());
  return !isa<MatMulOp>(contraction); // border positions of a transposed convolution see fewer inputs
}

/// True if the use is the left operand of a contraction with constant weights: of a step that is read so alone, nothing is
/// left once each reader has taken it in.
static bool isContractionInput(OpOperand &use) {
  return use.getOperandNumber() == 0 && ContractionWeights::get(use.getOwner()).has_value();
}

/// A step before a contraction.
struct FoldStepBefore : RewritePattern {
  explicit FoldStepBefore(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}
  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    std::optional<ContractionWeights> weights = ContractionWeights::get(op);
    if (!weights)
      return rewriter.notifyMatchFailure(op, "not a contraction with constant weights");
    std::optional<AffineStep> step = matchStep(op->getOperand(0).getDefiningOp());
    auto matmul = dyn_cast<MatMulOp>(op);
    if (!step || !llvm::all_of(op->getOperand(0).getUses(), isContractionInput))
      return rewriter.notifyMatchFailure(op, "input is not a product or sum with a constant for contractions alone");
    auto values = channelValues(step->constant, matmul && matmul.getTransposeLhs() ? 2 : weights->channelFromBack(), weights->inputs());
    if (!values)
      return rewriter.notifyMatchFailure(op, "the constant varies along more than the channels");
    if (step->isProduct) {
      Value scaled = makeNamed(rewriter, op, weights->scaled([&](int64_t i, int64_t) { return (*values)[i]; }), ".weight");
      replaceWithContraction(rewriter, op, op, step->input, scaled, weights->bias());
      return success();
    }
    auto bias = biasValues(*weights);
    if (!bias || hasPadding(op) || (matmul && typeOf(matmul.getRhs()).getRank() != 2))
      return rewriter.notifyMatchFailure(op, "the offset would differ between positions");
    std::vector<double> response = weights->response(*values);
    for (size_t o = 0; o < response.size(); ++o)
      (*bias)[o] += response[o];
    Value newBias = makeVector(rewriter, op, typeOf(op->getResult(0)).getElementType(), *bias, ".bias");
    replaceWithContraction(rewriter, op, op, step->input, weights->value(), newBias);
    return success();
  }
};

/// Two steps in a row: one of a kind merges, a sum before a product moves behind it.
struct MergeSteps : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    std::optional<AffineStep> outer = matchStep(op);
    std::optional<AffineStep> inner = outer ? matchStep(outer->input.getDefiningOp()) : std::nullopt;
    if (!inner || !outer->input.hasOneUse())
      return rewriter.notifyMatchFailure(op, "not two products or sums with constants in a row");
    if (inner->isProduct && !outer->isProduct)
      return rewriter.notifyMatchFailure(op, "a sum behind a product is the canonical order");
    Location location = op.getLoc();
    BinaryKind kind = outer->isProduct ? BinaryKind::mul : BinaryKind::add;
    Value merged = combine(rewriter, op, kind, inner->constant, outer->constant);
    if (!merged)
      return rewriter.notifyMatchFailure(op, "the constants vary along different axes");
    if (inner->isProduct == outer->isProduct) {
      rewriter.replaceOp(op, makeBinary(rewriter, location, kind, inner->input, merged));
      return success();
    }
    Value product = makeBinary(rewriter, location, BinaryKind::mul, inner->input, outer->constant);
    rewriter.replaceOp(op, makeBinary(rewriter, location, BinaryKind::add, product, merged));
    return success();
  }

private:
  /// The sum or product of two constants; null if it would be larger than both.
  static Value combine(PatternRewriter &rewriter, Operation *origin, BinaryKind kind, Value a, Value b) {
    SmallVector<int64_t> shape;
    if (!OpTrait::util::getBroadcastedShape(typeOf(a).getShape(), typeOf(b).getShape(), shape) ||
        ShapedType::getNumElements(shape) > std::max(typeOf(a).getNumElements(), typeOf(b).getNumElements()))
      return {};
    auto combined = cast<BinaryOp>(makeBinary(rewriter, origin->getLoc(), kind, a, b).getDefiningOp());
    auto value = reference::evaluate(combined, {*constantTensor(a), *constantTensor(b)});
    rewriter.eraseOp(combined);
    return succeeded(value) ? makeNamed(rewriter, origin, value->front(), kind == BinaryKind::mul ? ".factor" : ".offset") : Value();
  }
};

struct FoldAffine : impl::FoldAffinePassBase<FoldAffine> {
  void runOnOperation() override {
    // Chains are merged first, so that weights are not scaled once per link.
    RewritePatternSet merging(&getContext()), folding(&getContext());
    merging.add<MergeSteps>(&getContext());
    folding.add<FoldStepBehind, FoldStepBefore, MergeSteps>(&getContext());
    // Stopping early leaves a correct function, only a longer one.
    if (failed(applyPatternsGreedily(getOperation(), std::move(merging))) || failed(applyPatternsGreedily(getOperation(), std::move(folding))))
      getOperation().emitRemark("rewriting stopped before nothing was left to do");
  }
};

} // namespace
} // namespace fettle
