//===- Normalization.cpp - softmax and norms ------------------------------===//

#include "ir/reference/eval/Elements.h"
#include "ir/reference/eval/Eval.h"
#include "ir/reference/eval/Rows.h"
#include <cmath>

using namespace mlir;

namespace fettle::reference {

Results evaluateOp(nn::SoftmaxOp op, Operands operands) {
  HostTensor result(op.getOutput().getType());
  if (result.numElements() == 0)
    return {result};
  Rows rows(result.shape(), op.getAxis());
  DoubleReader read(operands[0]);
  DoubleWriter write(result);
  for (int64_t row = 0; row < rows.count; ++row) {
    int64_t start = rows.start(row);
    double greatest = -HUGE_VAL, total = 0;
    for (int64_t i = 0; i < rows.length; ++i)
      greatest = std::fmax(greatest, read[start + i * rows.stride]);
    for (int64_t i = 0; i < rows.length; ++i)
      total += std::exp(read[start + i * rows.stride] - greatest);
    for (int64_t i = 0; i < rows.length; ++i) {
      double x = read[start + i * rows.stride] - greatest;
      write.set(start + i * rows.stride, op.getLog() ? x - std::log(total) : std::exp(x) / total);
    }
  }
  return {result};
}

Results evaluateOp(nn::LayerNormOp op, Operands operands) {
  HostTensor result(op.getOutput().getType());
  ArrayRef<int64_t> shape = result.shape();
  int64_t length = countElements(shape.drop_front(op.getAxis()));
  int64_t count = countElements(shape.take_front(op.getAxis()));
  DoubleReader read(operands[0]);
  DoubleWriter write(result);
  // Scale and bias, each read at its own strides: 1 and 0 where they are absent.
  std::array<Shape, 2> strides = {Shape(shape.size(), 0), Shape(shape.size(), 0)};
  std::array<std::optional<DoubleReader>, 2> affine;
  for (unsigned i = 0; i < 2; ++i)
    if (const HostTensor *tensor = optionalOperand(op, operands, 1 + i)) {
      strides[i] = broadcastStrides(tensor->shape(), shape);
      affine[i].emplace(*tensor);
    }
  double epsilon = op.getEpsilon().convertToDouble();
  std::vector<double> means(count, 0), factors(count);
  for (int64_t row = 0; row < count && length > 0; ++row) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < length && !op.getRms(); ++i)
      sum += read[row * length + i];
    means[row] = sum / double(length);
    for (int64_t i = 0; i < length; ++i) {
      double x = read[row * length + i] - means[row];
      squares += x * x;
    }
    factors[row] = 1 / std::sqrt(squares / double(length) + epsilon);
  }
  forEachIndex(shape, strides, [&](int64_t i, const std::array<int64_t, 2> &at) {
    double x = (read[i] - means[i / length]) * factors[i / length];
    write.set(i, x * (affine[0] ? (*affine[0])[at[0]] : 1) + (affine[1] ? (*affine[1])[at[1]] : 0));
  });
  return {result};
}

Results evaluateOp(nn::BatchNormOp op, Operands operands) {
  HostTensor result(op.getOutput().getType());
  DoubleReader read(operands[0]), scale(operands[1]), bias(operands[2]), mean(operands[3]), variance(operands[4]);
  DoubleWriter write(result);
  double epsilon = op.getEpsilon().convertToDouble();
  int64_t channels = result.shape()[1], area = countElements(result.shape().drop_front(2));
  for (int64_t i = 0, end = result.numElements(); i < end; ++i) {
    int64_t c = i / area % channels;
    write.set(i, (read[i] - mean[c]) / std::sqrt(variance[c] + epsilon) * scale[c] + bias[c]);
  }
  return {result};
}

Results evaluateOp(nn::LrnOp op, Operands operands) {
  HostTensor result(op.getOutput().getType());
  DoubleReader read(operands[0]);
  DoubleWriter write(result);
  int64_t size = op.getSize(), channels = result.shape()[1], area = countElements(result.shape().drop_front(2));
  double alpha = op.getAlpha().convertToDouble(), beta = op.getBeta().convertToDouble();
  double bias = op.getBias().convertToDouble();
  for (int64_t i = 0, end = result.numElements(); i < end; ++i) {
    int64_t c = i / area % channels;
    int64_t first = std::max<int64_t>(0, c - (size - 1) / 2), last = std::min(channels - 1, c + size / 2);
    double squares = 0;
    for (int64_t k = first; k <= last; ++k) {
      double x = read[i + (k - c) * area];
      squares += x * x;
    }
    write.set(i, read[i] / std::pow(bias + alpha / double(size) * squares, beta));
  }
  return {result};
}

} // namespace fettle::reference
