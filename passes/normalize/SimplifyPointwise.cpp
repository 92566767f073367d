//===- SimplifyPointwise.cpp - cheaper forms of pointwise ops -------------===//

#include "passes/ConstantValue.h"
#include "passes/OpFactory.h"
#include "passes/normalize/Simplify.h"
#include <cmath>

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

static bool isFloat(Value value) { return isa<FloatType>(cast<RankedTensorType>(value.getType()).getElementType()); }

/// True if x `kind` number == x for every x (up to the sign of zero).
static bool isNeutral(BinaryKind kind, double number) {
  switch (kind) {
  case BinaryKind::add:
  case BinaryKind::sub:
    return number == 0;
  case BinaryKind::mul:
  case BinaryKind::div:
  case BinaryKind::pow:
    return number == 1;
  default:
    return false;
  }
}

static bool isCommutative(BinaryKind kind) {
  return llvm::is_contained({BinaryKind::add, BinaryKind::mul, BinaryKind::min, BinaryKind::max, BinaryKind::logical_and,
                             BinaryKind::logical_or, BinaryKind::logical_xor, BinaryKind::bitwise_and, BinaryKind::bitwise_or,
                             BinaryKind::bitwise_xor},
                            kind);
}

/// True if 1 / number is exact in every float type, and far from its limits.
static bool hasExactReciprocal(double number) {
  int exponent;
  return std::abs(std::frexp(number, &exponent)) == 0.5 && std::abs(exponent) <= 10;
}

namespace {

struct RemoveIdentity : OpRewritePattern<UnaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(UnaryOp op, PatternRewriter &rewriter) const override {
    if (op.getKind() != UnaryKind::identity)
      return rewriter.notifyMatchFailure(op, "not an identity");
    rewriter.replaceOp(op, op.getInput());
    return success();
  }
};

/// neg(neg x) = x, abs(neg x) = abs x, reciprocal(sqrt x) = rsqrt x.
struct FoldUnaryPair : OpRewritePattern<UnaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(UnaryOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getInput().getDefiningOp<UnaryOp>();
    if (!inner)
      return rewriter.notifyMatchFailure(op, "operand is not unary");
    if (op.getKind() == UnaryKind::neg && inner.getKind() == UnaryKind::neg) {
      rewriter.replaceOp(op, inner.getInput());
      return success();
    }
    UnaryKind kind;
    Value input = inner.getInput();
    if (op.getKind() == UnaryKind::abs && inner.getKind() == UnaryKind::neg)
      kind = UnaryKind::abs;
    else if (op.getKind() == UnaryKind::reciprocal && inner.getKind() == UnaryKind::sqrt)
      kind = UnaryKind::rsqrt;
    else
      return rewriter.notifyMatchFailure(op, "no simpler form of this pair");
    rewriter.replaceOp(op, makeUnary(rewriter, op.getLoc(), kind, input));
    return success();
  }
};

/// Constants of commutative ops stand on the right: later patterns look only there.
struct MoveConstantRight : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    if (!isCommutative(op.getKind()) || !op.getLhs().getDefiningOp<ConstantOp>() || op.getRhs().getDefiningOp<ConstantOp>())
      return rewriter.notifyMatchFailure(op, "no constant to move");
    rewriter.replaceOp(op, makeBinary(rewriter, op.getLoc(), op.getKind(), op.getRhs(), op.getLhs()));
    return success();
  }
};

struct RemoveNeutralOperand : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    std::optional<double> number = splatValue(op.getRhs());
    if (!number || !isNeutral(op.getKind(), *number))
      return rewriter.notifyMatchFailure(op, "right operand is not neutral");
    if (op.getLhs().getType() != op.getOutput().getType())
      return rewriter.notifyMatchFailure(op, "the neutral operand gives the result its shape");
    rewriter.replaceOp(op, op.getLhs());
    return success();
  }
};

/// x^2 = x x, x^3 = x x x, x^0.5 = sqrt x, x^-1 = 1/x, x^-0.5 = rsqrt x.
struct ExpandPower : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    std::optional<double> exponent = splatValue(op.getRhs());
    Value base = op.getLhs();
    Location location = op.getLoc();
    if (op.getKind() != BinaryKind::pow || !exponent || base.getType() != op.getOutput().getType() || !isFloat(base))
      return rewriter.notifyMatchFailure(op, "not a power of floats by one number");
    Value result;
    auto multiply = [&](Value x, Value y) { return makeBinary(rewriter, location, BinaryKind::mul, x, y); };
    if (*exponent == 2)
      result = multiply(base, base);
    else if (*exponent == 3)
      result = multiply(multiply(base, base), base);
    else if (*exponent == 0.5)
      result = makeUnary(rewriter, location, UnaryKind::sqrt, base);
    else if (*exponent == -1)
      result = makeUnary(rewriter, location, UnaryKind::reciprocal, base);
    else if (*exponent == -0.5)
      result = makeUnary(rewriter, location, UnaryKind::rsqrt, base);
    if (!result)
      return rewriter.notifyMatchFailure(op, "no shorter form of this exponent");
    rewriter.replaceOp(op, result);
    return success();
  }
};

/// x / 2^k = x * 2^-k, x - c = x + (-c), 1 / x = reciprocal x: exact.
struct CanonicalizeArithmetic : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    if (!isFloat(op.getOutput()))
      return rewriter.notifyMatchFailure(op, "integers divide and wrap in their own way");
    Location location = op.getLoc();
    if (op.getKind() == BinaryKind::div && isSplatOf(op.getLhs(), 1) && op.getRhs().getType() == op.getOutput().getType()) {
      rewriter.replaceOp(op, makeUnary(rewriter, location, UnaryKind::reciprocal, op.getRhs()));
      return success();
    }
    std::optional<double> number = splatValue(op.getRhs());
    if (!number || (op.getKind() != BinaryKind::div && op.getKind() != BinaryKind::sub))
      return rewriter.notifyMatchFailure(op, "not a division or difference by one number");
    bool isDivision = op.getKind() == BinaryKind::div;
    if (isDivision && !hasExactReciprocal(*number))
      return rewriter.notifyMatchFailure(op, "the divisor has no exact reciprocal");
    auto type = cast<RankedTensorType>(op.getRhs().getType());
    auto attribute = DenseElementsAttr::get(type, rewriter.getFloatAttr(type.getElementType(), isDivision ? 1 / *number : -*number));
    Value constant = ConstantOp::create(rewriter, location, attribute).getOutput();
    rewriter.replaceOp(op, makeBinary(rewriter, location, isDivision ? BinaryKind::mul : BinaryKind::add, op.getLhs(), constant));
    return success();
  }
};

/// (x * a) * 2^k = x * (a * 2^k): other factors would round otherwise.
struct MergeScales : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getLhs().getDefiningOp<BinaryOp>();
    if (op.getKind() != BinaryKind::mul || !inner || inner.getKind() != BinaryKind::mul || !isFloat(op.getOutput()))
      return rewriter.notifyMatchFailure(op, "not a product of products");
    std::optional<double> outer = splatValue(op.getRhs()), first = splatValue(inner.getRhs());
    if (!outer || !first || !hasExactReciprocal(*outer) || std::abs(*first) > 16 || std::abs(*first) < 1.0 / 16 || inner.getLhs().getType() != op.getOutput().getType())
      return rewriter.notifyMatchFailure(op, "merging the factors would round otherwise");
    auto element = cast<RankedTensorType>(op.getOutput().getType()).getElementType();
    Value factor = makeScalar(rewriter, op.getLoc(), element, *outer * *first);
    rewriter.replaceOp(op, makeBinary(rewriter, op.getLoc(), BinaryKind::mul, inner.getLhs(), factor));
    return success();
  }
};

/// True if every value of `from` is a value of `to`.
static bool isLossless(Type from, Type to) {
  if (from.isInteger(1) || from == to)
    return true;
  unsigned fromWidth = from.getIntOrFloatBitWidth(), toWidth = to.getIntOrFloatBitWidth();
  if (isa<FloatType>(from))
    return isa<FloatType>(to) && (toWidth == 64 || (toWidth == 32 && fromWidth <= 16));
  if (isa<FloatType>(to))
    return toWidth == 64 ? fromWidth <= 32 : toWidth == 32 && fromWidth <= 16;
  return toWidth > fromWidth && (from.isUnsignedInteger() || !to.isUnsignedInteger());
}

struct FoldCastPair : OpRewritePattern<CastOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(CastOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getInput().getDefiningOp<CastOp>();
    if (!inner)
      return rewriter.notifyMatchFailure(op, "operand is not a cast");
    auto elementOf = [](Value value) { return cast<RankedTensorType>(value.getType()).getElementType(); };
    if (!isLossless(elementOf(inner.getInput()), elementOf(inner.getOutput())))
      return rewriter.notifyMatchFailure(op, "the inner cast loses values");
    rewriter.replaceOpWithNewOp<CastOp>(op, op.getType(), inner.getInput());
    return success();
  }
};

/// select with one value for all conditions, or with equal branches.
struct FoldSelect : OpRewritePattern<SelectOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SelectOp op, PatternRewriter &rewriter) const override {
    std::optional<double> condition = splatValue(op.getCondition());
    if (!condition && op.getOnTrue() != op.getOnFalse())
      return rewriter.notifyMatchFailure(op, "both branches are wanted");
    Value chosen = condition && *condition == 0 ? op.getOnFalse() : op.getOnTrue();
    if (chosen.getType() != op.getOutput().getType())
      rewriter.replaceOpWithNewOp<BroadcastOp>(op, op.getOutput().getType(), chosen);
    else
      rewriter.replaceOp(op, chosen);
    return success();
  }
};

} // namespace

void populatePointwiseSimplifications(RewritePatternSet &patterns) {
  patterns.add<RemoveIdentity, FoldUnaryPair, MoveConstantRight, RemoveNeutralOperand, ExpandPower, CanonicalizeArithmetic,
               MergeScales, FoldCastPair, FoldSelect>(patterns.getContext());
}

} // namespace fettle
