//===- TokenSearch.h - how many tokens to remove in which layer ------------===//
#ifndef FETTLE_PASSES_TOKENS_TOKENSEARCH_H
#define FETTLE_PASSES_TOKENS_TOKENSEARCH_H

#include "passes/tokens/TokenPlan.h"
#include "llvm/Support/Error.h"
#include <functional>

namespace fettle {

/// A place where tokens may be removed.
struct TokenSiteFacts {
  std::string name;
  int64_t stream;          ///< sites of one stream follow each other
  int64_t tokens;          ///< of the stream, before any are removed
  int64_t protectedTokens;
};

/// A function whose tokens are to be removed, seen from above.
struct TokenProblem {
  std::vector<TokenSiteFacts> sites; ///< in program order
  /// What a plan costs, in any unit that falls as more tokens are removed, though not with each one: a matching has a cost of its own, and
  /// kernels work on several tokens at a time.
  std::function<llvm::Expected<double>(const TokenPlan &)> cost;
  /// How far the outputs are from the teacher's under a plan. Smaller is better.
  std::function<llvm::Expected<double>(const TokenPlan &)> divergence;
  /// How long a call takes under a plan, as a share of what it takes with all tokens. Asked for by searchTokensForLatency() alone.
  std::function<llvm::Expected<double>(const TokenPlan &)> latency;
};

struct TokenPoint {
  TokenPlan plan;
  double cost = 0, divergence = 0;
};

struct TokenSearchResult {
  /// Plans of falling cost, the first without removals, the last the one to take: of the least divergence that was found within
  /// `goal`, or of about the least cost if none is.
  std::vector<TokenPoint> path;
  bool reachesGoal = false;
  std::optional<double> latency; ///< of the last plan, where it was asked for
};

/// The sites of `streams` between an attention and what follows it. `function` is that of the streams.
std::vector<TokenSiteFacts> describeSites(mlir::func::FuncOp function, const TokenStreams &streams);
/// Lowers the removals of `plan`, a step for each site, to what can be removed there after those before.
void makeFeasible(llvm::ArrayRef<TokenSiteFacts> sites, TokenPlan &plan);

/// About how often a search asks for a divergence, to tell its progress by. No bound.
int64_t expectedEvaluations(const TokenProblem &problem);
/// A plan of `variant` whose cost is at most `goal`.
llvm::Expected<TokenSearchResult> searchTokens(const TokenProblem &problem, TokenVariant variant, double goal);
/// A plan of `variant` whose latency is at most `goal`, found by searches with goals for its cost.
llvm::Expected<TokenSearchResult> searchTokensForLatency(const TokenProblem &problem, TokenVariant variant, double goal);
/// The variant among `variants` with the least divergence where each site loses the same share of its tokens so that `goal` is met; the first
/// one unless another is clearly better.
llvm::Expected<TokenVariant> chooseVariant(const TokenProblem &problem, llvm::ArrayRef<TokenVariant> variants, double goal);

} // namespace fettle

#endif
