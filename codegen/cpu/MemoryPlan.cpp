//===- MemoryPlan.cpp - where every value lies at run time ----------------===//

#include "codegen/cpu/MemoryPlan.h"
#include "ir/nn/Nn.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <numeric>

using namespace mlir;

namespace fettle::codegen {

int64_t planArena(ArrayRef<LiveRange> ranges, MutableArrayRef<int64_t> offsets) {
  SmallVector<unsigned> order(ranges.size());
  std::iota(order.begin(), order.end(), 0u);
  // Ties by position: the plan must not depend on the sort.
  std::stable_sort(order.begin(), order.end(), [&](unsigned a, unsigned b) { return ranges[a].bytes > ranges[b].bytes; });
  int64_t total = 0;
  SmallVector<unsigned> placed; // sorted by offset
  for (unsigned i : order) {
    int64_t bytes = llvm::alignTo(ranges[i].bytes, 64), at = 0;
    for (unsigned other : placed) {
      if (ranges[other].last < ranges[i].first || ranges[other].first > ranges[i].last)
        continue;
      if (at + bytes <= offsets[other])
        break;
      at = std::max<int64_t>(at, offsets[other] + llvm::alignTo(ranges[other].bytes, 64));
    }
    offsets[i] = at;
    total = std::max(total, at + bytes);
    auto position = std::upper_bound(placed.begin(), placed.end(), at, [&](int64_t offset, unsigned p) { return offset < offsets[p]; });
    placed.insert(position, i);
  }
  return total;
}

int64_t largestLiveSet(ArrayRef<LiveRange> ranges) {
  // Bytes that begin and end to live, in the order of steps; at one step, what ends there still lives with what begins.
  SmallVector<std::pair<int64_t, int64_t>> changes;
  for (const LiveRange &range : ranges) {
    int64_t bytes = llvm::alignTo(range.bytes, 64);
    changes.push_back({range.first, bytes});
    changes.push_back({range.last + 1, -bytes});
  }
  llvm::sort(changes); // at one step, what ended before goes first: negative
  int64_t live = 0, largest = 0;
  for (auto [step, bytes] : changes)
    largest = std::max(largest, live += bytes);
  return largest;
}

Value storageRoot(Value value) {
  while (auto reshape = value.getDefiningOp<nn::ReshapeOp>())
    value = reshape.getInput();
  return value;
}

static int64_t byteSize(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  return type.getNumElements() * elementBytes(type.getElementType());
}

MemoryPlan planMemory(func::FuncOp function) {
  MemoryPlan plan;
  DenseMap<Value, BufferReference> roots;
  for (BlockArgument argument : function.getArguments())
    roots[argument] = {BufferReference::Input, argument.getArgNumber(), 0};
  Operation *end = function.getBody().front().getTerminator();
  for (OpOperand &result : end->getOpOperands())
    roots.try_emplace(storageRoot(result.get()), BufferReference{BufferReference::Output, result.getOperandNumber(), 0});

  DenseMap<Value, unsigned> rangeOf;
  SmallVector<LiveRange> ranges;
  SmallVector<Value> values;
  int64_t step = 0;
  for (Operation &op : function.getBody().front()) {
    if (!isa<nn::KernelOp>(op))
      continue;
    for (Value operand : op.getOperands())
      if (auto it = rangeOf.find(storageRoot(operand)); it != rangeOf.end())
        ranges[it->second].last = step;
    for (Value result : op.getResults()) {
      if (roots.count(result))
        continue;
      rangeOf[result] = ranges.size();
      ranges.push_back({byteSize(result), step, step});
      values.push_back(result);
    }
    ++step;
  }
  SmallVector<int64_t> offsets(ranges.size());
  plan.arenaBytes = planArena(ranges, offsets);
  plan.largestLiveBytes = largestLiveSet(ranges);
  for (auto [value, offset] : llvm::zip(values, offsets))
    roots[value] = {BufferReference::Arena, 0, offset};
  for (Operation &op : function.getBody().front())
    for (Value result : op.getResults())
      if (auto it = roots.find(storageRoot(result)); it != roots.end())
        plan.buffers[result] = it->second;
  for (BlockArgument argument : function.getArguments())
    plan.buffers[argument] = roots[argument];
  return plan;
}

} // namespace fettle::codegen
