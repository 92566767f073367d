//===- Binary.cpp - elementwise functions of two tensors ------------------===//

#include "ir/reference/eval/Elements.h"
#include "ir/reference/eval/Eval.h"
#include "ir/reference/eval/Strided.h"
#include <cmath>

using namespace mlir;
using fettle::nn::BinaryKind;

namespace fettle::reference {

/// The remainder with the sign of the divisor.
static double floorModulo(double x, double y) {
  double remainder = std::fmod(x, y);
  return remainder != 0 && (remainder < 0) != (y < 0) ? remainder + y : remainder;
}

static double apply(BinaryKind kind, double x, double y) {
  switch (kind) {
  case BinaryKind::add:
    return x + y;
  case BinaryKind::sub:
    return x - y;
  case BinaryKind::mul:
    return x * y;
  case BinaryKind::div:
    return x / y;
  case BinaryKind::mod:
    return floorModulo(x, y);
  case BinaryKind::fmod:
    return std::fmod(x, y);
  case BinaryKind::pow:
    return std::pow(x, y);
  case BinaryKind::min:
    return std::isnan(x) ? x : std::isnan(y) ? y : std::fmin(x, y);
  case BinaryKind::max:
    return std::isnan(x) ? x : std::isnan(y) ? y : std::fmax(x, y);
  case BinaryKind::prelu:
    return x < 0 ? x * y : x;
  default:
    llvm_unreachable("not defined on floats");
  }
}

/// x to the power y modulo 2^64. A negative power is the truncated reciprocal
/// (0 unless x is 1 or -1).
static uint64_t power(uint64_t x, int64_t y, bool yIsUnsigned64) {
  if (y < 0 && !yIsUnsigned64)
    return x == 1 ? 1 : x == ~uint64_t(0) ? (y & 1 ? x : 1) : 0;
  uint64_t result = 1;
  for (uint64_t exponent = uint64_t(y); exponent; exponent >>= 1, x *= x)
    if (exponent & 1)
      result *= x;
  return result;
}

/// Integers of `width` bits, sign- or zero-extended. `div`, `mod` and `fmod` by
/// zero give 0; shifts by the width or more shift everything out.
template <typename T> static int64_t applyToInteger(BinaryKind kind, T x, T y, unsigned width) {
  bool isSigned = std::is_signed_v<T>;
  switch (kind) {
  case BinaryKind::add:
    return int64_t(uint64_t(x) + uint64_t(y));
  case BinaryKind::sub:
    return int64_t(uint64_t(x) - uint64_t(y));
  case BinaryKind::mul:
    return int64_t(uint64_t(x) * uint64_t(y));
  case BinaryKind::div:
    // -1 is apart because the quotient of the least value overflows.
    return y == 0 ? 0 : isSigned && y == T(-1) ? int64_t(-uint64_t(x)) : int64_t(x / y);
  case BinaryKind::mod: {
    T remainder = y == 0 || (isSigned && y == T(-1)) ? T(0) : T(x % y);
    return int64_t(remainder != 0 && (remainder < 0) != (y < 0) ? T(remainder + y) : remainder);
  }
  case BinaryKind::fmod:
    return y == 0 || (isSigned && y == T(-1)) ? 0 : int64_t(x % y);
  case BinaryKind::pow:
    return int64_t(power(uint64_t(x), int64_t(y), !isSigned));
  case BinaryKind::min:
    return int64_t(std::min(x, y));
  case BinaryKind::max:
    return int64_t(std::max(x, y));
  case BinaryKind::prelu:
    return x < 0 ? int64_t(uint64_t(x) * uint64_t(y)) : int64_t(x);
  case BinaryKind::logical_and:
  case BinaryKind::bitwise_and:
    return int64_t(x & y);
  case BinaryKind::logical_or:
  case BinaryKind::bitwise_or:
    return int64_t(x | y);
  case BinaryKind::logical_xor:
  case BinaryKind::bitwise_xor:
    return int64_t(x ^ y);
  case BinaryKind::shift_left:
    return uint64_t(y) >= width ? 0 : int64_t(uint64_t(x) << y);
  case BinaryKind::shift_right:
    return uint64_t(y) >= width ? (x < 0 ? -1 : 0) : int64_t(x >> y);
  }
  llvm_unreachable("all kinds are handled");
}

Results evaluateOp(nn::BinaryOp op, Operands operands) {
  const HostTensor &lhs = operands[0], &rhs = operands[1];
  HostTensor result(op.getOutput().getType());
  BinaryKind kind = op.getKind();
  std::array<Shape, 2> strides = {broadcastStrides(lhs.shape(), result.shape()),
                                  broadcastStrides(rhs.shape(), result.shape())};
  auto forEach = [&](auto body) {
    forEachIndex(result.shape(), strides, [&](int64_t i, const std::array<int64_t, 2> &at) { body(i, at[0], at[1]); });
  };
  if (isFloat(lhs)) {
    DoubleReader x(lhs), y(rhs);
    DoubleWriter write(result);
    forEach([&](int64_t i, int64_t a, int64_t b) { write.set(i, apply(kind, x[a], y[b])); });
    return {result};
  }
  IntegerReader x(lhs);
  IntegerWriter write(result);
  if (isFloat(rhs)) { // an integer to a real power, truncated
    DoubleReader base(lhs), y(rhs);
    forEach([&](int64_t i, int64_t a, int64_t b) {
      write.set(i, saturate(std::pow(base[a], y[b]), result.elementType()));
    });
    return {result};
  }
  IntegerReader y(rhs);
  unsigned width = lhs.elementType().getIntOrFloatBitWidth();
  if (kind == BinaryKind::pow)
    forEach([&](int64_t i, int64_t a, int64_t b) {
      write.set(i, int64_t(power(uint64_t(x[a]), y[b], isUnsigned64(rhs))));
    });
  else if (isUnsigned64(lhs))
    forEach([&](int64_t i, int64_t a, int64_t b) { write.set(i, applyToInteger<uint64_t>(kind, x[a], y[b], width)); });
  else
    forEach([&](int64_t i, int64_t a, int64_t b) { write.set(i, applyToInteger<int64_t>(kind, x[a], y[b], width)); });
  return {result};
}

} // namespace fettle::reference
