//===- Reduction.cpp - sums and the like along axes -----------------------===//

#include "ir/reference/eval/Elements.h"
#include "ir/reference/eval/Eval.h"
#include "ir/reference/eval/Rows.h"
#include <cmath>

using namespace mlir;
using fettle::nn::ReduceKind;

namespace fettle::reference {

/// The input seen as [kept axes][reduced axes]: where each reduction starts, and
/// the offset of each of its elements from there.
struct Groups {
  std::vector<int64_t> starts, offsets;
};

static Groups groupsOf(ArrayRef<int64_t> shape, ArrayRef<int64_t> axes) {
  Shape strides = contiguousStrides(shape), kept, keptStrides, reduced, reducedStrides;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    bool isReduced = llvm::is_contained(axes, int64_t(axis));
    (isReduced ? reduced : kept).push_back(shape[axis]);
    (isReduced ? reducedStrides : keptStrides).push_back(strides[axis]);
  }
  auto offsets = [](ArrayRef<int64_t> shape, const Shape &strides) {
    std::vector<int64_t> result;
    result.reserve(countElements(shape));
    forEachIndex(shape, std::array<Shape, 1>{strides},
                 [&](int64_t, const std::array<int64_t, 1> &at) { result.push_back(at[0]); });
    return result;
  };
  return {offsets(kept, keptStrides), offsets(reduced, reducedStrides)};
}

/// The reduction of `count` values at(0), at(1)...
template <typename At> static double reduce(ReduceKind kind, int64_t count, At at) {
  auto sum = [&](auto term) {
    double total = 0;
    for (int64_t i = 0; i < count; ++i)
      total += term(at(i));
    return total;
  };
  auto greatest = [&](auto key) {
    double best = -HUGE_VAL;
    for (int64_t i = 0; i < count; ++i) {
      double x = key(at(i));
      best = std::isnan(x) || x > best ? x : best;
      if (std::isnan(x))
        break;
    }
    return best;
  };
  auto self = [](double x) { return x; };
  switch (kind) {
  case ReduceKind::sum:
    return sum(self);
  case ReduceKind::mean:
    return sum(self) / double(count);
  case ReduceKind::prod: {
    double product = 1;
    for (int64_t i = 0; i < count; ++i)
      product *= at(i);
    return product;
  }
  case ReduceKind::max:
    return greatest(self);
  case ReduceKind::min:
    return -greatest([](double x) { return -x; });
  case ReduceKind::l1:
    return sum([](double x) { return std::fabs(x); });
  case ReduceKind::l2:
    return std::sqrt(sum([](double x) { return x * x; }));
  case ReduceKind::log_sum:
    return std::log(sum(self));
  case ReduceKind::log_sum_exp: {
    // Scaled by the greatest term, which therefore cannot overflow.
    double best = greatest(self);
    if (!std::isfinite(best))
      return best;
    return best + std::log(sum([&](double x) { return std::exp(x - best); }));
  }
  case ReduceKind::sum_square:
    return sum([](double x) { return x * x; });
  }
  llvm_unreachable("all kinds are handled");
}

/// `value` as the element type holds it.
template <typename T> static T wrap(T value, Type element) {
  unsigned spare = 64 - element.getIntOrFloatBitWidth();
  return T(T(uint64_t(value) << spare) >> spare);
}

/// Modulo 2^64; the mean is the sum as the type holds it, divided with truncation, and 0 of nothing.
template <typename T, typename At> static T reduceIntegers(ReduceKind kind, int64_t count, Type element, At at) {
  T result = kind == ReduceKind::prod  ? T(1)
             : kind == ReduceKind::max ? T(lowestInteger(element))
             : kind == ReduceKind::min ? T(highestInteger(element))
                                       : T(0);
  for (int64_t i = 0; i < count; ++i) {
    T x = T(at(i));
    uint64_t bits = uint64_t(x);
    switch (kind) {
    case ReduceKind::prod:
      result = T(uint64_t(result) * bits);
      break;
    case ReduceKind::max:
      result = std::max(result, x);
      break;
    case ReduceKind::min:
      result = std::min(result, x);
      break;
    case ReduceKind::l1:
      result = T(uint64_t(result) + (x < 0 ? -bits : bits));
      break;
    case ReduceKind::sum_square:
      result = T(uint64_t(result) + bits * bits);
      break;
    default: // sum, mean
      result = T(uint64_t(result) + bits);
    }
  }
  if (kind == ReduceKind::mean)
    result = count ? T(wrap(result, element) / T(count)) : T(0);
  return result;
}

Results evaluateOp(nn::ReduceOp op, Operands operands) {
  const HostTensor &input = operands[0];
  HostTensor result(op.getOutput().getType());
  Groups groups = groupsOf(input.shape(), op.getAxes());
  int64_t count = groups.offsets.size();
  if (isFloat(input)) {
    DoubleReader read(input);
    DoubleWriter write(result);
    for (size_t g = 0; g < groups.starts.size(); ++g)
      write.set(g, reduce(op.getKind(), count, [&](int64_t i) { return read[groups.starts[g] + groups.offsets[i]]; }));
    return {result};
  }
  IntegerReader read(input);
  IntegerWriter write(result);
  Type element = input.elementType();
  for (size_t g = 0; g < groups.starts.size(); ++g) {
    auto at = [&](int64_t i) { return read[groups.starts[g] + groups.offsets[i]]; };
    write.set(g, element.isUnsignedInteger() ? int64_t(reduceIntegers<uint64_t>(op.getKind(), count, element, at))
                                             : reduceIntegers<int64_t>(op.getKind(), count, element, at));
  }
  return {result};
}

Results evaluateOp(nn::CumSumOp op, Operands operands) {
  const HostTensor &input = operands[0];
  HostTensor result(op.getOutput().getType());
  if (result.numElements() == 0)
    return {result};
  Rows rows(input.shape(), op.getAxis());
  bool exclusive = op.getExclusive(), reverse = op.getReverse();
  auto scan = [&](auto read, auto write, auto total) {
    for (int64_t row = 0; row < rows.count; ++row) {
      total = 0;
      for (int64_t i = 0; i < rows.length; ++i) {
        int64_t at = rows.start(row) + (reverse ? rows.length - 1 - i : i) * rows.stride;
        if (exclusive)
          write.set(at, total);
        total += read[at];
        if (!exclusive)
          write.set(at, total);
      }
    }
  };
  if (isFloat(input))
    scan(DoubleReader(input), DoubleWriter(result), double());
  else
    scan(IntegerReader(input), IntegerWriter(result), uint64_t());
  return {result};
}

} // namespace fettle::reference
