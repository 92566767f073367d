//===- Factors.h - what a product or polynomial is made of ----------------===//
//
// Exporters write one activation in many orders: 0.5 * (x * (1 + erf)), (x * 0.5) * (1 + erf)...
// Patterns that look at the factors of the whole product, and at the
// coefficients of its polynomials, match them all.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_PASSES_NORMALIZE_FACTORS_H
#define FETTLE_PASSES_NORMALIZE_FACTORS_H

#include "ir/nn/Nn.h"
#include <array>

namespace fettle {

/// coefficient * values[0] * values[1] * ...
struct Product {
  double coefficient = 1;
  llvm::SmallVector<mlir::Value> values;
};

/// The factors of a float product. Inner products are opened only if this one alone reads them and they have its shape.
/// A value that is no product is its own only factor.
Product factorize(mlir::Value value);

/// Coefficients of `value` as a polynomial of degree at most 3 in `variable`, lowest first; none if it is no such thing.
std::optional<std::array<double, 4>> polynomialIn(mlir::Value value, mlir::Value variable);

/// True if `value` is about c0 + c1 x + c2 x^2 + c3 x^3 with x = `variable`: each within 0.1 % of the largest, for exporters
/// round the constants of an activation differently.
bool isPolynomial(mlir::Value value, mlir::Value variable, std::array<double, 4> coefficients);

} // namespace fettle

#endif
