//===- DropUnreadTokens.cpp - computes only what is read ------------------===//

#include "passes/tokens/Passes.h"
#include "passes/tokens/SplitProducts.h"
#include <map>

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

#define GEN_PASS_DEF_DROPUNREADTOKENSPASS
#include "passes/tokens/Passes.h.inc"

namespace {

static SmallVector<int64_t> sizesOf(ArrayRef<Range> box) {
  return llvm::map_to_vector(box, [](Range range) { return range.size(); });
}

/// Rewrites ops, in program order, to compute the ranges that are read.
class Narrowing {
public:
  explicit Narrowing(const ReadRanges &ranges) : ranges(ranges) {}

  void rewrite(Operation *op) {
    bool readsNarrowed = llvm::any_of(op->getOperands(), [&](Value operand) { return narrowed.contains(operand); });
    if (!ranges.isNarrowed(op) && !readsNarrowed)
      return;
    OpBuilder builder(op);
    auto slice = dyn_cast<SliceOp>(op);
    Value part = slice ? rewriteSlice(builder, slice) : rewriteOther(builder, op);
    (ranges.isNarrowed(op) ? narrowed : whole)[op->getResult(0)] = part;
    replaced.push_back(op);
  }

  /// Removes the ops that were rewritten. Last: `ranges` asks them for their operands.
  void finish() {
    for (Operation *op : llvm::reverse(replaced)) {
      if (Value same = whole.lookup(op->getResult(0)))
        op->getResult(0).replaceAllUsesWith(same);
      op->erase();
    }
  }

private:
  Value current(Value value) const {
    Value part = narrowed.lookup(value);
    return part ? part : value;
  }

  /// `box` of `value`, which is computed at least so far.
  Value cut(OpBuilder &builder, Value value, ArrayRef<Range> box) {
    Box have = ranges.computed(value);
    Value from = current(value);
    if (have == box)
      return from;
    Value &known = cuts[{value.getAsOpaquePointer(), flatten(box)}];
    if (!known) {
      SmallVector<int64_t> starts, steps(box.size(), 1);
      for (auto [range, whole] : llvm::zip_equal(box, have))
        starts.push_back(range.begin - whole.begin);
      known = SliceOp::create(builder, value.getLoc(), from, starts, sizesOf(box), steps).getOutput();
    }
    return known;
  }

  static SmallVector<int64_t> flatten(ArrayRef<Range> box) {
    SmallVector<int64_t> numbers;
    for (Range range : box)
      numbers.append({range.begin, range.end});
    return numbers;
  }

  Value rewriteSlice(OpBuilder &builder, SliceOp op) {
    OpOperand &operand = op.getInputMutable();
    Box box = ranges.computed(op.getOutput()), have = ranges.computed(operand.get());
    Value from = current(operand.get());
    if (isWindow(op) && ranges.readBy(operand) == have)
      return from;
    SmallVector<int64_t> starts;
    for (auto [axis, range] : llvm::enumerate(box))
      starts.push_back(op.getStarts()[axis] + range.begin * op.getSteps()[axis] - have[axis].begin);
    return SliceOp::create(builder, op.getLoc(), from, starts, sizesOf(box), op.getSteps()).getOutput();
  }

  Value rewriteOther(OpBuilder &builder, Operation *op) {
    SmallVector<Value> operands;
    for (OpOperand &operand : op->getOpOperands())
      operands.push_back(cut(builder, operand.get(), ranges.readBy(operand)));
    OperationState state(op->getLoc(), op->getName());
    state.addOperands(operands);
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    state.addTypes(type.clone(sizesOf(ranges.computed(op->getResult(0)))));
    state.attributes = op->getAttrs();
    return builder.create(state)->getResult(0);
  }

  const ReadRanges &ranges;
  llvm::DenseMap<Value, Value> narrowed; ///< old value to what is computed of it now
  llvm::DenseMap<Value, Value> whole;    ///< slices that stay whole to what gives them now
  std::map<std::pair<void *, SmallVector<int64_t>>, Value> cuts;
  SmallVector<Operation *> replaced;
};

struct DropUnreadTokens : impl::DropUnreadTokensPassBase<DropUnreadTokens> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (!llvm::hasSingleElement(function.getBody()))
      return;
    // Twice at most: the parts of a product are read in equal rows.
    std::optional<ReadRanges> ranges(std::in_place, function);
    if (splitProducts(function, *ranges))
      ranges.emplace(function);
    Narrowing narrowing(*ranges);
    for (Operation &op : llvm::make_early_inc_range(function.front()))
      narrowing.rewrite(&op);
    narrowing.finish();
  }
};

} // namespace

} // namespace fettle
