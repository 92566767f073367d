//===- ReadRanges.cpp - which part of each value is read ------------------===//

#include "passes/tokens/ReadRanges.h"
#include "llvm/ADT/EquivalenceClasses.h"

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

static ArrayRef<int64_t> shapeOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

Box wholeBox(Value value) {
  Box box;
  for (int64_t extent : shapeOf(value))
    box.push_back({0, extent});
  return box;
}

int64_t numElements(ArrayRef<Range> box) {
  int64_t count = 1; // no more than the tensor has, so that it fits
  for (Range range : box)
    count *= range.size();
  return count;
}

namespace {

/// The axes of one op's operands that hold the same positions as an axis of its result.
class AlignedAxes {
public:
  explicit AlignedAxes(Operation *op) : op(op) {
    auto facts = dyn_cast<NnOpInterface>(op);
    // Ties name values: where one value is two operands, they say which only if all operands are alike.
    if (!facts || op->getNumResults() != 1 || (hasRepeatedOperand(op) && !isa<BinaryOp, CompareOp, SelectOp, ConcatOp>(op)))
      return;
    for (AxisTie tie : facts.getAxisTies())
      classes.unionSets({tie.a.getAsOpaquePointer(), tie.axisA}, {tie.b.getAsOpaquePointer(), tie.axisB});
    Value result = op->getResult(0);
    for (int64_t axis = 0; axis < int64_t(shapeOf(result).size()); ++axis)
      if (!facts.mixesAlong(axis) && isAligned(result, axis))
        aligned.push_back(axis);
  }

  /// Axes of the result whose positions can be computed apart.
  ArrayRef<int64_t> axes() const { return aligned; }

  /// The axis of `operand` with the positions of such an axis; none if all of them read all of the operand.
  std::optional<int64_t> axisOf(Value operand, int64_t resultAxis) const {
    for (int64_t axis = 0; axis < int64_t(shapeOf(operand).size()); ++axis)
      if (areTied(operand, axis, op->getResult(0), resultAxis))
        return axis;
    return std::nullopt;
  }

private:
  using Axis = std::pair<void *, int64_t>;

  static bool hasRepeatedOperand(Operation *op) {
    llvm::SmallDenseSet<Value, 8> seen;
    return llvm::any_of(op->getOperands(), [&](Value operand) { return !seen.insert(operand).second; });
  }

  bool areTied(Value a, int64_t axisA, Value b, int64_t axisB) const {
    return classes.isEquivalent({a.getAsOpaquePointer(), axisA}, {b.getAsOpaquePointer(), axisB});
  }

  /// One axis of the result and at most one of each operand, and of one extent.
  bool isAligned(Value result, int64_t axis) const {
    int64_t extent = shapeOf(result)[axis];
    for (int64_t other = 0; other < int64_t(shapeOf(result).size()); ++other)
      if (other != axis && areTied(result, other, result, axis))
        return false;
    bool isTied = false;
    for (Value operand : op->getOperands()) {
      int64_t count = 0;
      for (auto [operandAxis, operandExtent] : llvm::enumerate(shapeOf(operand))) {
        if (!areTied(operand, operandAxis, result, axis))
          continue;
        if (++count > 1 || operandExtent != extent)
          return false;
        isTied = true;
      }
    }
    return isTied;
  }

  Operation *op;
  llvm::EquivalenceClasses<Axis> classes;
  SmallVector<int64_t> aligned;
};

} // namespace

/// What a slice reads to give `box` of its result.
static Box readBySlice(SliceOp op, ArrayRef<Range> box) {
  Box result;
  for (auto [axis, range] : llvm::enumerate(box)) {
    int64_t start = op.getStarts()[axis], step = op.getSteps()[axis];
    int64_t first = start + range.begin * step, last = start + (range.end - 1) * step;
    result.push_back({std::min(first, last), std::max(first, last) + 1});
  }
  return result;
}

/// What `op` can compute when `box` of its result is wanted: no less.
static Box computable(Operation *op, ArrayRef<Range> box) {
  if (isa<SliceOp>(op))
    return Box(box);
  Box result = wholeBox(op->getResult(0));
  AlignedAxes aligned(op);
  for (int64_t axis : aligned.axes())
    result[axis] = box[axis];
  return result;
}

/// What `op` reads of an operand to give `box` of its result.
static Box readOf(Operation *op, Value operand, ArrayRef<Range> box) {
  if (auto slice = dyn_cast<SliceOp>(op))
    return readBySlice(slice, box);
  AlignedAxes aligned(op);
  Box result = wholeBox(operand);
  for (int64_t axis : aligned.axes())
    if (std::optional<int64_t> operandAxis = aligned.axisOf(operand, axis))
      result[*operandAxis] = box[axis];
  return result;
}

ReadRanges::ReadRanges(func::FuncOp function) {
  do
    walk(function);
  while (refuseIdle(function));
}

Box ReadRanges::computed(Value value) const {
  Operation *op = value.getDefiningOp();
  return op && narrowed.contains(op) ? read.lookup(value) : wholeBox(value);
}

Box ReadRanges::readBy(OpOperand &operand) const {
  Operation *op = operand.getOwner();
  bool hasBox = op->getNumResults() == 1 && (narrowed.contains(op) || isa<SliceOp>(op));
  return hasBox ? readOf(op, operand.get(), computed(op->getResult(0))) : wholeBox(operand.get());
}

/// Sets `read` and `narrowed`, given `refused`. `read` of what a narrowed op gives is what it can compute.
void ReadRanges::walk(func::FuncOp function) {
  read.clear();
  narrowed.clear();
  for (Operation &op : llvm::reverse(function.front())) {
    bool hasResult = op.getNumResults() == 1 && isa<NnOpInterface>(op) && !isa<ConstantOp>(op);
    if (hasResult && !refused.contains(&op)) {
      Value result = op.getResult(0);
      auto entry = read.find(result);
      // Nothing is left out of what nobody reads, or only an empty slice: other passes remove it.
      if (entry != read.end() && numElements(wholeBox(result)) > 0) {
        Box box = computable(&op, entry->second);
        if (box != wholeBox(result)) {
          entry->second = box;
          narrowed.insert(&op);
        }
      }
    }
    for (OpOperand &operand : op.getOpOperands()) {
      if (!isa<RankedTensorType>(operand.get().getType()))
        continue;
      Box box = readBy(operand);
      auto [entry, isNew] = read.try_emplace(operand.get(), box);
      if (numElements(box) == 0)
        entry->second = wholeBox(operand.get());
      if (isNew)
        continue;
      for (auto [hull, range] : llvm::zip_equal(entry->second, box))
        hull = {std::min(hull.begin, range.begin), std::max(hull.end, range.end)};
    }
  }
}

bool isWindow(SliceOp op) {
  return llvm::all_of(llvm::zip_equal(op.getSteps(), op.getSizes()), [](auto axis) { return std::get<0>(axis) == 1 || std::get<1>(axis) == 1; });
}

/// Multiply-accumulates and elements to compute `box` of an op's result. A reshape is free, a slice counted as a copy.
static double workOf(Operation *op, ArrayRef<Range> box) {
  if (isa<ReshapeOp, SliceOp>(op))
    return 0;
  double whole = double(numElements(wholeBox(op->getResult(0)))), part = double(numElements(box));
  return part + double(cast<NnOpInterface>(op).getMacs()) * (part / whole);
}

/// Refuses narrowed ops that are joined by their values and gain nothing together. True if there were any.
bool ReadRanges::refuseIdle(func::FuncOp function) {
  llvm::EquivalenceClasses<Operation *> groups;
  llvm::DenseMap<Operation *, double> gains; // of a narrowed op by itself
  SmallVector<Operation *> ops; // in program order, so that the sums are the same in each run
  for (Operation &op : function.front()) {
    bool changes = narrowed.contains(&op);
    for (OpOperand &operand : op.getOpOperands()) {
      Operation *producer = operand.get().getDefiningOp();
      bool isShrunk = producer && narrowed.contains(producer);
      if (!changes && !isShrunk)
        continue;
      Operation *member = changes ? &op : producer;
      groups.insert(member);
      if (changes && isShrunk)
        groups.unionSets(&op, producer);
      // What is copied now, less what was: nothing of a constant, which is cut when the program is made.
      Box box = readBy(operand);
      auto slice = dyn_cast<SliceOp>(op);
      bool isCopy = box != computed(operand.get()) || (slice && !isWindow(slice));
      double now = isCopy && !isa_and_nonnull<ConstantOp>(producer) ? double(numElements(slice ? computed(slice) : box)) : 0;
      double before = slice ? double(numElements(wholeBox(slice))) : 0;
      gains[member] += before - now;
    }
    if (changes) {
      gains[&op] += workOf(&op, wholeBox(op.getResult(0))) - workOf(&op, computed(op.getResult(0)));
      ops.push_back(&op);
    }
  }
  llvm::DenseMap<Operation *, double> sums;
  for (Operation *op : ops)
    sums[groups.getLeaderValue(op)] += gains.lookup(op);
  size_t count = refused.size();
  for (Operation *op : ops)
    if (sums.lookup(groups.getLeaderValue(op)) <= 0)
      refused.insert(op);
  return refused.size() > count;
}

} // namespace fettle
