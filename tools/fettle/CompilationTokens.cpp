//===- CompilationTokens.cpp - which tokens go ------------------------------===//

#include "ir/profile/ValueNames.h"
#include "tools/fettle/Compilation.h"
#include "tools/fettle/TokenJudge.h"
#include "llvm/ADT/StringExtras.h"

namespace fettle::cli {

/// What a recipe that leaves the choice open chooses from.
static std::vector<TokenVariant> variantsOf(const TokenGoals &goals) {
  std::vector<TokenVariant> variants;
  for (TokenMethod method : {TokenMethod::Merge, TokenMethod::Drop})
    for (TokenMetric metric : {TokenMetric::Features, TokenMetric::Keys, TokenMetric::Both})
      for (TokenMatching matching : {TokenMatching::Global, TokenMatching::Local}) {
        TokenVariant variant{method, metric, matching, goals.rounds};
        if (method == TokenMethod::Drop) // it compares nothing
          variant = {method, TokenMetric::Features, TokenMatching::Global, 1};
        else if (goals.metric.value_or(metric) != metric || goals.matching.value_or(matching) != matching)
          continue;
        if (goals.method.value_or(method) == method && !llvm::is_contained(variants, variant))
          variants.push_back(variant);
      }
  return variants;
}

/// All specializations must lose the same tokens.
static llvm::Error checkSites(llvm::ArrayRef<mlir::func::FuncOp> functions, llvm::ArrayRef<TokenSiteFacts> sites) {
  for (mlir::func::FuncOp function : functions) {
    std::vector<TokenSiteFacts> others = describeSites(function, TokenStreams(function));
    bool isSame = others.size() == sites.size() && llvm::all_of(llvm::zip_equal(others, sites), [](const auto &pair) {
                    return std::get<0>(pair).name == std::get<1>(pair).name && std::get<0>(pair).tokens == std::get<1>(pair).tokens;
                  });
    if (!isSame)
      return makeFailure(ExitCode::Usage, "tokens are removed from sequences of one length, and the sizes given make several",
                         "compile one artifact for each length, or bind other dimensions");
  }
  return llvm::Error::success();
}

/// Fills in path, divergence, and what each site brings.
llvm::Error Compilation::searchTokenPlan(mlir::func::FuncOp function, const TokenProblem &sites, TokenReport &report) {
  begin("plan tokens");
  auto judge = TokenJudge::open(environment, *calibration, function);
  if (!judge)
    return judge.takeError();
  TokenProblem problem = sites;
  const TokenGoals &goals = request.recipe.tokens;
  const std::vector<TokenVariant> variants = variantsOf(goals);
  int64_t done = 0;
  const int64_t total = int64_t(variants.size()) + mostEvaluations(problem) + int64_t(problem.sites.size());
  problem.cost = [&](const TokenPlan &plan) { return (*judge)->macs(plan); };
  problem.divergence = [&](const TokenPlan &plan) {
    progress.advance(std::min(++done, total), total, "plans");
    return (*judge)->divergence(plan);
  };
  double share = goals.macs > 0 ? goals.macs : goals.latency;
  auto variant = chooseVariant(problem, variants, share * double(report.macsBefore));
  if (!variant)
    return variant.takeError();
  report.variant = *variant;
  auto whole = (*judge)->latency({});
  if (!whole)
    return whole.takeError();
  // Time falls with multiply-adds, if not as fast: a goal for time becomes one for them, adjusted by what was measured.
  constexpr int maxAttempts = 4;
  for (int attempt = 0; attempt < maxAttempts; ++attempt) {
    auto found = searchTokens(problem, *variant, share * double(report.macsBefore));
    if (!found)
      return found.takeError();
    report.path = std::move(found->path);
    auto latency = (*judge)->latency(report.path.back().plan);
    if (!latency)
      return latency.takeError();
    report.latencyShare = *latency / *whole;
    if (goals.latency == 0 || *report.latencyShare <= goals.latency || !found->reachesGoal)
      break;
    share *= 0.98 * goals.latency / *report.latencyShare;
  }
  const TokenPoint &best = report.path.back();
  report.divergence = best.divergence;
  for (auto [site, step] : llvm::zip_equal(report.sites, best.plan.steps)) {
    TokenPlan without = best.plan;
    for (TokenStep &other : without.steps)
      if (other.site == step.site)
        other.removed = 0;
    if (step.removed == 0)
      continue;
    auto divergence = (*judge)->divergence(without);
    if (!divergence)
      return divergence.takeError();
    auto latency = (*judge)->latency(without);
    if (!latency)
      return latency.takeError();
    site.divergence = best.divergence - *divergence;
    site.microseconds = *latency - *report.latencyShare * *whole;
  }
  end();
  return llvm::Error::success();
}

llvm::Error Compilation::planTokens() {
  TokenReport &report = result.tokens.emplace();
  report.macsBefore = result.importedMacs;
  const TokenGoals &goals = request.recipe.tokens;
  bool searches = request.recipe.searchesTokens() && !request.tokenPlan;
  if (searches)
    if (llvm::Error error = openCalibration())
      return error;
  mlir::func::FuncOp function = functions()[calibration ? calibration->specialization() : 0];
  TokenStreams streams(function);
  for (const TokenStream &stream : streams.streams())
    llvm::append_range(report.problems, stream.problems);
  TokenProblem problem;
  problem.sites = describeSites(function, streams);
  if (llvm::Error error = checkSites(functions(), problem.sites))
    return error;
  for (const TokenSiteFacts &site : problem.sites)
    report.sites.push_back({site.name, site.tokens, site.tokens, {}, {}});
  if (request.tokenPlan) {
    tokenPlan = *request.tokenPlan;
    report.variant = tokenPlan->variant;
  } else if (!searches) {
    report.variant = {goals.method.value_or(TokenMethod::Merge), goals.metric.value_or(TokenMetric::Features),
                      goals.matching.value_or(TokenMatching::Global), goals.rounds};
    tokenPlan = fettle::planTokens(function, streams, goals.removed, report.variant);
  } else if (!problem.sites.empty()) {
    if (llvm::Error error = searchTokenPlan(function, problem, report))
      return error;
    tokenPlan = report.path.back().plan;
  } else {
    tokenPlan.emplace(); // tokens that nothing reads are gone all the same
  }
  if (auto reduced = TokenJudge::reduced(function, *tokenPlan))
    report.macsAfter = countMacs((*reduced)->lookupSymbol<mlir::func::FuncOp>(function.getName()));
  else
    return reduced.takeError();
  int64_t stream = -1, tokens = 0;
  for (auto [facts, site, step] : llvm::zip(problem.sites, report.sites, tokenPlan->steps)) {
    if (facts.stream != stream)
      tokens = facts.tokens;
    stream = facts.stream;
    site.before = tokens;
    site.after = tokens -= step.removed;
  }
  return llvm::Error::success();
}

} // namespace fettle::cli
