//===- Selection.cpp - comparisons and what depends on them ---------------===//

#include "ir/reference/eval/Elements.h"
#include "ir/reference/eval/Eval.h"
#include "ir/reference/eval/Strided.h"
#include <cmath>
#include <cstring>

using namespace mlir;
using fettle::nn::CompareKind;

namespace fettle::reference {

template <typename T> static bool compare(CompareKind kind, T x, T y) {
  switch (kind) {
  case CompareKind::eq:
    return x == y;
  case CompareKind::lt:
    return x < y;
  case CompareKind::le:
    return x <= y;
  case CompareKind::gt:
    return x > y;
  case CompareKind::ge:
    return x >= y;
  }
  llvm_unreachable("all kinds are handled");
}

Results evaluateOp(nn::ConstantOp op, Operands) { return {HostTensor::fromAttribute(op.getValue())}; }

Results evaluateOp(nn::CompareOp op, Operands operands) {
  const HostTensor &lhs = operands[0], &rhs = operands[1];
  HostTensor result(op.getOutput().getType());
  IntegerWriter write(result);
  CompareKind kind = op.getKind();
  std::array<Shape, 2> strides = {broadcastStrides(lhs.shape(), result.shape()),
                                  broadcastStrides(rhs.shape(), result.shape())};
  auto forEach = [&](auto test) {
    forEachIndex(result.shape(), strides,
                 [&](int64_t i, const std::array<int64_t, 2> &at) { write.set(i, test(at[0], at[1])); });
  };
  if (isFloat(lhs)) {
    DoubleReader x(lhs), y(rhs);
    forEach([&](int64_t a, int64_t b) { return compare(kind, x[a], y[b]); });
  } else {
    IntegerReader x(lhs), y(rhs);
    if (isUnsigned64(lhs))
      forEach([&](int64_t a, int64_t b) { return compare(kind, uint64_t(x[a]), uint64_t(y[b])); });
    else
      forEach([&](int64_t a, int64_t b) { return compare(kind, x[a], y[b]); });
  }
  return {result};
}

Results evaluateOp(nn::SelectOp op, Operands operands) {
  HostTensor result(op.getOutput().getType());
  std::array<Shape, 3> strides;
  for (int i = 0; i < 3; ++i)
    strides[i] = broadcastStrides(operands[i].shape(), result.shape());
  IntegerReader condition(operands[0]);
  int64_t size = elementBytes(result.elementType());
  char *to = result.mutableBytes().data();
  forEachIndex(result.shape(), strides, [&](int64_t i, const std::array<int64_t, 3> &at) {
    int chosen = condition[at[0]] ? 1 : 2;
    std::memcpy(to + i * size, operands[chosen].bytes().data() + at[chosen] * size, size);
  });
  return {result};
}

Results evaluateOp(nn::ClampOp op, Operands operands) {
  const HostTensor &input = operands[0];
  HostTensor result(op.getOutput().getType());
  double low = op.getLow().convertToDouble(), high = op.getHigh().convertToDouble();
  if (isFloat(input)) {
    DoubleReader read(input);
    DoubleWriter write(result);
    for (int64_t i = 0, end = input.numElements(); i < end; ++i) {
      double x = read[i];
      x = x < low ? low : x;
      write.set(i, x > high ? high : x);
    }
    return {result};
  }
  IntegerReader read(input);
  IntegerWriter write(result);
  int64_t least = saturate(low, input.elementType()), greatest = saturate(high, input.elementType());
  auto clampAs = [&](auto zero) {
    using T = decltype(zero);
    for (int64_t i = 0, end = input.numElements(); i < end; ++i)
      write.set(i, int64_t(std::min(std::max(T(read[i]), T(least)), T(greatest))));
  };
  if (isUnsigned64(input))
    clampAs(uint64_t());
  else
    clampAs(int64_t());
  return {result};
}

} // namespace fettle::reference
