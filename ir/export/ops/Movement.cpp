//===- Movement.cpp - ops that only move elements -------------------------===//

#include "ir/export/ExportTable.h"
#include <limits>

using namespace mlir;

namespace fettle {

static void writeReshape(NodeWriter &writer, nn::ReshapeOp op) {
  writer.setResult(writer.reshape(writer.term(op.getInput()), writer.resultType().getShape()));
}

static void writeTranspose(NodeWriter &writer, nn::TransposeOp op) {
  writer.setResult(writer.transpose(writer.term(op.getInput()), op.getPerm()));
}

static void writeBroadcast(NodeWriter &writer, nn::BroadcastOp op) {
  writer.setResult(writer.expand(writer.term(op.getInput()), writer.resultType().getShape()));
}

static void writeConcat(NodeWriter &writer, nn::ConcatOp op) {
  SmallVector<Term> inputs;
  for (Value input : op.getInputs())
    inputs.push_back(writer.term(input));
  writer.setResult(
      writer.move("Concat", inputs, writer.resultType().getShape(), Attributes().with("axis", int64_t(op.getAxis()))));
}

/// Only the axes that are cut are named. The end is one step behind the last element; before the first, where a
/// negative index would count from the back, it is the lowest number there is.
static void writeSlice(NodeWriter &writer, nn::SliceOp op) {
  Term input = writer.term(op.getInput());
  SmallVector<int64_t> starts, ends, axes, steps;
  for (int64_t axis = 0; axis < input.rank(); ++axis) {
    int64_t start = op.getStarts()[axis], size = op.getSizes()[axis], step = size > 1 ? op.getSteps()[axis] : 1;
    if (start == 0 && step == 1 && size == input.shape()[axis])
      continue;
    int64_t end = start + (size - 1) * step + (step > 0 ? 1 : -1);
    starts.push_back(start);
    ends.push_back(end < 0 ? std::numeric_limits<int64_t>::min() : end);
    axes.push_back(axis);
    steps.push_back(step);
  }
  if (axes.empty())
    return writer.setResult(input);
  SmallVector<Term> inputs = {input, writer.integers(starts), writer.integers(ends), writer.integers(axes)};
  if (llvm::any_of(steps, [](int64_t step) { return step != 1; }))
    inputs.push_back(writer.integers(steps));
  writer.setResult(writer.move("Slice", inputs, writer.resultType().getShape()));
}

/// Axis by axis, index i of the result is index (i - low) modulo the extent of the input.
static Term wrapByGather(NodeWriter &writer, Term input, ArrayRef<int64_t> low, ArrayRef<int64_t> high) {
  for (int64_t axis = 0; axis < input.rank(); ++axis) {
    if (low[axis] == 0 && high[axis] == 0)
      continue;
    SmallVector<int64_t> shape(input.shape()), indices;
    int64_t extent = shape[axis];
    shape[axis] += low[axis] + high[axis];
    for (int64_t i = 0; i < shape[axis]; ++i)
      indices.push_back(((i - low[axis]) % extent + extent) % extent);
    input = writer.move("Gather", {input, writer.integers(indices)}, shape, Attributes().with("axis", axis));
  }
  return input;
}

static void writePad(NodeWriter &writer, nn::PadOp op) {
  Term input = writer.term(op.getInput());
  ArrayRef<int64_t> low = op.getLow(), high = op.getHigh();
  if (op.getMode() == nn::PadMode::wrap && writer.opset < 19)
    return writer.setResult(wrapByGather(writer, input, low, high));
  SmallVector<int64_t> pads(low);
  pads.append(high.begin(), high.end());
  if (llvm::all_of(pads, [](int64_t pad) { return pad == 0; }))
    return writer.setResult(input);
  SmallVector<Term> inputs = {input, writer.integers(pads), writer.shaped(op.getValue(), {})};
  writer.setResult(writer.move("Pad", inputs, writer.resultType().getShape(),
                               Attributes().with("mode", nn::stringifyPadMode(op.getMode()))));
}

static void writeTile(NodeWriter &writer, nn::TileOp op) {
  writer.setResult(writer.move("Tile", {writer.term(op.getInput()), writer.integers(op.getRepeats())},
                               writer.resultType().getShape()));
}

/// The operator wants batch and time as the first two axes, in either order.
static void writeReverseSequence(NodeWriter &writer, nn::ReverseSequenceOp op) {
  Term input = writer.term(op.getInput()), lengths = writer.cast(writer.term(op.getLengths()), writer.i64());
  int64_t batch = op.getBatchAxis(), time = op.getTimeAxis();
  SmallVector<int64_t> perm = {time, batch}, inverse(input.rank());
  if (batch + time == 1)
    perm = {0, 1};
  for (int64_t axis = 0; axis < input.rank(); ++axis)
    if (!llvm::is_contained(perm, axis))
      perm.push_back(axis);
  for (auto [to, from] : llvm::enumerate(perm))
    inverse[from] = to;
  Term turned = writer.transpose(input, perm);
  Term reversed = writer.move("ReverseSequence", {turned, lengths}, turned.shape(),
                              Attributes().with("batch_axis", inverse[batch]).with("time_axis", inverse[time]));
  writer.setResult(writer.transpose(reversed, inverse));
}

ArrayRef<ExportEntry> movementExports() {
  static const ExportEntry table[] = {
      exportEntry<nn::ReshapeOp, writeReshape>(),     exportEntry<nn::TransposeOp, writeTranspose>(),
      exportEntry<nn::BroadcastOp, writeBroadcast>(), exportEntry<nn::ConcatOp, writeConcat>(),
      exportEntry<nn::SliceOp, writeSlice>(),         exportEntry<nn::PadOp, writePad>(),
      exportEntry<nn::TileOp, writeTile>(),           exportEntry<nn::ReverseSequenceOp, writeReverseSequence>(),
  };
  return table;
}

} // namespace fettle
