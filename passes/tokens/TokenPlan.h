//===- TokenPlan.h - how many tokens go where, and how ---------------------===//
#ifndef FETTLE_PASSES_TOKENS_TOKENPLAN_H
#define FETTLE_PASSES_TOKENS_TOKENPLAN_H

#include "passes/tokens/TokenStreams.h"
#include "llvm/Support/Error.h"

namespace fettle {

/// By what tokens are alike.
enum class TokenMetric { Features, Keys, Both };
/// Which tokens may become a part of which.
enum class TokenMatching {
  Global, ///< any of any
  Local,  ///< in the first round at the first site that removes any, with its neighbours alone; from then on any of any
};

/// The words for the values of a choice, in recipes, profiles and reports.
template <typename Choice> llvm::ArrayRef<std::pair<llvm::StringRef, Choice>> tokenWords();
template <> llvm::ArrayRef<std::pair<llvm::StringRef, TokenMethod>> tokenWords();
template <> llvm::ArrayRef<std::pair<llvm::StringRef, TokenMetric>> tokenWords();
template <> llvm::ArrayRef<std::pair<llvm::StringRef, TokenMatching>> tokenWords();
template <typename Choice> llvm::StringRef tokenWord(Choice choice) {
  return llvm::find_if(tokenWords<Choice>(), [&](const auto &entry) { return entry.second == choice; })->first;
}

struct TokenVariant {
  TokenMethod method = TokenMethod::Merge;
  TokenMetric metric = TokenMetric::Features;
  TokenMatching matching = TokenMatching::Global;
  /// At each site up to so many matchings follow each other, each removing an equal part: tokens that are sources in one
  /// are targets in another, and more than two tokens that are alike become one.
  int64_t rounds = 2;

  bool operator==(const TokenVariant &other) const {
    return method == other.method && metric == other.metric && matching == other.matching && rounds == other.rounds;
  }
};

/// Tokens that are removed at one site.
struct TokenStep {
  std::string site; ///< by name (ir/profile/ValueNames.h)
  int64_t removed = 0;
};

struct TokenPlan {
  TokenVariant variant;
  std::vector<TokenStep> steps; ///< in program order; sites that are not named keep their tokens
};

/// The matchings that remove `removed` of `free` tokens: one for each third of them, as the variant allows. A matching has half of the tokens for
/// sources: up to a third of all, the worst of those stay; beyond, those without a good partner would go with the others.
int64_t countRounds(const TokenVariant &variant, int64_t removed, int64_t free);

/// Multiply-adds of a function; the greatest number there is where they are more.
int64_t countMacs(mlir::func::FuncOp function);

/// The plan that removes counts[i] tokens behind the i-th attention that leaves a place for it, the only count behind each of them, and nowhere
/// more than can be merged there. `function` is that of `streams`. Any other number of counts is an error, which names the places, unless there
/// are none.
llvm::Expected<TokenPlan> planTokens(mlir::func::FuncOp function, const TokenStreams &streams, llvm::ArrayRef<int64_t> counts, TokenVariant variant);

} // namespace fettle

#endif
