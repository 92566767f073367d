//===- IndexSpace.h - index arithmetic that knows its ranges --------------===//
//
// Movement ops (reshape, slice, transpose...) inside a kernel are index
// arithmetic. An IndexExpr is a sum of symbols with integer coefficients; every
// symbol ranges over [0, extent). So (16 h + w) / 16 with w < 16 is h, with no
// division in the code, and `i < 64` is known where i cannot reach 64.
//
// Symbols of the iteration have no SSA value of their own: neighbours that
// occur only as s0 * extent1 + s1 share one loop, and materialize() writes the
// sum in terms of that loop's induction variable. What would have to be known
// of the iteration for better code (a loop split in two, a range cut at a
// boundary) is noted as a wish; the loop builder grants wishes and emits again.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_CODEGEN_COMMON_INDEXSPACE_H
#define FETTLE_CODEGEN_COMMON_INDEXSPACE_H

#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/BitVector.h"

namespace fettle::codegen {

/// constant + sum of coefficient * symbol, terms sorted by symbol.
class IndexExpr {
public:
  IndexExpr(int64_t constant = 0) : constant(constant) {}
  static IndexExpr ofSymbol(unsigned symbol) {
    IndexExpr expr;
    expr.terms.push_back({symbol, 1});
    return expr;
  }

  struct Term {
    unsigned symbol;
    int64_t coefficient;
    bool operator<(const Term &o) const { return std::tie(symbol, coefficient) < std::tie(o.symbol, o.coefficient); }
    bool operator==(const Term &o) const { return symbol == o.symbol && coefficient == o.coefficient; }
  };
  llvm::SmallVector<Term, 4> terms;
  int64_t constant;

  bool isConstant() const { return terms.empty(); }
  IndexExpr operator+(const IndexExpr &other) const;
  IndexExpr operator-(const IndexExpr &other) const { return *this + other * -1; }
  IndexExpr operator*(int64_t factor) const;
  bool operator<(const IndexExpr &o) const {
    return constant != o.constant ? constant < o.constant
                                  : std::lexicographical_compare(terms.begin(), terms.end(), o.terms.begin(), o.terms.end());
  }
};

/// Iteration symbol `symbol` would better be two: quotient and remainder by `divisor`.
struct FactorWish {
  unsigned symbol;
  int64_t divisor;
};
/// Iteration symbol `symbol` would better be two ranges, cut before `position`: there
/// another operand is read (isChoice), or one ends.
struct CutWish {
  unsigned symbol;
  int64_t position;
  bool isChoice;
};

class IndexSpace {
public:
  explicit IndexSpace(mlir::ImplicitLocOpBuilder &b) : b(b) {}

  /// Declares the iteration: symbols 0..n-1 with these extents, in loop order.
  /// `isJoined[i]` says that symbol i shares the loop of symbol i - 1.
  void setIteration(llvm::ArrayRef<int64_t> extents, const llvm::BitVector &isJoined);
  /// Gives the induction variable of the loop that holds `symbol`.
  void setLoopVariable(unsigned symbol, mlir::Value variable) { symbols[symbol].value = variable; }
  unsigned iterationSize() const { return numIteration; }

  /// A symbol for an SSA value known to lie in [0, extent).
  IndexExpr symbol(mlir::Value value, int64_t extent);

  int64_t lowest(const IndexExpr &expr) const;
  int64_t highest(const IndexExpr &expr) const;
  bool isInRange(const IndexExpr &expr, int64_t extent) const { return lowest(expr) >= 0 && highest(expr) < extent; }

  /// Quotient and remainder of a non-negative expression.
  std::pair<IndexExpr, IndexExpr> divide(const IndexExpr &expr, int64_t divisor);
  /// Row-major position, and back.
  IndexExpr linearize(llvm::ArrayRef<IndexExpr> index, llvm::ArrayRef<int64_t> shape) const;
  llvm::SmallVector<IndexExpr> delinearize(const IndexExpr &position, llvm::ArrayRef<int64_t> shape);

  /// The SSA value of an expression. One that holds the vector symbol has another value in every
  /// lane: this gives that of the first, for `ofFirstLane` callers only; for others it sets needsScalars.
  mlir::Value materialize(const IndexExpr &expr, bool ofFirstLane = false);
  int64_t strideAlongVector(const IndexExpr &expr) const;
  mlir::Value constant(int64_t value);
  /// expr < bound as i1; notes the wish to know it, where that is one cut away.
  mlir::Value isBelow(const IndexExpr &expr, int64_t bound, bool isChoice = false);

  /// The iteration symbol that runs along the lanes of vectors, while vectors are emitted.
  std::optional<unsigned> vectorSymbol;
  /// Set when something was asked for that has no vector form.
  bool needsScalars = false;

  /// What emission would have liked, gathered since setIteration.
  std::vector<FactorWish> factorWishes;
  std::vector<CutWish> cutWishes;
  /// Pairs (i - 1, i) of iteration symbols that do not occur in lockstep everywhere.
  llvm::BitVector mustPart;

private:
  struct Symbol {
    int64_t extent;
    mlir::Value value;
    bool isJoined;
  };
  void wishForDivision(const IndexExpr &rest, int64_t divisor);
  void noteParts(const IndexExpr &expr);

  mlir::ImplicitLocOpBuilder &b;
  llvm::SmallVector<Symbol> symbols;
  unsigned numIteration = 0;
};

} // namespace fettle::codegen

#endif
