//===- SimplifyClamp.cpp - minima and maxima with constants ---------------===//
//
// max(x, a), min(x, b), relu and clamp by numbers are all intervals [low, high];
// one interval after another is again an interval. relu is kept as its own op.
//
//===----------------------------------------------------------------------===//

#include "passes/ConstantValue.h"
#include "passes/OpFactory.h"
#include "passes/normalize/Simplify.h"
#include <limits>

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

static constexpr double infinity = std::numeric_limits<double>::infinity();

namespace {

/// `input` limited to [low, high].
struct Interval {
  Value input;
  double low = -infinity, high = infinity;
};

} // namespace

static std::optional<Interval> matchInterval(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  Operation *op = value.getDefiningOp();
  if (!op || !isa<FloatType>(type.getElementType()))
    return std::nullopt;
  if (auto clamp = dyn_cast<ClampOp>(op))
    return Interval{clamp.getInput(), clamp.getLow().convertToDouble(), clamp.getHigh().convertToDouble()};
  if (auto unary = dyn_cast<UnaryOp>(op); unary && unary.getKind() == UnaryKind::relu)
    return Interval{unary.getInput(), 0, infinity};
  auto binary = dyn_cast<BinaryOp>(op);
  if (!binary || (binary.getKind() != BinaryKind::min && binary.getKind() != BinaryKind::max) || binary.getLhs().getType() != type)
    return std::nullopt;
  std::optional<double> bound = splatValue(binary.getRhs());
  if (!bound || *bound != *bound)
    return std::nullopt;
  if (binary.getKind() == BinaryKind::max)
    return Interval{binary.getLhs(), *bound, infinity};
  return Interval{binary.getLhs(), -infinity, *bound};
}

static LogicalResult rewriteInterval(Operation *op, PatternRewriter &rewriter) {
  std::optional<Interval> interval = matchInterval(op->getResult(0));
  if (!interval)
    return rewriter.notifyMatchFailure(op, "not an interval of numbers");
  auto limit = [](double x, const Interval &by) { return std::min(std::max(x, by.low), by.high); };
  bool merged = false;
  while (std::optional<Interval> inner = matchInterval(interval->input)) {
    *interval = Interval{inner->input, limit(inner->low, *interval), limit(inner->high, *interval)};
    merged = true;
  }
  bool isRelu = interval->low == 0 && interval->high == infinity;
  if (!merged && (isa<UnaryOp>(op) || (isa<ClampOp>(op) && !isRelu && (interval->low != -infinity || interval->high != infinity))))
    return rewriter.notifyMatchFailure(op, "already in its simplest form");
  if (interval->low == -infinity && interval->high == infinity)
    rewriter.replaceOp(op, interval->input);
  else if (isRelu)
    rewriter.replaceOp(op, makeUnary(rewriter, op->getLoc(), UnaryKind::relu, interval->input));
  else
    rewriter.replaceOpWithNewOp<ClampOp>(op, interval->input, APFloat(interval->low), APFloat(interval->high));
  return success();
}

namespace {
template <typename OpTy> struct MergeIntervals : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpTy op, PatternRewriter &rewriter) const override { return rewriteInterval(op, rewriter); }
};
} // namespace

void populateClampSimplifications(RewritePatternSet &patterns) {
  patterns.add<MergeIntervals<ClampOp>, MergeIntervals<BinaryOp>, MergeIntervals<UnaryOp>>(patterns.getContext());
}

} // namespace fettle
