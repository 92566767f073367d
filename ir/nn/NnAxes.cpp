//===- NnAxes.cpp - which axes are one dimension of the network -----------===//
//
// A tie (a, i, b, j) says that axis i of value a and axis j of value b have the
// same meaning: whoever removes index k from one must remove it from the other.
// Ties of all ops, joined by union-find, give the groups that pruning and token
// passes cut as a whole. For conv %x[n,c,h,w], %w[o,c,kh,kw] -> %y[n,o,h',w']:
//   x.c ~ w.c,  w.o ~ y.o,  bias.0 ~ y.o,  x.n ~ y.n
// Spatial axes are not tied: a window mixes positions.
//
// A tie does not say that positions along it can be computed one by one: a softmax
// ties the axis that it normalizes. mixesAlong tells these apart.
//
//===----------------------------------------------------------------------===//

#include "ir/nn/ShapeRules.h"

using namespace mlir;

namespace fettle::nn {

using Ties = SmallVector<AxisTie>;

/// Ties the axes of `from` that broadcast to axes of `to` of the same extent.
static void tieBroadcast(Ties &ties, Value from, Value to) {
  int64_t shift = int64_t(shapeOf(to).size()) - int64_t(shapeOf(from).size());
  for (int64_t axis = 0; axis < int64_t(shapeOf(from).size()); ++axis)
    if (shapeOf(from)[axis] == shapeOf(to)[axis + shift])
      ties.push_back({from, axis, to, axis + shift});
}

static Ties tieAllOperands(Operation *op) {
  Ties ties;
  for (Value operand : op->getOperands())
    tieBroadcast(ties, operand, op->getResult(0));
  return ties;
}

Ties UnaryOp::getAxisTies() { return tieAllOperands(*this); }
Ties BinaryOp::getAxisTies() { return tieAllOperands(*this); }
Ties CompareOp::getAxisTies() { return tieAllOperands(*this); }
Ties SelectOp::getAxisTies() { return tieAllOperands(*this); }
Ties ClampOp::getAxisTies() { return tieAllOperands(*this); }
Ties CastOp::getAxisTies() { return tieAllOperands(*this); }
Ties RescaleOp::getAxisTies() { return tieAllOperands(*this); }
Ties SoftmaxOp::getAxisTies() { return tieAllOperands(*this); }
Ties LayerNormOp::getAxisTies() { return tieAllOperands(*this); }
Ties CumSumOp::getAxisTies() { return tieAllOperands(*this); }
Ties LrnOp::getAxisTies() { return tieAllOperands(*this); }
Ties BroadcastOp::getAxisTies() { return tieAllOperands(*this); }

bool SoftmaxOp::mixesAlong(int64_t axis) { return axis == int64_t(getAxis()); }
bool CumSumOp::mixesAlong(int64_t axis) { return axis == int64_t(getAxis()); }
bool LayerNormOp::mixesAlong(int64_t axis) { return axis >= int64_t(getAxis()); }
bool LrnOp::mixesAlong(int64_t axis) { return axis == 1; }

Ties MatMulOp::getAxisTies() {
  Ties ties;
  int64_t lhsRank = getLhs().getType().getRank(), rhsRank = getRhs().getType().getRank();
  int64_t rank = getOutput().getType().getRank();
  int64_t m = lhsRank - (getTransposeLhs() ? 1 : 2), lhsK = lhsRank - (getTransposeLhs() ? 2 : 1);
  int64_t n = rhsRank - (getTransposeRhs() ? 2 : 1), rhsK = rhsRank - (getTransposeRhs() ? 1 : 2);
  ties.push_back({getLhs(), lhsK, getRhs(), rhsK});
  ties.push_back({getLhs(), m, getOutput(), rank - 2});
  ties.push_back({getRhs(), n, getOutput(), rank - 1});
  for (Value operand : {Value(getLhs()), Value(getRhs())})
    for (int64_t axis = 0, batch = tensorType(operand).getRank() - 2; axis < batch; ++axis)
      if (shapeOf(operand)[axis] == shapeOf(getOutput())[rank - 2 - batch + axis])
        ties.push_back({operand, axis, getOutput(), rank - 2 - batch + axis});
  if (getBias())
    tieBroadcast(ties, getBias(), getOutput());
  return ties;
}

Ties ConvOp::getAxisTies() {
  int64_t last = getInput().getType().getRank() - 1, channel = getChannelsLast() ? last : 1;
  Ties ties = {{getInput(), 0, getOutput(), 0}, {getWeight(), 0, getOutput(), channel}};
  if (getGroups() == 1)
    ties.push_back({getInput(), channel, getWeight(), 1});
  else if (getWeight().getType().getDimSize(1) == 1 &&
           getInput().getType().getDimSize(channel) == getOutput().getType().getDimSize(channel))
    ties.push_back({getInput(), channel, getOutput(), channel}); // depthwise
  if (getBias())
    ties.push_back({getBias(), 0, getOutput(), channel});
  return ties;
}

Ties ConvTransposeOp::getAxisTies() {
  int64_t last = getInput().getType().getRank() - 1, channel = getChannelsLast() ? last : 1;
  Ties ties = {{getInput(), 0, getOutput(), 0}, {getInput(), channel, getWeight(), 0}};
  if (getGroups() == 1)
    ties.push_back({getWeight(), 1, getOutput(), channel});
  if (getBias())
    ties.push_back({getBias(), 0, getOutput(), channel});
  return ties;
}

Ties AttentionOp::getAxisTies() {
  Ties ties = {{getQuery(), 0, getOutput(), 0}, {getKey(), 0, getOutput(), 0}, {getValue(), 0, getOutput(), 0},
               {getQuery(), 1, getOutput(), 1}, {getKey(), 1, getValue(), 1},  {getQuery(), 2, getOutput(), 2},
               {getKey(), 2, getValue(), 2},    {getQuery(), 3, getKey(), 3},  {getValue(), 3, getOutput(), 3}};
  if (getKey().getType().getDimSize(1) == getQuery().getType().getDimSize(1))
    ties.push_back({getKey(), 1, getQuery(), 1});
  if (Value mask = getMask()) {
    // The mask broadcasts to [n, heads, s, t]; t is an axis of the keys.
    std::pair<Value, int64_t> scores[] = {{getOutput(), 0}, {getOutput(), 1}, {getOutput(), 2}, {getKey(), 2}};
    int64_t shift = 4 - int64_t(shapeOf(mask).size());
    for (int64_t axis = 0; axis + shift < 4; ++axis)
      if (shapeOf(mask)[axis] != 1)
        ties.push_back({mask, axis, scores[axis + shift].first, scores[axis + shift].second});
  }
  return ties;
}

/// Ties the axes that a reduction over `axes` leaves.
static Ties tieReduced(Value input, Value output, ArrayRef<int64_t> axes, bool keepDims) {
  Ties ties;
  int64_t to = 0;
  for (int64_t axis = 0; axis < int64_t(shapeOf(input).size()); ++axis) {
    bool isReduced = llvm::is_contained(axes, axis);
    if (!isReduced)
      ties.push_back({input, axis, output, to});
    to += !isReduced || keepDims;
  }
  return ties;
}

Ties ReduceOp::getAxisTies() { return tieReduced(getInput(), getOutput(), getAxes(), getKeepDims()); }
Ties ArgOp::getAxisTies() { return tieReduced(getInput(), getOutput(), int64_t(getAxis()), getKeepDims()); }

Ties BatchNormOp::getAxisTies() {
  Ties ties;
  tieBroadcast(ties, getInput(), getOutput());
  for (Value statistic : getOperands().drop_front())
    ties.push_back({statistic, 0, getOutput(), 1});
  return ties;
}

Ties PoolOp::getAxisTies() {
  int64_t channel = getChannelsLast() ? getInput().getType().getRank() - 1 : 1;
  return {{getInput(), 0, getOutput(), 0}, {getInput(), channel, getOutput(), channel}};
}

/// Extents other than 1 of axes [begin, end), with their numbers.
static SmallVector<std::pair<int64_t, int64_t>> longAxes(ArrayRef<int64_t> shape, size_t begin, size_t end) {
  SmallVector<std::pair<int64_t, int64_t>> axes;
  for (size_t axis = begin; axis < end; ++axis)
    if (shape[axis] != 1)
      axes.push_back({shape[axis], int64_t(axis)});
  return axes;
}

Ties ReshapeOp::getAxisTies() {
  // Leading and trailing axes that the reshape leaves alone.
  Ties ties;
  ArrayRef<int64_t> from = shapeOf(getInput()), to = shapeOf(getOutput());
  size_t common = std::min(from.size(), to.size()), head = 0, tail = 0;
  for (; head < common && from[head] == to[head]; ++head)
    ties.push_back({getInput(), int64_t(head), getOutput(), int64_t(head)});
  for (; head + tail < common && from[from.size() - 1 - tail] == to[to.size() - 1 - tail]; ++tail)
    ties.push_back({getInput(), int64_t(from.size() - 1 - tail), getOutput(), int64_t(to.size() - 1 - tail)});
  // Between them, those that stand behind as many elements in both: of [32, 128] and [1, 32, 8, 16] that of 32.
  if (getInput().getType().getNumElements() == 0)
    return ties;
  auto own = longAxes(from, head, from.size() - tail), theirs = longAxes(to, head, to.size() - tail);
  for (size_t i = 0, j = 0; i < own.size() && j < theirs.size();) {
    if (own[i].first == theirs[j].first)
      ties.push_back({getInput(), own[i].second, getOutput(), theirs[j].second});
    int64_t left = own[i++].first, right = theirs[j++].first;
    while (left != right) {
      if (left < right)
        left *= own[i++].first;
      else
        right *= theirs[j++].first;
    }
  }
  return ties;
}

Ties TransposeOp::getAxisTies() {
  Ties ties;
  for (auto [axis, source] : llvm::enumerate(getPerm()))
    ties.push_back({getInput(), source, getOutput(), int64_t(axis)});
  return ties;
}

Ties ConcatOp::getAxisTies() {
  Ties ties;
  for (Value input : getInputs())
    for (int64_t axis = 0; axis < int64_t(shapeOf(input).size()); ++axis)
      if (axis != int64_t(getAxis()))
        ties.push_back({input, axis, getOutput(), axis});
  return ties;
}

Ties SliceOp::getAxisTies() {
  Ties ties;
  for (int64_t axis = 0; axis < int64_t(getSizes().size()); ++axis)
    if (getSizes()[axis] == shapeOf(getInput())[axis] && (getSteps()[axis] == 1 || getSizes()[axis] == 1))
      ties.push_back({getInput(), axis, getOutput(), axis});
  return ties;
}

Ties PadOp::getAxisTies() {
  Ties ties;
  for (int64_t axis = 0; axis < int64_t(getLow().size()); ++axis)
    if (getLow()[axis] == 0 && getHigh()[axis] == 0)
      ties.push_back({getInput(), axis, getOutput(), axis});
  return ties;
}

Ties GatherOp::getAxisTies() {
  Ties ties;
  int64_t gathered = getAxis(), count = int64_t(shapeOf(getIndices()).size());
  for (int64_t axis = 0; axis < int64_t(shapeOf(getInput()).size()); ++axis)
    if (axis != gathered)
      ties.push_back({getInput(), axis, getOutput(), axis < gathered ? axis : axis + count - 1});
  for (int64_t axis = 0; axis < count; ++axis)
    ties.push_back({getIndices(), axis, getOutput(), gathered + axis});
  return ties;
}

// Tokens themselves are tied to nothing: which of them go into one is data.
Ties MergeTokensOp::getAxisTies() {
  Ties ties = {{getInput(), 0, getOutput(), 0}, {getInput(), 2, getOutput(), 2}, {getInput(), 0, getAssignment(), 0},
               {getInput(), 1, getAssignment(), 1}, {getOutput(), 0, getNewSizes(), 0}, {getOutput(), 1, getNewSizes(), 1}};
  if (getSizes())
    ties.append({{getInput(), 0, getSizes(), 0}, {getInput(), 1, getSizes(), 1}});
  return ties;
}
Ties UnmergeTokensOp::getAxisTies() {
  return {{getInput(), 0, getOutput(), 0},
          {getInput(), 2, getOutput(), 2},
          {getAssignment(), 0, getOutput(), 0},
          {getAssignment(), 1, getOutput(), 1}};
}

/// Data and, where the scale runs along an axis, the scale.
template <typename OpTy> static Ties tieQuantized(OpTy op) {
  Ties ties;
  tieBroadcast(ties, op.getInput(), op.getOutput());
  int64_t axis = op.getAxis();
  if (shapeOf(op.getScale()).size() == 1 && axis >= 0 && axis < int64_t(shapeOf(op.getInput()).size()) &&
      shapeOf(op.getScale())[0] == shapeOf(op.getInput())[axis]) {
    ties.push_back({op.getScale(), 0, op.getOutput(), axis});
    if (op.getZeroPoint())
      ties.push_back({op.getZeroPoint(), 0, op.getOutput(), axis});
  }
  return ties;
}
Ties QuantizeOp::getAxisTies() { return tieQuantized(*this); }
Ties DequantizeOp::getAxisTies() { return tieQuantized(*this); }

/// Which keys a causal query sees, and which of fewer key heads a query head reads, follows from its place.
bool AttentionOp::mixesAlong(int64_t axis) {
  bool hasGroups = getKey().getType().getDimSize(1) != getQuery().getType().getDimSize(1);
  return (axis == 1 && hasGroups) || (axis == 2 && getCausal());
}

/// Which input channels an output channel reads follows from its place where there are groups.
template <typename OpTy> static bool mixesGroups(OpTy op, int64_t axis) {
  int64_t channel = op.getChannelsLast() ? op.getInput().getType().getRank() - 1 : 1;
  return axis == channel && op.getGroups() != 1;
}
bool ConvOp::mixesAlong(int64_t axis) { return mixesGroups(*this, axis); }
bool ConvTransposeOp::mixesAlong(int64_t axis) { return mixesGroups(*this, axis); }

/// Blocks that share a scale begin at the first position.
template <typename OpTy> static bool mixesBlocks(OpTy op, int64_t axis) {
  ArrayRef<int64_t> scales = shapeOf(op.getScale()), shape = shapeOf(op.getInput());
  bool isTensor = tensorType(op.getScale()).getNumElements() == 1;
  bool isAxis = scales.size() == 1 && op.getAxis() < shape.size() && scales[0] == shape[op.getAxis()];
  return !isTensor && !isAxis && scales[axis] != 1;
}
bool QuantizeOp::mixesAlong(int64_t axis) { return mixesBlocks(*this, axis); }
bool DequantizeOp::mixesAlong(int64_t axis) { return mixesBlocks(*this, axis); }

} // namespace fettle::nn
