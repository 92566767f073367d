//===- StridedView.cpp - where the elements of a value lie ----------------===//

#include "codegen/common/StridedView.h"
#include "ir/nn/Nn.h"

using namespace mlir;

namespace fettle::codegen {

StridedView StridedView::contiguous(ArrayRef<int64_t> shape) {
  StridedView view;
  view.shape.assign(shape.begin(), shape.end());
  view.strides.resize(shape.size());
  int64_t stride = 1;
  for (int64_t i = shape.size(); i-- > 0; stride *= shape[i])
    view.strides[i] = stride;
  return view;
}

bool StridedView::isContiguous() const {
  int64_t expected = 1;
  for (int64_t i = rank(); i-- > 0; expected *= shape[i])
    if (shape[i] != 1 && strides[i] != expected)
      return false;
  return offset == 0;
}

// Both shapes are cut, from the left, into groups of equally many elements. In
// a group, the old axes must lie behind one another (stride of an axis = stride
// times extent of the next), so that they act as one axis, which the new axes split.
std::optional<StridedView> StridedView::reshaped(ArrayRef<int64_t> newShape) const {
  StridedView result;
  result.offset = offset;
  result.shape.assign(newShape.begin(), newShape.end());
  result.strides.assign(newShape.size(), 0);
  if (llvm::is_contained(shape, 0))
    return result;                               // nothing is ever read
  SmallVector<std::pair<int64_t, int64_t>> axes; // extent, stride; extents of 1 say nothing
  for (auto [extent, stride] : llvm::zip(shape, strides))
    if (extent != 1)
      axes.push_back({extent, stride});
  size_t from = 0;
  for (size_t to = 0; to < newShape.size();) {
    if (newShape[to] == 1) {
      ++to;
      continue;
    }
    if (from == axes.size())
      return std::nullopt;
    size_t first = to;
    int64_t have = axes[from].first, stride = axes[from].second, want = newShape[to++];
    ++from;
    while (have != want) {
      if (have < want) {
        if (from == axes.size() || stride != axes[from].first * axes[from].second)
          return std::nullopt;
        stride = axes[from].second;
        have *= axes[from++].first;
      } else {
        if (to == newShape.size())
          return std::nullopt;
        want *= newShape[to++];
      }
    }
    for (size_t i = to; i-- > first; stride *= newShape[i])
      result.strides[i] = newShape[i] == 1 ? 0 : stride;
  }
  return from == axes.size() ? std::optional(result) : std::nullopt;
}

StridedView StridedView::transposed(ArrayRef<int64_t> perm) const {
  StridedView result;
  result.offset = offset;
  for (int64_t axis : perm) {
    result.shape.push_back(shape[axis]);
    result.strides.push_back(strides[axis]);
  }
  return result;
}

StridedView StridedView::sliced(ArrayRef<int64_t> starts, ArrayRef<int64_t> sizes, ArrayRef<int64_t> steps) const {
  StridedView result = *this;
  for (int64_t i = 0; i < rank(); ++i) {
    result.offset += starts[i] * strides[i];
    result.shape[i] = sizes[i];
    result.strides[i] *= steps[i];
  }
  return result;
}

StridedView StridedView::broadcastTo(ArrayRef<int64_t> newShape) const {
  StridedView result;
  result.offset = offset;
  result.shape.assign(newShape.begin(), newShape.end());
  result.strides.assign(newShape.size(), 0);
  int64_t lead = int64_t(newShape.size()) - rank();
  for (int64_t i = 0; i < rank(); ++i)
    if (shape[i] != 1)
      result.strides[lead + i] = strides[i];
  return result;
}

bool isMovement(Operation *op) {
  return isa_and_nonnull<nn::ReshapeOp, nn::TransposeOp, nn::SliceOp, nn::BroadcastOp>(op);
}

static ArrayRef<int64_t> shapeOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

std::optional<StridedView> viewThrough(Operation *movement, const StridedView &input) {
  return llvm::TypeSwitch<Operation *, std::optional<StridedView>>(movement)
      .Case([&](nn::ReshapeOp op) { return input.reshaped(shapeOf(op.getOutput())); })
      .Case([&](nn::TransposeOp op) { return input.transposed(op.getPerm()); })
      .Case([&](nn::SliceOp op) { return input.sliced(op.getStarts(), op.getSizes(), op.getSteps()); })
      .Case([&](nn::BroadcastOp op) { return input.broadcastTo(shapeOf(op.getOutput())); })
      .Default([](Operation *) { return std::nullopt; });
}

ResolvedView resolveView(Value value) {
  // The chain is walked upward and then rebuilt from the top. Where a step has
  // no view, its result becomes the base.
  SmallVector<Operation *> chain;
  Value base = value;
  while (isMovement(base.getDefiningOp())) {
    chain.push_back(base.getDefiningOp());
    base = base.getDefiningOp()->getOperand(0);
  }
  ResolvedView resolved{base, StridedView::contiguous(shapeOf(base))};
  for (Operation *op : llvm::reverse(chain)) {
    if (std::optional<StridedView> next = viewThrough(op, resolved.view))
      resolved.view = *next;
    else
      resolved = {op->getResult(0), StridedView::contiguous(shapeOf(op->getResult(0)))};
  }
  return resolved;
}

std::optional<StridedView> resolveResultView(Value value, Value result) {
  StridedView view = StridedView::contiguous(shapeOf(result));
  while (result != value) {
    Operation *op = result.getDefiningOp();
    if (auto transpose = dyn_cast_or_null<nn::TransposeOp>(op)) {
      SmallVector<int64_t> inverse(transpose.getPerm().size());
      for (auto [to, from] : llvm::enumerate(transpose.getPerm()))
        inverse[from] = to;
      view = view.transposed(inverse);
    } else if (isa_and_nonnull<nn::ReshapeOp>(op)) {
      std::optional<StridedView> before = view.reshaped(shapeOf(op->getOperand(0)));
      if (!before)
        return std::nullopt;
      view = *before;
    } else {
      return std::nullopt;
    }
    result = op->getOperand(0);
  }
  return view;
}

} // namespace fettle::codegen
