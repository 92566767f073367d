//===- MatMul.cpp - matrix products and determinants ----------------------===//

#include "ir/reference/eval/Elements.h"
#include "ir/reference/eval/Eval.h"
#include "ir/reference/eval/Strided.h"
#include <cmath>

using namespace mlir;

namespace fettle::reference {

/// All elements in row-major order, as `Number` (double, or uint64_t whose
/// arithmetic is that of integers modulo 2^64).
template <typename Number> static std::vector<Number> readAll(const HostTensor &tensor) {
  std::vector<Number> values(tensor.numElements());
  auto fill = [&](auto read) {
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = Number(read[i]);
  };
  if constexpr (std::is_floating_point_v<Number>)
    fill(DoubleReader(tensor));
  else
    fill(IntegerReader(tensor));
  return values;
}

/// Swaps the last two axes of a stack of matrices with `rows` x `columns` each.
template <typename Number>
static std::vector<Number> transposed(const std::vector<Number> &from, int64_t rows, int64_t columns) {
  std::vector<Number> to(from.size());
  for (size_t matrix = 0; matrix < from.size(); matrix += rows * columns)
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j)
        to[matrix + j * rows + i] = from[matrix + i * columns + j];
  return to;
}

template <typename Number, typename Writer>
static void multiply(nn::MatMulOp op, Operands operands, HostTensor &result, Writer write) {
  const HostTensor &lhs = operands[0], &rhs = operands[1], *bias = optionalOperand(op, operands, 2);
  ArrayRef<int64_t> shape = result.shape();
  int64_t m = shape[shape.size() - 2], n = shape.back();
  int64_t k = op.getTransposeLhs() ? lhs.shape()[lhs.shape().size() - 2] : lhs.shape().back();
  std::vector<Number> a = readAll<Number>(lhs), b = readAll<Number>(rhs), c;
  if (int64_t zeroPoint = int64_t(op.getZeroPoint()))
    for (Number &element : a)
      element -= Number(zeroPoint);
  if (op.getTransposeLhs())
    a = transposed(a, k, m);
  if (op.getTransposeRhs())
    b = transposed(b, n, k);
  Shape biasStrides(shape.size(), 0);
  if (bias) {
    c = readAll<Number>(*bias);
    biasStrides = broadcastStrides(bias->shape(), shape);
  }
  ArrayRef<int64_t> batch = shape.drop_back(2);
  std::array<Shape, 3> strides = {broadcastStrides(lhs.shape().drop_back(2), batch),
                                  broadcastStrides(rhs.shape().drop_back(2), batch),
                                  Shape(ArrayRef<int64_t>(biasStrides).drop_back(2))};
  int64_t biasRow = biasStrides[shape.size() - 2], biasColumn = biasStrides.back();
  std::vector<Number> row(n);
  forEachIndex(batch, strides, [&](int64_t matrix, const std::array<int64_t, 3> &at) {
    for (int64_t i = 0; i < m; ++i) {
      std::fill(row.begin(), row.end(), Number(0));
      for (int64_t l = 0; l < k; ++l) {
        Number x = a[(at[0] * m + i) * k + l];
        const Number *y = &b[(at[1] * k + l) * n];
        for (int64_t j = 0; j < n; ++j)
          row[j] += x * y[j];
      }
      for (int64_t j = 0; j < n; ++j)
        write.set((matrix * m + i) * n + j, bias ? row[j] + c[at[2] + i * biasRow + j * biasColumn] : row[j]);
    }
  });
}

Results evaluateOp(nn::MatMulOp op, Operands operands) {
  HostTensor result(op.getOutput().getType());
  if (result.numElements() == 0)
    return {result};
  if (isFloat(result))
    multiply<double>(op, operands, result, DoubleWriter(result));
  else
    multiply<uint64_t>(op, operands, result, IntegerWriter(result));
  return {result};
}

/// Gaussian elimination with partial pivoting; destroys `a`, n x n.
static double determinant(std::vector<double> &a, int64_t n) {
  double product = 1;
  for (int64_t column = 0; column < n; ++column) {
    int64_t pivot = column;
    for (int64_t i = column + 1; i < n; ++i)
      if (std::fabs(a[i * n + column]) > std::fabs(a[pivot * n + column]))
        pivot = i;
    if (a[pivot * n + column] == 0)
      return 0;
    if (pivot != column) {
      std::swap_ranges(&a[pivot * n], &a[pivot * n] + n, &a[column * n]);
      product = -product;
    }
    product *= a[column * n + column];
    for (int64_t i = column + 1; i < n; ++i) {
      double factor = a[i * n + column] / a[column * n + column];
      for (int64_t j = column; j < n; ++j)
        a[i * n + j] -= factor * a[column * n + j];
    }
  }
  return product;
}

Results evaluateOp(nn::DetOp op, Operands operands) {
  HostTensor result(op.getOutput().getType());
  int64_t n = operands[0].shape().back();
  DoubleReader read(operands[0]);
  DoubleWriter write(result);
  std::vector<double> matrix(n * n);
  for (int64_t i = 0, end = result.numElements(); i < end; ++i) {
    for (int64_t j = 0; j < n * n; ++j)
      matrix[j] = read[i * n * n + j];
    write.set(i, determinant(matrix, n));
  }
  return {result};
}

} // namespace fettle::reference
