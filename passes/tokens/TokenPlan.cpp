//===- TokenPlan.cpp - how many tokens go where, and how -------------------===//

#include "passes/tokens/TokenPlan.h"
#include "ir/profile/ValueNames.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace fettle {

template <> ArrayRef<std::pair<StringRef, TokenMethod>> tokenWords() {
  static const std::pair<StringRef, TokenMethod> words[] = {{"merge", TokenMethod::Merge}, {"drop", TokenMethod::Drop}};
  return words;
}
template <> ArrayRef<std::pair<StringRef, TokenMetric>> tokenWords() {
  static const std::pair<StringRef, TokenMetric> words[] = {
      {"features", TokenMetric::Features}, {"keys", TokenMetric::Keys}, {"both", TokenMetric::Both}};
  return words;
}
template <> ArrayRef<std::pair<StringRef, TokenMatching>> tokenWords() {
  static const std::pair<StringRef, TokenMatching> words[] = {{"global", TokenMatching::Global}, {"local", TokenMatching::Local}};
  return words;
}

int64_t countRounds(const TokenVariant &variant, int64_t removed, int64_t free) {
  const int64_t most = std::max<int64_t>(1, std::min(variant.rounds, removed));
  return std::clamp<int64_t>(llvm::divideCeil(3 * removed, std::max<int64_t>(1, free)), 1, most);
}

int64_t countMacs(func::FuncOp function) {
  int64_t macs = 0;
  function.walk([&](nn::NnOpInterface op) {
    if (llvm::AddOverflow(macs, op.getMacs(), macs))
      macs = std::numeric_limits<int64_t>::max();
  });
  return macs;
}

llvm::Expected<TokenPlan> planTokens(func::FuncOp function, const TokenStreams &streams, ArrayRef<int64_t> counts, TokenVariant variant) {
  TokenPlan plan;
  plan.variant = variant;
  ValueNames names(function);
  for (const TokenStream &stream : streams.streams()) {
    int64_t tokens = stream.tokens;
    for (const TokenSite &site : stream.sites) {
      if (!site.followsAttention)
        continue;
      const size_t place = plan.steps.size();
      int64_t count = counts.size() == 1 ? counts.front() : place < counts.size() ? counts[place] : 0;
      count = std::clamp<int64_t>(count, 0, (tokens - stream.protectedTokens) / 2);
      tokens -= count;
      plan.steps.push_back({names.nameOf(site.value).str(), count});
    }
  }
  if (plan.steps.empty() || counts.size() == 1 || counts.size() == plan.steps.size())
    return plan;
  auto quoted = llvm::map_range(plan.steps, [](const TokenStep &step) { return "'" + step.site + "'"; });
  return llvm::createStringError(llvm::Twine(counts.size()) + " numbers for " + llvm::Twine(plan.steps.size()) +
                                 (plan.steps.size() == 1 ? " place" : " places") + " where tokens can go, behind " + llvm::join(quoted, ", "));
}

} // namespace fettle
