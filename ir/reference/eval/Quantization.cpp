//===- Quantization.cpp - the rule ieee_f32 -------------------------------===//
//
// quantize: divide, round to nearest even, add the zero point, saturate.
// dequantize: subtract the zero point exactly, convert, multiply.
//
// Each step is one IEEE operation in f32 (f64 where scale or data are f64), in
// this order: compiled code on every target gives the same bits. NaN gives the
// integer 0.
//
//===----------------------------------------------------------------------===//

#include "ir/reference/eval/Elements.h"
#include "ir/reference/eval/Eval.h"
#include "ir/reference/eval/Strided.h"
#include <cmath>

using namespace mlir;

namespace fettle::reference {

/// For each element of a tensor of `shape`, the offset of its scale: one for
/// all, one per index of `axis`, or one per block.
static std::vector<int64_t> scaleOffsets(ArrayRef<int64_t> shape, ArrayRef<int64_t> scales, int64_t axis) {
  std::vector<int64_t> offsets(countElements(shape), 0);
  if (countElements(scales) == 1)
    return offsets;
  Shape strides = contiguousStrides(shape), scaleStrides(shape.size(), 0), blocks(shape.size(), 1);
  bool isAlongAxis = scales.size() == 1 && axis >= 0 && axis < int64_t(shape.size()) && scales[0] == shape[axis];
  if (isAlongAxis) {
    scaleStrides[axis] = 1;
  } else {
    scaleStrides = contiguousStrides(scales);
    for (size_t i = 0; i < shape.size(); ++i)
      blocks[i] = scales[i] ? shape[i] / scales[i] : 1;
  }
  for (size_t i = 0; i < offsets.size(); ++i)
    for (size_t a = 0; a < shape.size(); ++a)
      if (scaleStrides[a])
        offsets[i] += int64_t(i) / strides[a] % shape[a] / blocks[a] * scaleStrides[a];
  return offsets;
}

/// The offsets, or none where all elements have the same scale.
class ScaleIndex {
public:
  ScaleIndex(ArrayRef<int64_t> shape, ArrayRef<int64_t> scales, int64_t axis)
      : offsets(countElements(scales) == 1 ? std::vector<int64_t>() : scaleOffsets(shape, scales, axis)) {}
  int64_t operator[](int64_t i) const { return offsets.empty() ? 0 : offsets[i]; }

private:
  std::vector<int64_t> offsets;
};

static bool computesInDouble(Type a, Type b) { return a.isF64() || b.isF64(); }

Results evaluateOp(nn::QuantizeOp op, Operands operands) {
  const HostTensor &input = operands[0];
  const HostTensor *zeroPoint = optionalOperand(op, operands, 2);
  HostTensor result(op.getOutput().getType());
  Type element = result.elementType();
  DoubleReader read(input), scale(operands[1]);
  std::optional<IntegerReader> zero;
  if (zeroPoint)
    zero.emplace(*zeroPoint);
  IntegerWriter write(result);
  ScaleIndex index(input.shape(), operands[1].shape(), int64_t(op.getAxis()));
  bool isDouble = computesInDouble(input.elementType(), operands[1].elementType());
  for (int64_t i = 0, end = input.numElements(); i < end; ++i) {
    int64_t at = index[i], offset = zero ? (*zero)[at] : 0;
    double quotient = isDouble ? read[i] / scale[at] : double(float(read[i]) / float(scale[at]));
    // The sum of two integers; where f32 would round it, it saturates anyway.
    write.set(i, saturate(std::nearbyint(quotient) + double(offset), element));
  }
  return {result};
}

Results evaluateOp(nn::DequantizeOp op, Operands operands) {
  const HostTensor &input = operands[0];
  const HostTensor *zeroPoint = optionalOperand(op, operands, 2);
  HostTensor result(op.getOutput().getType());
  IntegerReader read(input);
  DoubleReader scale(operands[1]);
  std::optional<IntegerReader> zero;
  if (zeroPoint)
    zero.emplace(*zeroPoint);
  DoubleWriter write(result);
  ScaleIndex index(input.shape(), operands[1].shape(), int64_t(op.getAxis()));
  bool isDouble = computesInDouble(result.elementType(), operands[1].elementType());
  for (int64_t i = 0, end = input.numElements(); i < end; ++i) {
    int64_t at = index[i], steps = read[i] - (zero ? (*zero)[at] : 0);
    write.set(i, isDouble ? double(steps) * scale[at] : double(float(steps) * float(scale[at])));
  }
  return {result};
}

} // namespace fettle::reference
