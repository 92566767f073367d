//===- Tokens.cpp - reductions of tokens out of products ------------------===//
//
// Written with operators that every runtime has: an assignment becomes a matrix of zeros and ones, and merging a
// product with it. Squared distances are |a|^2 + |b|^2 - 2 a b^T, of tokens less their mean, for one product: equal
// tokens then cost nothing up to rounding only, and where costs tie another one may be chosen. What rounding takes
// below 0 is 0.
//
//===----------------------------------------------------------------------===//

#include "ir/export/ExportTable.h"
#include <limits>

using namespace mlir;

namespace fettle {

//===--- Parts ------------------------------------------------------------===//

/// Every `step`-th along axis 1, `count` of them.
static Term slice(NodeWriter &writer, Term input, int64_t start, int64_t count, int64_t step) {
  SmallVector<int64_t> shape(input.shape());
  if (start == 0 && count == shape[1])
    return input;
  shape[1] = count;
  int64_t end = start + (count - 1) * step + 1;
  return writer.move(
      "Slice", {input, writer.integers(start), writer.integers(end), writer.integers(1), writer.integers(step)}, shape);
}

/// `low` elements before and `high` behind along the last axis.
static Term pad(NodeWriter &writer, Term input, int64_t low, int64_t high, double value) {
  if (low == 0 && high == 0)
    return input;
  SmallVector<int64_t> shape(input.shape()), pads(2 * input.rank(), 0);
  shape.back() += low + high;
  pads[input.rank() - 1] = low;
  pads.back() = high;
  return writer.move("Pad", {input, writer.integers(pads), writer.scalarLike(value, input)}, shape);
}

/// Indices [n, a] with one more axis, of `extent`, at `axis`: 1 where the index is the place along it, 0 elsewhere.
static Term oneHot(NodeWriter &writer, Term indices, int64_t axis, int64_t extent, Type element) {
  SmallVector<int64_t> shape(indices.shape()), along(3, 1);
  shape.insert(shape.begin() + axis, 1);
  along[axis] = extent;
  HostTensor places(RankedTensorType::get(along, indices.element()));
  for (int64_t i = 0; i < extent; ++i)
    places.setInteger(i, i);
  return writer.cast(writer.equal(writer.reshape(indices, shape), writer.constant(places)), element);
}

/// Which of [n, a] are the k least or greatest of their row, as i32 0 or 1; of equal ones those with the lower index.
static Term choose(NodeWriter &writer, Term input, int64_t k, bool isLargest) {
  Type compute = writer.computeType("TopK", input.element());
  SmallVector<int64_t> shape = {input.shape()[0], k};
  Term indices = writer.nodes("TopK", {writer.cast(input, compute), writer.integers(k)},
                              {RankedTensorType::get(shape, compute), RankedTensorType::get(shape, writer.i64())},
                              Attributes().with("axis", int64_t(1)).with("largest", int64_t(isLargest)))[1];
  Term chosen = oneHot(writer, indices, 2, input.shape()[1], writer.i32());
  return writer.reduce("ReduceMax", chosen, {1}, /*keepDims=*/false);
}

/// How many of [n, t] zeros and ones before each are ones.
static Term countBefore(NodeWriter &writer, Term flags) {
  return writer.apply("CumSum", {flags, writer.scalar(1, writer.i64())}, flags.shape(),
                      Attributes().with("exclusive", int64_t(1)));
}

/// The assignment in which tokens [0, count) keep their numbers, and the others are dropped.
static Term keepFirst(NodeWriter &writer, int64_t count) {
  HostTensor assignment(writer.resultType());
  for (int64_t i = 0, tokens = assignment.shape()[1]; i < assignment.numElements(); ++i)
    assignment.setInteger(i, i % tokens < count ? i % tokens : -1);
  return writer.constant(assignment);
}

//===--- Assignments ------------------------------------------------------===//

namespace {
/// match_tokens: sources and targets are every other token behind the protected ones.
struct Matching {
  NodeWriter &writer;
  nn::MatchTokensOp op;
  int64_t images, tokens, protect, sources, targets;

  Term sourcesOf(Term input) { return slice(writer, input, protect + 1, sources, 2); }
  Term targetsOf(Term input) { return slice(writer, input, protect, targets, 2); }
  /// [n, sources] at the places of the sources of [n, t], 0 elsewhere.
  Term atSources(Term input) {
    Term pairs = pad(writer, writer.reshape(input, {images, sources, 1}), 1, 0, 0);
    return pad(writer, writer.reshape(pairs, {images, 2 * sources}), protect, tokens - protect - 2 * sources, 0);
  }
  Term costs(); ///< [n, sources, targets]
  void addFactor(Term &costs);
  void hideFarPairs(Term &costs);
};
} // namespace

/// Whether all sizes are known to be positive: those of the first tokens, or sums of such of at least one each.
static bool arePositive(Value sizes) {
  for (; sizes;) {
    auto merge = sizes.getDefiningOp<nn::MergeTokensOp>();
    if (!merge || sizes != merge.getNewSizes())
      return false;
    Operation *assignment = merge.getAssignment().getDefiningOp();
    int64_t tokens = merge.getTokens(), all = typeOf(merge.getInput()).getDimSize(1);
    auto match = dyn_cast_or_null<nn::MatchTokensOp>(assignment);
    auto drop = dyn_cast_or_null<nn::DropTokensOp>(assignment);
    if (!(match && all - int64_t(match.getRemove()) == tokens) && !(drop && int64_t(drop.getKeep()) == tokens))
      return false;
    sizes = merge.getSizes();
  }
  return true;
}

/// Times size_a size_b / (size_a + size_b), which is one half for all where there are no sizes.
void Matching::addFactor(Term &costs) {
  Term sizes = writer.widened(writer.term(op.getSizes()));
  if (!sizes)
    return;
  Term own = writer.reshape(sourcesOf(sizes), {images, sources, 1}),
       other = writer.reshape(targetsOf(sizes), {images, 1, targets});
  Term sum = writer.add(own, other), factor = writer.div(writer.mul(own, other), sum);
  if (!arePositive(op.getSizes())) {
    Term zero = writer.scalarLike(0, sum);
    factor = writer.where(writer.equal(sum, zero), zero, factor);
  }
  costs = writer.mul(factor, costs);
}

void Matching::hideFarPairs(Term &costs) {
  int64_t reach = op.getReach();
  if (reach == 0 || reach >= tokens)
    return;
  HostTensor mask(RankedTensorType::get({sources, targets}, costs.element()));
  for (int64_t i = 0; i < sources; ++i)
    for (int64_t j = 0; j < targets; ++j)
      if (std::abs(2 * i + 1 - 2 * j) > reach)
        mask.setDouble(i * targets + j, std::numeric_limits<double>::infinity());
  costs = writer.add(costs, writer.constant(mask));
}

Term Matching::costs() {
  Term metric = writer.widened(writer.term(op.getMetric()));
  metric = writer.sub(metric, writer.reduce("ReduceMean", metric, {1}, /*keepDims=*/true));
  Term own = sourcesOf(metric), other = targetsOf(metric);
  Term product = writer.apply("MatMul", {own, writer.transpose(other, {0, 2, 1})}, {images, sources, targets});
  Term squares = writer.add(writer.reduce("ReduceSumSquare", own, {2}, true),
                            writer.transpose(writer.reduce("ReduceSumSquare", other, {2}, true), {0, 2, 1}));
  Term result = writer.unary("Relu", writer.sub(squares, writer.scaled(product, 2)));
  addFactor(result);
  hideFarPairs(result);
  return result;
}

static void writeMatchTokens(NodeWriter &writer, nn::MatchTokensOp op) {
  ArrayRef<int64_t> shape = typeOf(op.getMetric()).getShape();
  int64_t remove = op.getRemove(), protect = op.getProtect(), sources = (shape[1] - protect) / 2;
  if (remove == 0)
    return writer.setResult(keepFirst(writer, shape[1]));
  if (shape[2] == 0)
    return writer.fail("its tokens have no elements to compare");
  Matching matching{writer, op, shape[0], shape[1], protect, sources, shape[1] - protect - sources};
  Term costs = matching.costs();
  Attributes alongTargets = Attributes().with("axis", int64_t(2)).with("keepdims", int64_t(0));
  Term nearest = writer.test("ArgMin", costs, {shape[0], sources}, writer.i64(), std::move(alongTargets));
  Term isMerged =
      choose(writer, writer.reduce("ReduceMin", costs, {2}, /*keepDims=*/false), remove, /*isLargest=*/false);
  Term stays = writer.sub(writer.scalar(1, writer.i32()), matching.atSources(isMerged));
  Term number = countBefore(writer, stays);
  // Those that are merged get the number of their target in place of their own.
  Term ofTarget = writer.move("GatherElements", {matching.targetsOf(number), nearest}, {shape[0], sources},
                              Attributes().with("axis", int64_t(1)));
  Term moved = writer.mul(isMerged, writer.sub(ofTarget, matching.sourcesOf(number)));
  writer.setResult(writer.add(number, matching.atSources(moved)));
}

static void writeDropTokens(NodeWriter &writer, nn::DropTokensOp op) {
  ArrayRef<int64_t> shape = typeOf(op.getScore()).getShape();
  int64_t protect = op.getProtect(), keep = op.getKeep(), count = shape[1] - protect;
  if (keep == protect || keep == shape[1])
    return writer.setResult(keepFirst(writer, keep));
  Term score = slice(writer, writer.term(op.getScore()), protect, count, 1);
  Term isKept = pad(writer, choose(writer, score, keep - protect, /*isLargest=*/true), protect, 0, 1);
  Term number = writer.mul(countBefore(writer, isKept), isKept);
  writer.setResult(writer.add(number, writer.sub(isKept, writer.scalar(1, writer.i32()))));
}

//===--- What is assigned -------------------------------------------------===//

static void writeMergeTokens(NodeWriter &writer, nn::MergeTokensOp op) {
  Term input = writer.widened(writer.term(op.getInput())), sizes = writer.widened(writer.term(op.getSizes()));
  ArrayRef<int64_t> shape = input.shape();
  int64_t tokens = op.getTokens();
  Term parts = oneHot(writer, writer.term(op.getAssignment()), 1, tokens, input.element()); // [n, tokens, t]
  Term weights = sizes ? writer.mul(parts, writer.reshape(sizes, {shape[0], 1, shape[1]})) : parts;
  Term total = writer.reduce("ReduceSum", weights, {2}, /*keepDims=*/true), divisor = total;
  Term newSizes = writer.reshape(total, {shape[0], tokens});
  if (!arePositive(op.getNewSizes())) {
    Term isZero = writer.equal(total, writer.scalarLike(0, total)), count = total;
    if (sizes) {
      count = writer.reduce("ReduceSum", parts, {2}, /*keepDims=*/true);
      weights = writer.where(isZero, parts, weights);
    }
    divisor = writer.where(isZero, writer.binary("Max", count, writer.scalarLike(1, count)), total);
  }
  writer.setResult(1, writer.cast(newSizes, writer.resultType(1).getElementType()));
  if (shape[2] == 0)
    return writer.setResult(0, writer.constant(HostTensor(writer.resultType())));
  Term sums = writer.apply("MatMul", {weights, input}, writer.resultType().getShape());
  writer.setResult(0, writer.cast(writer.div(sums, divisor), writer.resultType().getElementType()));
}

static void writeUnmergeTokens(NodeWriter &writer, nn::UnmergeTokensOp op) {
  Term input = writer.term(op.getInput());
  if (input.shape()[1] == 0)
    return writer.setResult(writer.constant(HostTensor(writer.resultType())));
  Term parts = oneHot(writer, writer.term(op.getAssignment()), 2, input.shape()[1], input.element()); // [n, t, tokens]
  writer.setResult(writer.apply("MatMul", {parts, input}, writer.resultType().getShape()));
}

ArrayRef<ExportEntry> tokenExports() {
  static const ExportEntry table[] = {
      exportEntry<nn::MatchTokensOp, writeMatchTokens>(),
      exportEntry<nn::DropTokensOp, writeDropTokens>(),
      exportEntry<nn::MergeTokensOp, writeMergeTokens>(),
      exportEntry<nn::UnmergeTokensOp, writeUnmergeTokens>(),
  };
  return table;
}

} // namespace fettle
