//===- SimplifyMovement.cpp - shorter ways for data to move ---------------===//

#include "passes/ConstantValue.h"
#include "passes/OpFactory.h"
#include "passes/normalize/Simplify.h"

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

static ArrayRef<int64_t> shapeOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

namespace {

/// A transpose that keeps the order of all axes longer than 1 moves nothing.
struct TransposeToReshape : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TransposeOp op, PatternRewriter &rewriter) const override {
    int64_t last = -1;
    for (int64_t axis : op.getPerm()) {
      if (shapeOf(op.getInput())[axis] == 1)
        continue;
      if (axis < last)
        return rewriter.notifyMatchFailure(op, "the transpose moves data");
      last = axis;
    }
    rewriter.replaceOp(op, makeReshape(rewriter, op.getLoc(), op.getInput(), shapeOf(op.getOutput())));
    return success();
  }
};

/// A broadcast that adds no elements is a reshape.
struct BroadcastToReshape : OpRewritePattern<BroadcastOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BroadcastOp op, PatternRewriter &rewriter) const override {
    if (op.getInput().getType().getNumElements() != op.getType().getNumElements())
      return rewriter.notifyMatchFailure(op, "the broadcast repeats data");
    rewriter.replaceOp(op, makeReshape(rewriter, op.getLoc(), op.getInput(), shapeOf(op.getOutput())));
    return success();
  }
};

struct RemoveIdleTile : OpRewritePattern<TileOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TileOp op, PatternRewriter &rewriter) const override {
    if (op.getInput().getType() != op.getType())
      return rewriter.notifyMatchFailure(op, "the tile repeats data");
    rewriter.replaceOp(op, op.getInput());
    return success();
  }
};

struct RemoveIdlePad : OpRewritePattern<PadOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(PadOp op, PatternRewriter &rewriter) const override {
    if (op.getInput().getType() != op.getType())
      return rewriter.notifyMatchFailure(op, "the pad adds elements");
    rewriter.replaceOp(op, op.getInput());
    return success();
  }
};

/// slice(slice x) = slice x: starts and steps compose.
struct MergeSlices : OpRewritePattern<SliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SliceOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getInput().getDefiningOp<SliceOp>();
    if (!inner)
      return rewriter.notifyMatchFailure(op, "operand is not a slice");
    SmallVector<int64_t> starts, steps;
    for (size_t axis = 0; axis < op.getStarts().size(); ++axis) {
      starts.push_back(inner.getStarts()[axis] + op.getStarts()[axis] * inner.getSteps()[axis]);
      steps.push_back(inner.getSteps()[axis] * op.getSteps()[axis]);
    }
    rewriter.replaceOpWithNewOp<SliceOp>(op, inner.getInput(), starts, op.getSizes(), steps);
    return success();
  }
};

/// A slice that lies within one part of a concatenation is a slice of that part.
struct SliceOfConcat : OpRewritePattern<SliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SliceOp op, PatternRewriter &rewriter) const override {
    auto concat = op.getInput().getDefiningOp<ConcatOp>();
    if (!concat)
      return rewriter.notifyMatchFailure(op, "operand is not a concatenation");
    int64_t axis = concat.getAxis(), count = op.getSizes()[axis];
    if (count == 0)
      return rewriter.notifyMatchFailure(op, "the slice is empty");
    int64_t first = op.getStarts()[axis], final = first + (count - 1) * op.getSteps()[axis];
    int64_t low = std::min(first, final), high = std::max(first, final), begin = 0;
    for (Value part : concat.getInputs()) {
      int64_t end = begin + shapeOf(part)[axis];
      if (low >= begin && high < end) {
        SmallVector<int64_t> starts(op.getStarts());
        starts[axis] -= begin;
        rewriter.replaceOpWithNewOp<SliceOp>(op, part, starts, op.getSizes(), op.getSteps());
        return success();
      }
      begin = end;
    }
    return rewriter.notifyMatchFailure(op, "the slice crosses parts");
  }
};

/// Parts that are concatenations along the same axis give their own parts; neighbouring slices of one value become one.
struct MergeConcatParts : OpRewritePattern<ConcatOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ConcatOp op, PatternRewriter &rewriter) const override {
    int64_t axis = op.getAxis();
    bool changed = false;
    SmallVector<Value> parts;
    for (Value part : op.getInputs()) {
      auto inner = part.getDefiningOp<ConcatOp>();
      if (inner && int64_t(inner.getAxis()) == axis && inner->hasOneUse()) {
        llvm::append_range(parts, inner.getInputs());
        changed = true;
      } else if (Value joined = parts.empty() ? Value() : joinSlices(rewriter, parts.back(), part, axis)) {
        parts.back() = joined;
        changed = true;
      } else if (shapeOf(part)[axis] == 0 && op.getInputs().size() > 1) {
        changed = true;
      } else {
        parts.push_back(part);
      }
    }
    if (!changed || parts.empty())
      return rewriter.notifyMatchFailure(op, "no parts to merge");
    rewriter.replaceOpWithNewOp<ConcatOp>(op, parts, axis);
    return success();
  }

private:
  static Value joinSlices(PatternRewriter &rewriter, Value left, Value right, int64_t axis) {
    auto a = left.getDefiningOp<SliceOp>(), b = right.getDefiningOp<SliceOp>();
    if (!a || !b || a.getInput() != b.getInput() || a.getSteps() != b.getSteps() || a.getSteps()[axis] != 1)
      return {};
    for (int64_t other = 0; other < int64_t(a.getStarts().size()); ++other)
      if (other != axis && (a.getStarts()[other] != b.getStarts()[other] || a.getSizes()[other] != b.getSizes()[other]))
        return {};
    if (a.getStarts()[axis] + a.getSizes()[axis] != b.getStarts()[axis])
      return {};
    SmallVector<int64_t> sizes(a.getSizes());
    sizes[axis] += b.getSizes()[axis];
    return SliceOp::create(rewriter, b.getLoc(), a.getInput(), a.getStarts(), sizes, a.getSteps()).getOutput();
  }
};

/// Gathering a run of constant indices is a slice.
struct GatherToSlice : OpRewritePattern<GatherOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(GatherOp op, PatternRewriter &rewriter) const override {
    int64_t axis = op.getAxis(), extent = shapeOf(op.getInput())[axis];
    auto indexType = cast<RankedTensorType>(op.getIndices().getType());
    std::optional<HostTensor> indices = constantTensor(op.getIndices());
    if (!indices || indexType.getNumElements() == 0 || indexType.getRank() > 1 || extent == 0)
      return rewriter.notifyMatchFailure(op, "indices are not a constant list");
    std::vector<int64_t> values = indices->integers();
    for (int64_t &value : values)
      value = std::clamp<int64_t>(value < 0 ? value + extent : value, 0, extent - 1);
    int64_t step = values.size() > 1 ? values[1] - values[0] : 1;
    for (size_t i = 1; i < values.size(); ++i)
      if (step == 0 || values[i] - values[i - 1] != step)
        return rewriter.notifyMatchFailure(op, "indices are not equally spaced");
    SmallVector<int64_t> starts(shapeOf(op.getInput()).size(), 0), sizes(shapeOf(op.getInput())), steps(sizes.size(), 1);
    starts[axis] = values.front();
    sizes[axis] = values.size();
    steps[axis] = step;
    Value slice = SliceOp::create(rewriter, op.getLoc(), op.getInput(), starts, sizes, steps).getOutput();
    rewriter.replaceOp(op, makeReshape(rewriter, op.getLoc(), slice, shapeOf(op.getOutput())));
    return success();
  }
};

/// A matrix product reads its operands in either order.
struct TransposeIntoMatMul : OpRewritePattern<MatMulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MatMulOp op, PatternRewriter &rewriter) const override {
    bool changed = false;
    for (bool isLhs : {true, false}) {
      auto transpose = (isLhs ? op.getLhs() : op.getRhs()).getDefiningOp<TransposeOp>();
      if (!transpose || !swapsLastAxes(transpose.getPerm()))
        continue;
      rewriter.modifyOpInPlace(op, [&] {
        if (isLhs) {
          op.setTransposeLhs(!op.getTransposeLhs());
          op.getLhsMutable().assign(transpose.getInput());
        } else {
          op.setTransposeRhs(!op.getTransposeRhs());
          op.getRhsMutable().assign(transpose.getInput());
        }
      });
      changed = true;
    }
    return changed ? success() : rewriter.notifyMatchFailure(op, "no operand with its last two axes swapped");
  }

private:
  static bool swapsLastAxes(ArrayRef<int64_t> perm) {
    int64_t rank = perm.size();
    for (int64_t i = 0; i < rank - 2; ++i)
      if (perm[i] != i)
        return false;
    return rank >= 2 && perm[rank - 1] == rank - 2;
  }
};

} // namespace

void populateMovementSimplifications(RewritePatternSet &patterns) {
  patterns.add<TransposeToReshape, BroadcastToReshape, RemoveIdleTile, RemoveIdlePad, MergeSlices, SliceOfConcat, MergeConcatParts,
               GatherToSlice, TransposeIntoMatMul>(patterns.getContext());
}

} // namespace fettle
