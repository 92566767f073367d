//===- SinkThroughMovement.cpp - transposes behind moving ops -------------===//

#include "passes/fuse/SinkTranspose.h"

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

static ArrayRef<int64_t> shapeOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

namespace {

struct SinkThroughSlice : SinkThrough<SliceOp> {
  using SinkThrough::SinkThrough;
  FailureOr<Moved> move(SliceOp op, Value input, ArrayRef<int64_t> perm, PatternRewriter &rewriter) const override {
    auto moved = [&](ArrayRef<int64_t> values) { return toInputOrder(values, perm); };
    return Moved{SliceOp::create(rewriter, op.getLoc(), input, moved(op.getStarts()), moved(op.getSizes()), moved(op.getSteps())), perm};
  }
};

struct SinkThroughPad : SinkThrough<PadOp> {
  using SinkThrough::SinkThrough;
  FailureOr<Moved> move(PadOp op, Value input, ArrayRef<int64_t> perm, PatternRewriter &rewriter) const override {
    auto moved = [&](ArrayRef<int64_t> values) { return toInputOrder(values, perm); };
    return Moved{PadOp::create(rewriter, op.getLoc(), op.getMode(), input, op.getValue(), moved(op.getLow()), moved(op.getHigh())), perm};
  }
};

struct SinkThroughTile : SinkThrough<TileOp> {
  using SinkThrough::SinkThrough;
  FailureOr<Moved> move(TileOp op, Value input, ArrayRef<int64_t> perm, PatternRewriter &rewriter) const override {
    return Moved{TileOp::create(rewriter, op.getLoc(), input, toInputOrder(op.getRepeats(), perm)), perm};
  }
};

struct SinkThroughResize : SinkThrough<ResizeOp> {
  using SinkThrough::SinkThrough;
  FailureOr<Moved> move(ResizeOp op, Value input, ArrayRef<int64_t> perm, PatternRewriter &rewriter) const override {
    auto type = cast<RankedTensorType>(op.getOutput().getType());
    OperationState state(op.getLoc(), op->getName());
    state.addOperands(input);
    state.addTypes(type.clone(toInputOrder(type.getShape(), perm)));
    state.attributes = op->getAttrs();
    auto moved = cast<ResizeOp>(rewriter.create(state));
    moved.setScales(toInputOrder(op.getScales(), perm));
    if (!op.getRoi().empty()) { // starts of all axes, then ends
      size_t rank = perm.size();
      SmallVector<double> roi = toInputOrder(op.getRoi().take_front(rank), perm);
      roi.append(toInputOrder(op.getRoi().drop_front(rank), perm));
      moved.setRoi(roi);
    }
    return Moved{moved.getOutput(), perm};
  }
};

/// A reshape joins and splits runs of axes. Where each run it joins also stands together and in order before the transpose, it
/// can be done there, and the transpose then moves whole runs:
///   [n,h,w,c] -> [n,c,h,w] -> [n,c,hw]   is   [n,h,w,c] -> [n,hw,c] -> [n,c,hw]
struct SinkThroughReshape : SinkThrough<ReshapeOp> {
  using SinkThrough::SinkThrough;
  FailureOr<Moved> move(ReshapeOp op, Value input, ArrayRef<int64_t> perm, PatternRewriter &rewriter) const override {
    std::optional<SmallVector<Run>> runs = splitIntoRuns(shapeOf(op.getInput()), shapeOf(op.getOutput()));
    if (!runs)
      return rewriter.notifyMatchFailure(op, "the reshape mixes all axes");
    ArrayRef<int64_t> source = shapeOf(input);
    int64_t previous = 0;
    for (Run &run : *runs) {
      // Axes of extent 1 stand anywhere, best where they were; the others must be neighbours, up to such axes.
      int64_t last = -1;
      run.position = run.from < run.fromEnd ? perm[run.from] : previous;
      for (int64_t axis = run.from; axis < run.fromEnd; ++axis) {
        int64_t from = perm[axis];
        if (source[from] == 1)
          continue;
        if (last < 0)
          run.position = from;
        else if (from < last || llvm::any_of(source.slice(last + 1, from - last - 1), [](int64_t extent) { return extent != 1; }))
          return rewriter.notifyMatchFailure(op, "axes that the reshape joins stand apart before the transpose");
        last = from;
      }
      previous = run.position;
    }
    SmallVector<size_t> order = llvm::to_vector(llvm::seq<size_t>(0, runs->size()));
    llvm::sort(order, [&](size_t a, size_t b) { return std::pair((*runs)[a].position, a) < std::pair((*runs)[b].position, b); });
    SmallVector<int64_t> shape;
    Permutation result(shapeOf(op.getOutput()).size());
    for (size_t index : order)
      for (int64_t axis = (*runs)[index].to; axis < (*runs)[index].toEnd; ++axis) {
        result[axis] = shape.size();
        shape.push_back(shapeOf(op.getOutput())[axis]);
      }
    return Moved{makeReshape(rewriter, op.getLoc(), input, shape), result};
  }

private:
  /// Input axes [from, fromEnd) hold the same elements as result axes [to, toEnd).
  struct Run {
    int64_t from, fromEnd, to, toEnd;
    int64_t position = 0; ///< first axis longer than 1 (if any) before the transpose
  };

  static std::optional<SmallVector<Run>> splitIntoRuns(ArrayRef<int64_t> from, ArrayRef<int64_t> to) {
    SmallVector<Run> runs;
    int64_t i = 0, j = 0, fromRank = from.size(), toRank = to.size();
    if (llvm::is_contained(from, 0))
      return std::nullopt;
    while (i < fromRank || j < toRank) {
      Run run{i, i, j, j};
      int64_t a = 1, b = 1;
      if (run.fromEnd < fromRank)
        a = from[run.fromEnd++];
      if (run.toEnd < toRank)
        b = to[run.toEnd++];
      while (a != b) {
        if (a < b && run.fromEnd < fromRank)
          a *= from[run.fromEnd++];
        else if (b < a && run.toEnd < toRank)
          b *= to[run.toEnd++];
        else
          return std::nullopt;
      }
      i = run.fromEnd;
      j = run.toEnd;
      runs.push_back(run);
    }
    return runs.size() > 1 ? std::optional(runs) : std::nullopt;
  }
};

/// A flattened image in front of constant weights: the rows of the weights are reordered instead.
struct FlattenIntoWeights : OpRewritePattern<MatMulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MatMulOp op, PatternRewriter &rewriter) const override {
    auto flatten = op.getLhs().getDefiningOp<ReshapeOp>();
    auto transpose = flatten ? flatten.getInput().getDefiningOp<TransposeOp>() : TransposeOp();
    ArrayRef<int64_t> weights = shapeOf(op.getRhs());
    if (!transpose || !op.getRhs().getDefiningOp<ConstantOp>() || weights.size() != 2 || op.getTransposeLhs())
      return rewriter.notifyMatchFailure(op, "not a flattened transpose before constant weights");
    ArrayRef<int64_t> perm = transpose.getPerm(), image = shapeOf(transpose.getOutput()), flat = shapeOf(flatten.getOutput());
    if (perm.front() != 0 || flat.size() != 2 || flat[0] != image[0])
      return rewriter.notifyMatchFailure(op, "the batch is not kept apart");
    Location location = op.getLoc();
    // Weights as [image axes.., out] or [out, image axes..], put into the order before the transpose.
    bool outFirst = op.getTransposeRhs();
    SmallVector<int64_t> shape(image.drop_front());
    Permutation order;
    Permutation inverse = invert(perm);
    for (int64_t from : ArrayRef<int64_t>(inverse).drop_front())
      order.push_back(from - 1 + outFirst);
    int64_t out = outFirst ? weights[0] : weights[1];
    shape.insert(outFirst ? shape.begin() : shape.end(), out);
    order.insert(outFirst ? order.begin() : order.end(), outFirst ? 0 : int64_t(order.size()));
    Value reordered = makeTranspose(rewriter, location, makeReshape(rewriter, location, op.getRhs(), shape), order);
    rewriter.modifyOpInPlace(op, [&] {
      op.getLhsMutable().assign(makeReshape(rewriter, location, transpose.getInput(), flat));
      op.getRhsMutable().assign(makeReshape(rewriter, location, reordered, weights));
    });
    return success();
  }
};

} // namespace

void populateSinkThroughMovement(RewritePatternSet &patterns) {
  patterns.add<SinkThroughSlice, SinkThroughPad, SinkThroughTile, SinkThroughResize, SinkThroughReshape, FlattenIntoWeights>(
      patterns.getContext());
}

} // namespace fettle
