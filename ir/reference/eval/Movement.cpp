//===- Movement.cpp - ops that move whole boxes of elements ---------------===//

#include "ir/reference/eval/Eval.h"
#include "ir/reference/eval/Strided.h"
#include <cstring>

using namespace mlir;

namespace fettle::reference {

Results evaluateOp(nn::ReshapeOp op, Operands operands) {
  return {operands[0].reshaped(op.getOutput().getType().getShape())};
}

Results evaluateOp(nn::TransposeOp op, Operands operands) {
  Shape own = contiguousStrides(operands[0].shape()), strides;
  for (int64_t axis : op.getPerm())
    strides.push_back(own[axis]);
  return {readStrided(operands[0], 0, strides, op.getOutput().getType())};
}

Results evaluateOp(nn::BroadcastOp op, Operands operands) {
  RankedTensorType type = op.getOutput().getType();
  return {readStrided(operands[0], 0, broadcastStrides(operands[0].shape(), type.getShape()), type)};
}

Results evaluateOp(nn::ConcatOp op, Operands operands) {
  HostTensor result(op.getOutput().getType());
  Shape strides = contiguousStrides(result.shape());
  int64_t axis = op.getAxis(), position = 0;
  for (const HostTensor &input : operands) {
    copyStrided(input, 0, contiguousStrides(input.shape()), result, position * strides[axis], strides, input.shape());
    position += input.shape()[axis];
  }
  return {result};
}

Results evaluateOp(nn::SliceOp op, Operands operands) {
  Shape strides = contiguousStrides(operands[0].shape());
  RankedTensorType type = op.getOutput().getType();
  if (type.getNumElements() == 0)
    return {HostTensor(type)};
  int64_t offset = 0;
  for (size_t axis = 0; axis < strides.size(); ++axis) {
    offset += op.getStarts()[axis] * strides[axis];
    // The step of an axis of one element is never taken, and may be huge.
    strides[axis] = type.getDimSize(axis) == 1 ? 0 : strides[axis] * op.getSteps()[axis];
  }
  return {readStrided(operands[0], offset, strides, type)};
}

/// Where position `i` of a padded axis reads the input; -1 in mode constant's padding.
static int64_t padSource(nn::PadMode mode, int64_t i, int64_t low, int64_t extent) {
  int64_t at = i - low;
  if (at >= 0 && at < extent)
    return at;
  switch (mode) {
  case nn::PadMode::constant:
    return -1;
  case nn::PadMode::edge:
    return at < 0 ? 0 : extent - 1;
  case nn::PadMode::reflect:
    return at < 0 ? -at : 2 * (extent - 1) - at;
  case nn::PadMode::wrap:
    return ((at % extent) + extent) % extent;
  }
  llvm_unreachable("all modes are handled");
}

Results evaluateOp(nn::PadOp op, Operands operands) {
  const HostTensor &input = operands[0];
  HostTensor result(op.getOutput().getType());
  int64_t size = elementBytes(result.elementType());
  char *to = result.mutableBytes().data();
  if (op.getMode() == nn::PadMode::constant) {
    if (const HostTensor *value = optionalOperand(op, operands, 1))
      for (int64_t i = 0, end = result.numElements(); i < end; ++i)
        std::memcpy(to + i * size, value->bytes().data(), size);
    Shape strides = contiguousStrides(result.shape());
    int64_t offset = 0;
    for (size_t axis = 0; axis < strides.size(); ++axis)
      offset += op.getLow()[axis] * strides[axis];
    copyStrided(input, 0, contiguousStrides(input.shape()), result, offset, strides, input.shape());
    return {result};
  }
  Shape strides = contiguousStrides(input.shape()), extents = contiguousStrides(result.shape());
  for (int64_t i = 0, end = result.numElements(); i < end; ++i) {
    int64_t from = 0, rest = i;
    for (size_t axis = 0; axis < strides.size(); ++axis) {
      from += padSource(op.getMode(), rest / extents[axis], op.getLow()[axis], input.shape()[axis]) * strides[axis];
      rest %= extents[axis];
    }
    std::memcpy(to + i * size, input.bytes().data() + from * size, size);
  }
  return {result};
}

Results evaluateOp(nn::TileOp op, Operands operands) {
  // Seen as [repeats0, extent0, repeats1, extent1...], tiling is a broadcast.
  HostTensor result(op.getOutput().getType());
  Shape own = contiguousStrides(operands[0].shape()), shape, strides;
  for (size_t axis = 0; axis < own.size(); ++axis) {
    shape.append({op.getRepeats()[axis], operands[0].shape()[axis]});
    strides.append({0, own[axis]});
  }
  copyStrided(operands[0], 0, strides, result, 0, contiguousStrides(shape), shape);
  return {result};
}

} // namespace fettle::reference
