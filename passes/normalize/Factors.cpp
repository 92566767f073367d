//===- Factors.cpp - what a product or polynomial is made of --------------===//

#include "passes/normalize/Factors.h"
#include "passes/ConstantValue.h"
#include <array>
#include <cmath>

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

/// Products of an activation have few factors; a longer chain is something else.
static constexpr int maxDepth = 8;

static void addFactors(Value value, Type type, int depth, Product &product) {
  if (std::optional<double> number = splatValue(value)) {
    product.coefficient *= *number;
    return;
  }
  auto binary = value.getDefiningOp<BinaryOp>();
  bool isOpen = binary && binary.getOutput().getType() == type && (depth == maxDepth || value.hasOneUse()) && depth > 0;
  if (isOpen && binary.getKind() == BinaryKind::mul) {
    addFactors(binary.getLhs(), type, depth - 1, product);
    addFactors(binary.getRhs(), type, depth - 1, product);
    return;
  }
  std::optional<double> divisor = isOpen && binary.getKind() == BinaryKind::div ? splatValue(binary.getRhs()) : std::nullopt;
  if (divisor && *divisor != 0) {
    product.coefficient /= *divisor;
    addFactors(binary.getLhs(), type, depth - 1, product);
    return;
  }
  product.values.push_back(value);
}

Product factorize(Value value) {
  Product product;
  addFactors(value, value.getType(), maxDepth, product);
  return product;
}

using Polynomial = std::array<double, 4>;

static std::optional<Polynomial> multiply(const Polynomial &a, const Polynomial &b) {
  Polynomial result{};
  for (size_t i = 0; i < a.size(); ++i)
    for (size_t j = 0; j < b.size(); ++j) {
      if (a[i] == 0 || b[j] == 0)
        continue;
      if (i + j >= result.size())
        return std::nullopt;
      result[i + j] += a[i] * b[j];
    }
  return result;
}

static std::optional<Polynomial> computePolynomial(Value value, Value variable, int depth) {
  if (value == variable)
    return Polynomial{0, 1, 0, 0};
  if (std::optional<double> number = splatValue(value))
    return Polynomial{*number, 0, 0, 0};
  Operation *op = value.getDefiningOp();
  if (!op || depth == 0)
    return std::nullopt;
  if (auto unary = dyn_cast<UnaryOp>(op); unary && unary.getKind() == UnaryKind::neg) {
    std::optional<Polynomial> inner = computePolynomial(unary.getInput(), variable, depth - 1);
    return inner ? multiply(*inner, {-1, 0, 0, 0}) : std::nullopt;
  }
  auto binary = dyn_cast<BinaryOp>(op);
  if (!binary)
    return std::nullopt;
  std::optional<Polynomial> a = computePolynomial(binary.getLhs(), variable, depth - 1);
  std::optional<Polynomial> b = a ? computePolynomial(binary.getRhs(), variable, depth - 1) : std::nullopt;
  if (!b)
    return std::nullopt;
  switch (binary.getKind()) {
  case BinaryKind::add:
  case BinaryKind::sub: {
    double sign = binary.getKind() == BinaryKind::add ? 1 : -1;
    for (size_t i = 0; i < a->size(); ++i)
      (*a)[i] += sign * (*b)[i];
    return a;
  }
  case BinaryKind::mul:
    return multiply(*a, *b);
  case BinaryKind::div:
    return (*b)[0] != 0 && !(*b)[1] && !(*b)[2] && !(*b)[3] ? multiply(*a, {1 / (*b)[0], 0, 0, 0}) : std::nullopt;
  case BinaryKind::pow:
    if (*b == Polynomial{2, 0, 0, 0} || *b == Polynomial{3, 0, 0, 0}) {
      std::optional<Polynomial> square = multiply(*a, *a);
      return square && (*b)[0] == 3 ? multiply(*square, *a) : square;
    }
    return std::nullopt;
  default:
    return std::nullopt;
  }
}

std::optional<Polynomial> polynomialIn(Value value, Value variable) {
  return computePolynomial(value, variable, maxDepth);
}

bool isPolynomial(Value value, Value variable, Polynomial wanted) {
  std::optional<Polynomial> found = polynomialIn(value, variable);
  if (!found)
    return false;
  double largest = 0;
  for (double coefficient : wanted)
    largest = std::max(largest, std::abs(coefficient));
  for (size_t i = 0; i < wanted.size(); ++i)
    if (std::abs((*found)[i] - wanted[i]) > 1e-3 * largest)
      return false;
  return true;
}

} // namespace fettle
