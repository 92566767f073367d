//===- IndexSpace.cpp - index arithmetic that knows its ranges ------------===//

#include "codegen/common/IndexSpace.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace fettle::codegen {

IndexExpr IndexExpr::operator+(const IndexExpr &other) const {
  IndexExpr sum(constant + other.constant);
  auto left = terms.begin(), right = other.terms.begin();
  while (left != terms.end() || right != other.terms.end()) {
    if (right == other.terms.end() || (left != terms.end() && left->symbol < right->symbol)) {
      sum.terms.push_back(*left++);
    } else if (left == terms.end() || right->symbol < left->symbol) {
      sum.terms.push_back(*right++);
    } else {
      if (int64_t coefficient = left->coefficient + right->coefficient)
        sum.terms.push_back({left->symbol, coefficient});
      ++left;
      ++right;
    }
  }
  return sum;
}

IndexExpr IndexExpr::operator*(int64_t factor) const {
  if (factor == 0)
    return {};
  IndexExpr product(constant * factor);
  for (Term term : terms)
    product.terms.push_back({term.symbol, term.coefficient * factor});
  return product;
}

void IndexSpace::setIteration(ArrayRef<int64_t> extents, const llvm::BitVector &isJoined) {
  symbols.clear();
  for (auto [i, extent] : llvm::enumerate(extents))
    symbols.push_back({extent, Value(), isJoined[i]});
  numIteration = extents.size();
  mustPart = llvm::BitVector(numIteration);
  factorWishes.clear();
  cutWishes.clear();
}

IndexExpr IndexSpace::symbol(Value value, int64_t extent) {
  if (extent == 1)
    return 0;
  symbols.push_back({extent, value, false});
  return IndexExpr::ofSymbol(symbols.size() - 1);
}

int64_t IndexSpace::lowest(const IndexExpr &expr) const {
  int64_t sum = expr.constant;
  for (auto term : expr.terms)
    sum += std::min<int64_t>(0, term.coefficient * (symbols[term.symbol].extent - 1));
  return sum;
}

int64_t IndexSpace::highest(const IndexExpr &expr) const {
  int64_t sum = expr.constant;
  for (auto term : expr.terms)
    sum += std::max<int64_t>(0, term.coefficient * (symbols[term.symbol].extent - 1));
  return sum;
}

/// Above this many values, a symbol is not worth a piece for each quotient.
static constexpr int64_t maxQuotients = 8;

static int64_t floorDivide(int64_t x, int64_t divisor) { return x >= 0 ? x / divisor : -((divisor - 1 - x) / divisor); }

void IndexSpace::wishForDivision(const IndexExpr &rest, int64_t divisor) {
  bool canFactor = false;
  for (auto term : rest.terms) {
    if (term.symbol >= numIteration || term.coefficient <= 0 || divisor % term.coefficient != 0)
      continue;
    int64_t inner = divisor / term.coefficient;
    if (symbols[term.symbol].extent <= inner || symbols[term.symbol].extent % inner != 0)
      continue;
    factorWishes.push_back({term.symbol, inner});
    canFactor = true;
  }
  if (canFactor || rest.terms.size() != 1 || rest.terms[0].symbol >= numIteration)
    return;
  // A phase, as in a strided transposed convolution: one piece for each quotient.
  auto [symbol, coefficient] = rest.terms[0];
  if (symbols[symbol].extent > maxQuotients)
    return;
  for (int64_t i = 1; i < symbols[symbol].extent; ++i) {
    int64_t here = rest.constant + coefficient * i;
    if (floorDivide(here, divisor) != floorDivide(here - coefficient, divisor))
      cutWishes.push_back({symbol, i, /*isChoice=*/true});
  }
}

std::pair<IndexExpr, IndexExpr> IndexSpace::divide(const IndexExpr &expr, int64_t divisor) {
  if (divisor == 1)
    return {expr, 0};
  // Multiples of the divisor leave the sum; what remains is usually below the divisor.
  IndexExpr quotient, rest;
  for (auto term : expr.terms) {
    if (term.coefficient % divisor == 0)
      quotient.terms.push_back({term.symbol, term.coefficient / divisor});
    else
      rest.terms.push_back(term);
  }
  rest.constant = expr.constant;
  int64_t low = floorDivide(lowest(rest), divisor), high = floorDivide(highest(rest), divisor);
  if (low == high)
    return {quotient + low, rest - low * divisor};
  wishForDivision(rest, divisor);
  // The shift by a multiple of the divisor keeps the dividend non-negative.
  int64_t shift = low * divisor;
  int64_t extent = highest(rest) - shift + 1;
  Value dividend = materialize(rest - shift), by = constant(divisor);
  Value q = arith::DivUIOp::create(b, dividend, by), r = arith::RemUIOp::create(b, dividend, by);
  return {quotient + low + symbol(q, (extent + divisor - 1) / divisor), symbol(r, divisor)};
}

IndexExpr IndexSpace::linearize(ArrayRef<IndexExpr> index, ArrayRef<int64_t> shape) const {
  IndexExpr position;
  for (auto [expr, extent] : llvm::zip_equal(index, shape))
    position = position * extent + expr;
  return position;
}

SmallVector<IndexExpr> IndexSpace::delinearize(const IndexExpr &position, ArrayRef<int64_t> shape) {
  SmallVector<IndexExpr> index(shape.size());
  IndexExpr rest = position;
  for (unsigned i = shape.size(); i-- > 1;)
    std::tie(rest, index[i]) = divide(rest, std::max<int64_t>(1, shape[i]));
  if (!index.empty())
    index[0] = rest;
  return index;
}

void IndexSpace::noteParts(const IndexExpr &expr) {
  SmallVector<int64_t> coefficients(numIteration);
  for (auto term : expr.terms)
    if (term.symbol < numIteration)
      coefficients[term.symbol] = term.coefficient;
  for (unsigned i = 1; i < numIteration; ++i)
    if (coefficients[i - 1] != coefficients[i] * symbols[i].extent)
      mustPart.set(i);
}

Value IndexSpace::constant(int64_t value) { return arith::ConstantIndexOp::create(b, value); }

int64_t IndexSpace::strideAlongVector(const IndexExpr &expr) const {
  for (auto term : expr.terms)
    if (vectorSymbol && term.symbol == *vectorSymbol)
      return term.coefficient;
  return 0;
}

Value IndexSpace::materialize(const IndexExpr &expr, bool ofFirstLane) {
  if (!ofFirstLane && strideAlongVector(expr) != 0)
    needsScalars = true;
  noteParts(expr);
  Value sum;
  for (auto [i, term] : llvm::enumerate(expr.terms)) {
    // Of symbols that share a loop the innermost speaks for all.
    unsigned next = term.symbol + 1;
    if (next < numIteration && symbols[next].isJoined && i + 1 < expr.terms.size() && expr.terms[i + 1].symbol == next)
      continue;
    Value part = symbols[term.symbol].value;
    if (!part)
      part = constant(0); // a trial emission: only the wishes count
    if (term.coefficient != 1)
      part = arith::MulIOp::create(b, part, constant(term.coefficient));
    sum = sum ? arith::AddIOp::create(b, sum, part) : part;
  }
  if (!sum)
    return constant(expr.constant);
  return expr.constant ? arith::AddIOp::create(b, sum, constant(expr.constant)) : sum;
}

Value IndexSpace::isBelow(const IndexExpr &expr, int64_t bound, bool isChoice) {
  if (highest(expr) < bound || lowest(expr) >= bound)
    return arith::ConstantIntOp::create(b, highest(expr) < bound, 1);
  if (expr.terms.size() == 1 && expr.terms[0].symbol < numIteration) {
    // c s + k < bound holds up to s = ceil((bound - k) / c), or from there on for negative c.
    int64_t c = expr.terms[0].coefficient, distance = bound - expr.constant;
    int64_t position = c > 0 ? (distance + c - 1) / c : (expr.constant - bound) / -c + 1;
    cutWishes.push_back({expr.terms[0].symbol, position, isChoice});
  }
  return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, materialize(expr), constant(bound));
}

} // namespace fettle::codegen
