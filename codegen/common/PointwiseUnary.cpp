//===- PointwiseUnary.cpp - nn.unary on scalars and vectors ---------------===//

#include "codegen/common/PointwiseFamilies.h"
#include "codegen/common/VectorMath.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using fettle::nn::UnaryKind;

namespace fettle::codegen {

static Lanes call(Value (*function)(ImplicitLocOpBuilder &, Value), Lanes x) {
  return {x.builder(), function(x.builder(), x)};
}

static Lanes sigmoid(Lanes x) { return call(emitSigmoid, x); }

/// x tanh(softplus(x)) = x (e^2 + 2 e) / (e^2 + 2 e + 2) with e = exp(x); from 20 on it is x.
static Lanes mish(Lanes x) {
  Lanes e = call(emitExp, atMost(x, 20.0));
  Lanes n = e * (e + 2.0);
  return x * (n / (n + 2.0));
}

static Lanes gelu(Lanes x) {
  Lanes half = x * 0.5;
  return mulAdd(half, call(emitErf, x * 0.70710678118654752440), half);
}

static Lanes geluTanh(Lanes x) {
  Lanes half = x * 0.5;
  Lanes inner = x * mulAdd(x * x, 0.79788456080286535588 * 0.044715, 0.79788456080286535588);
  return mulAdd(half, call(emitTanh, inner), half);
}

static Lanes sign(Lanes x) {
  Lanes one = x.constant(1.0);
  Lanes result = select(x > 0.0, one, select(x < 0.0, -1.0, x.constant(0.0)));
  return select(isNan(x), x, result);
}

static Lanes isInfinite(Lanes x, bool positive, bool negative) {
  double infinity = std::numeric_limits<double>::infinity();
  if (positive && negative)
    return abs(x) == infinity;
  if (positive)
    return x == infinity;
  if (negative)
    return x == -infinity;
  return x.constant(0.0) != x.constant(0.0);
}

static Lanes emitFloatUnary(UnaryKind kind, Lanes x, double alpha, double beta) {
  Lanes zero = x.constant(0.0);
  switch (kind) {
  case UnaryKind::identity: return x;
  case UnaryKind::abs: return abs(x);
  case UnaryKind::neg: return -x;
  case UnaryKind::sign: return sign(x);
  case UnaryKind::reciprocal: return 1.0 / x;
  case UnaryKind::sqrt: return sqrt(x);
  case UnaryKind::rsqrt: return 1.0 / sqrt(x);
  case UnaryKind::exp: return call(emitExp, x);
  case UnaryKind::log: return call(emitLog, x);
  case UnaryKind::floor: return floor(x);
  case UnaryKind::ceil: return ceil(x);
  case UnaryKind::round: return roundEven(x);
  case UnaryKind::erf: return call(emitErf, x);
  case UnaryKind::sin: return call(emitSin, x);
  case UnaryKind::cos: return call(emitCos, x);
  case UnaryKind::tan: return call(emitTan, x);
  case UnaryKind::asin: return call(emitAsin, x);
  case UnaryKind::acos: return call(emitAcos, x);
  case UnaryKind::atan: return call(emitAtan, x);
  case UnaryKind::sinh: return call(emitSinh, x);
  case UnaryKind::cosh: return call(emitCosh, x);
  case UnaryKind::tanh: return call(emitTanh, x);
  case UnaryKind::asinh: return call(emitAsinh, x);
  case UnaryKind::acosh: return call(emitAcosh, x);
  case UnaryKind::atanh: return call(emitAtanh, x);
  case UnaryKind::sigmoid: return sigmoid(x);
  case UnaryKind::relu: return atLeast(x, 0.0);
  case UnaryKind::gelu: return gelu(x);
  case UnaryKind::gelu_tanh: return geluTanh(x);
  case UnaryKind::silu: return x / (call(emitExp, x * -alpha) + 1.0);
  case UnaryKind::hard_swish: return x * atMost(atLeast(mulAdd(x, 1.0 / 6.0, 0.5), 0.0), 1.0);
  case UnaryKind::hard_sigmoid: return atMost(atLeast(mulAdd(x, alpha, beta), 0.0), 1.0);
  case UnaryKind::leaky_relu: return select(x < zero, x * alpha, x);
  case UnaryKind::elu: return select(x < zero, call(emitExpMinusOne, x) * alpha, x);
  case UnaryKind::selu: return select(x < zero, call(emitExpMinusOne, x) * alpha, x) * beta;
  case UnaryKind::celu: return select(x < zero, call(emitExpMinusOne, x / alpha) * alpha, x);
  case UnaryKind::softplus: return call(emitSoftplus, x);
  case UnaryKind::softsign: return x / (abs(x) + 1.0);
  case UnaryKind::mish: return mish(x);
  case UnaryKind::thresholded_relu: return select(x > alpha, x, zero);
  case UnaryKind::shrink: return select(x < -alpha, x + beta, select(x > alpha, x - beta, zero));
  case UnaryKind::logical_not: return x == zero;
  case UnaryKind::bitwise_not: return (x.asBits() ^ x.asBits().integerConstant(-1)).asFloat();
  case UnaryKind::is_nan: return isNan(x);
  case UnaryKind::is_inf: return isInfinite(x, alpha != 0.0, beta != 0.0);
  }
  llvm_unreachable("all kinds covered");
}

Lanes emitUnary(UnaryKind kind, Lanes x, Type element, double alpha, double beta) {
  if (x.isFloat())
    return emitFloatUnary(kind, x, alpha, beta);
  bool isUnsigned = isUnsignedElement(element);
  Lanes zero = x.integerConstant(0);
  switch (kind) {
  case UnaryKind::identity:
  case UnaryKind::floor:
  case UnaryKind::ceil:
  case UnaryKind::round: return x;
  case UnaryKind::abs: return isUnsigned ? x : select(x < zero, -x, x);
  case UnaryKind::neg: return -x;
  case UnaryKind::sign: {
    Lanes one = x.integerConstant(1);
    if (isUnsigned)
      return select(x == zero, zero, one);
    return select(x > zero, one, x >> (x.width() - 1));
  }
  case UnaryKind::relu: return isUnsigned ? x : select(x > zero, x, zero);
  case UnaryKind::logical_not: return x == zero;
  case UnaryKind::bitwise_not: return x ^ x.integerConstant(-1);
  case UnaryKind::is_nan:
  case UnaryKind::is_inf: return x != x;
  default: {
    // The other kinds are functions of reals.
    Type wide = x.builder().getF64Type();
    return emitCast(emitFloatUnary(kind, emitCast(x, element, wide), alpha, beta), wide, element);
  }
  }
}

} // namespace fettle::codegen
