//===- Unary.cpp - elementwise functions of one tensor --------------------===//

#include "ir/reference/eval/Activation.h"
#include "ir/reference/eval/Elements.h"
#include "ir/reference/eval/Eval.h"
#include <cmath>

using namespace mlir;
using fettle::nn::UnaryKind;

namespace fettle::reference {

double sigmoid(double x) { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }
double softplus(double x) { return std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x))) + (std::isnan(x) ? x : 0); }
double hardSigmoid(double x, double alpha, double beta) {
  double y = alpha * x + beta;
  return y < 0 ? 0 : y > 1 ? 1 : y;
}

static double gelu(double x) { return 0.5 * x * std::erfc(-x * M_SQRT1_2); }
static double geluTanh(double x) { return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); }

static double apply(UnaryKind kind, double x, double alpha, double beta) {
  switch (kind) {
  case UnaryKind::identity:
    return x;
  case UnaryKind::abs:
    return std::fabs(x);
  case UnaryKind::neg:
    return -x;
  case UnaryKind::sign:
    return x > 0 ? 1 : x < 0 ? -1 : x == 0 ? 0 : x;
  case UnaryKind::reciprocal:
    return 1 / x;
  case UnaryKind::sqrt:
    return std::sqrt(x);
  case UnaryKind::rsqrt:
    return 1 / std::sqrt(x);
  case UnaryKind::exp:
    return std::exp(x);
  case UnaryKind::log:
    return std::log(x);
  case UnaryKind::floor:
    return std::floor(x);
  case UnaryKind::ceil:
    return std::ceil(x);
  case UnaryKind::round:
    return std::nearbyint(x);
  case UnaryKind::erf:
    return std::erf(x);
  case UnaryKind::sin:
    return std::sin(x);
  case UnaryKind::cos:
    return std::cos(x);
  case UnaryKind::tan:
    return std::tan(x);
  case UnaryKind::asin:
    return std::asin(x);
  case UnaryKind::acos:
    return std::acos(x);
  case UnaryKind::atan:
    return std::atan(x);
  case UnaryKind::sinh:
    return std::sinh(x);
  case UnaryKind::cosh:
    return std::cosh(x);
  case UnaryKind::tanh:
    return std::tanh(x);
  case UnaryKind::asinh:
    return std::asinh(x);
  case UnaryKind::acosh:
    return std::acosh(x);
  case UnaryKind::atanh:
    return std::atanh(x);
  case UnaryKind::sigmoid:
    return sigmoid(x);
  case UnaryKind::relu:
    return x < 0 ? 0 : x;
  case UnaryKind::gelu:
    return gelu(x);
  case UnaryKind::gelu_tanh:
    return geluTanh(x);
  case UnaryKind::silu:
    return x * sigmoid(alpha * x);
  case UnaryKind::hard_swish:
    return x * hardSigmoid(x, 1.0 / 6, 0.5);
  case UnaryKind::hard_sigmoid:
    return hardSigmoid(x, alpha, beta);
  case UnaryKind::leaky_relu:
    return x < 0 ? alpha * x : x;
  case UnaryKind::elu:
    return x < 0 ? alpha * std::expm1(x) : x;
  case UnaryKind::selu:
    return beta * (x <= 0 ? alpha * std::expm1(x) : x);
  case UnaryKind::celu:
    return x < 0 ? alpha * std::expm1(x / alpha) : x;
  case UnaryKind::softplus:
    return softplus(x);
  case UnaryKind::softsign:
    return x / (1 + std::fabs(x));
  case UnaryKind::mish:
    return x * std::tanh(softplus(x));
  case UnaryKind::thresholded_relu:
    return x > alpha ? x : 0;
  case UnaryKind::shrink:
    return x < -alpha ? x + beta : x > alpha ? x - beta : 0;
  case UnaryKind::is_nan:
    return std::isnan(x);
  case UnaryKind::is_inf:
    return std::isinf(x) && (x > 0 ? alpha : beta) != 0;
  case UnaryKind::logical_not:
  case UnaryKind::bitwise_not:
    break;
  }
  llvm_unreachable("not defined on floats");
}

/// Wraparound comes with the unsigned arithmetic and the modular store.
static int64_t applyToInteger(UnaryKind kind, int64_t x, bool isUnsigned64, double alpha, double beta) {
  switch (kind) {
  case UnaryKind::abs:
    return x < 0 && !isUnsigned64 ? int64_t(-uint64_t(x)) : x;
  case UnaryKind::neg:
    return int64_t(-uint64_t(x));
  case UnaryKind::sign:
    return x == 0 ? 0 : x > 0 || isUnsigned64 ? 1 : -1;
  case UnaryKind::relu:
    return x < 0 && !isUnsigned64 ? 0 : x;
  case UnaryKind::shrink: {
    double value = isUnsigned64 ? double(uint64_t(x)) : double(x);
    return value < -alpha ? int64_t(value + beta) : value > alpha ? int64_t(value - beta) : 0;
  }
  case UnaryKind::bitwise_not:
    return ~x;
  case UnaryKind::logical_not:
    return !x;
  default:
    return x;
  }
}

Results evaluateOp(nn::UnaryOp op, Operands operands) {
  const HostTensor &input = operands[0];
  UnaryKind kind = op.getKind();
  if (kind == UnaryKind::identity)
    return {input};
  double alpha = op.getAlpha().convertToDouble(), beta = op.getBeta().convertToDouble();
  HostTensor result(op.getOutput().getType());
  if (!isFloat(input)) {
    IntegerReader read(input);
    IntegerWriter write(result);
    for (int64_t i = 0, end = input.numElements(); i < end; ++i)
      write.set(i, applyToInteger(kind, read[i], isUnsigned64(input), alpha, beta));
    return {result};
  }
  DoubleReader read(input);
  if (!isFloat(result)) { // is_nan, is_inf
    IntegerWriter write(result);
    for (int64_t i = 0, end = input.numElements(); i < end; ++i)
      write.set(i, apply(kind, read[i], alpha, beta) != 0);
    return {result};
  }
  DoubleWriter write(result);
  for (int64_t i = 0, end = input.numElements(); i < end; ++i)
    write.set(i, apply(kind, read[i], alpha, beta));
  return {result};
}

} // namespace fettle::reference
