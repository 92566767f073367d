//===- LoopPlan.cpp - how the loops of a kernel run over its result -------===//

#include "codegen/cpu/LoopPlan.h"

using namespace mlir;

namespace fettle::codegen {

/// Every piece is compiled on its own: beyond this many, conditions stay in the loops.
static constexpr size_t maxPieces = 64;

SmallVector<LoopPiece::Loop> LoopPiece::loops() const {
  SmallVector<Loop> result;
  for (unsigned i = 0; i < extents.size(); ++i) {
    if (i > 0 && isJoined[i]) {
      result.back().symbol = i;
      result.back().extent *= extents[i];
    } else {
      result.push_back({i, extents[i]});
    }
  }
  return result;
}

/// Symbol `symbol` replaced by what `replace` gives, and later symbols renumbered by `shift`.
static void substitute(LoopPiece &piece, unsigned symbol, int shift, llvm::function_ref<IndexExpr(int64_t coefficient)> replace) {
  for (IndexExpr &expr : piece.index) {
    IndexExpr renewed(expr.constant);
    for (auto term : expr.terms) {
      if (term.symbol == symbol)
        renewed = renewed + replace(term.coefficient);
      else
        renewed = renewed + IndexExpr::ofSymbol(term.symbol > symbol ? term.symbol + shift : term.symbol) * term.coefficient;
    }
    expr = renewed;
  }
}

static LoopPiece factor(LoopPiece piece, FactorWish wish) {
  unsigned s = wish.symbol;
  substitute(piece, s, 1, [&](int64_t c) {
    return IndexExpr::ofSymbol(s) * (c * wish.divisor) + IndexExpr::ofSymbol(s + 1) * c;
  });
  int64_t outer = piece.extents[s] / wish.divisor;
  piece.extents[s] = outer;
  piece.extents.insert(piece.extents.begin() + s + 1, wish.divisor);
  piece.isBorder.insert(piece.isBorder.begin() + s + 1, piece.isBorder[s]);
  return piece;
}

/// Symbol `symbol` restricted to [begin, end).
static LoopPiece restrictTo(LoopPiece piece, unsigned symbol, int64_t begin, int64_t end) {
  if (end - begin > 1) {
    substitute(piece, symbol, 0, [&](int64_t c) { return IndexExpr::ofSymbol(symbol) * c + c * begin; });
    piece.extents[symbol] = end - begin;
    return piece;
  }
  substitute(piece, symbol, -1, [&](int64_t c) { return IndexExpr(c * begin); });
  piece.extents.erase(piece.extents.begin() + symbol);
  piece.isBorder.erase(piece.isBorder.begin() + symbol);
  return piece;
}

/// Where to cut `symbol`: at all changes of operand, else once near either end, where everything is inside.
static SmallVector<int64_t> cutPositions(const LoopPiece &piece, const LoopTrial &trial, unsigned symbol) {
  SmallVector<int64_t> choices;
  int64_t extent = piece.extents[symbol], low = 0, high = extent;
  for (const CutWish &wish : trial.cutWishes) {
    if (wish.symbol != symbol || wish.position <= 0 || wish.position >= extent)
      continue;
    if (wish.isChoice)
      choices.push_back(wish.position);
    else if (wish.position <= extent / 2)
      low = std::max(low, wish.position);
    else
      high = std::min(high, wish.position);
  }
  if (choices.empty() && !piece.isBorder[symbol]) {
    if (low > 0)
      choices.push_back(low);
    if (high < extent)
      choices.push_back(high);
  }
  llvm::sort(choices);
  choices.erase(std::unique(choices.begin(), choices.end()), choices.end());
  return choices;
}

std::vector<LoopPiece> planLoops(ArrayRef<int64_t> shape, llvm::function_ref<LoopTrial(const LoopPiece &)> tryPiece) {
  LoopPiece whole;
  for (int64_t extent : shape) {
    whole.index.push_back(extent == 1 ? IndexExpr(0) : IndexExpr::ofSymbol(whole.extents.size()));
    if (extent != 1)
      whole.extents.push_back(extent);
  }
  whole.isBorder.assign(whole.extents.size(), false);

  std::vector<LoopPiece> open{whole}, done;
  while (!open.empty()) {
    LoopPiece piece = std::move(open.back());
    open.pop_back();
    piece.isJoined = llvm::BitVector(piece.extents.size());
    LoopTrial trial = tryPiece(piece);
    // A factor of a symbol may be asked for only while the symbols are few: each is a loop.
    if (!trial.factorWishes.empty() && piece.extents.size() < 10) {
      open.push_back(factor(std::move(piece), trial.factorWishes.front()));
      continue;
    }
    bool wasCut = false;
    for (unsigned symbol = 0; symbol < piece.extents.size() && !wasCut; ++symbol) {
      SmallVector<int64_t> cuts = cutPositions(piece, trial, symbol);
      if (cuts.empty() || open.size() + done.size() + cuts.size() >= maxPieces)
        continue;
      bool hasChoices = llvm::any_of(trial.cutWishes, [&](const CutWish &w) { return w.symbol == symbol && w.isChoice; });
      piece.isBorder[symbol] = !hasChoices;
      cuts.push_back(piece.extents[symbol]);
      // Later ranges first: the stack gives them back in order.
      for (unsigned i = cuts.size(); i-- > 0;)
        open.push_back(restrictTo(piece, symbol, i == 0 ? 0 : cuts[i - 1], cuts[i]));
      wasCut = true;
    }
    if (wasCut)
      continue;
    for (unsigned i = 1; i < piece.extents.size(); ++i)
      piece.isJoined[i] = !trial.mustPart[i];
    done.push_back(std::move(piece));
  }
  return done;
}

} // namespace fettle::codegen
