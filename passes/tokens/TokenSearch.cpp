//===- TokenSearch.cpp - how many tokens to remove in which layer ----------===//
//
// Problem. A goal for the cost leaves open where tokens go: early removals save most, as all that follows works on fewer, and early
// tokens are least alike. Sites are of different worth, and depend on each other.
//
// First a greedy walk: from no removals on, a step removes a few tokens more at the site where the rise of divergence per
// cost saved is least. What a site would bring changes little from step to step, so only the site that was best when
// last looked at is looked at again, until one stays best (lazy evaluation; Minoux 1978). Then pairs of
// sites exchange tokens at the same cost as long as the divergence falls, by ever smaller numbers.
//   65 tokens, 5 sites, half of the multiply-adds:  walk  4 21 12 8 4   exchange  7 12 16 10 8
//
// The walk finds a whole front of plans on its way. Sound as each plan is judged by what it does to the outputs, not by a
// model of it; a local optimum may be all that is found. Cost: about 2 evaluations per step of the walk, of which there are
// at most `walkSteps` for all sites, and at most `maxExchanges` for the exchanges.
//
//===----------------------------------------------------------------------===//

#include "passes/tokens/TokenSearch.h"
#include "ir/profile/ValueNames.h"

using namespace mlir;

namespace fettle {

/// A step of the walk removes this share of the tokens there were.
static constexpr int64_t walkSteps = 12;
static constexpr int64_t maxExchanges = 64;
/// How much better another variant must be than those before it, under a plan that no search has fitted to it.
static constexpr double clearly = 0.9;
/// Less is noise, and would go round in circles.
static constexpr double worthwhile = 0.995;

std::vector<TokenSiteFacts> describeSites(func::FuncOp function, const TokenStreams &streams) {
  std::vector<TokenSiteFacts> sites;
  ValueNames names(function);
  for (auto [index, stream] : llvm::enumerate(streams.streams()))
    for (const TokenSite &site : stream.sites)
      if (site.followsAttention)
        sites.push_back({names.nameOf(site.value).str(), int64_t(index), stream.tokens, stream.protectedTokens});
  return sites;
}

void makeFeasible(ArrayRef<TokenSiteFacts> sites, TokenPlan &plan) {
  int64_t stream = -1, tokens = 0;
  for (auto [site, step] : llvm::zip_equal(sites, plan.steps)) {
    if (site.stream != stream)
      tokens = site.tokens;
    stream = site.stream;
    int64_t free = tokens - site.protectedTokens;
    int64_t most = std::max<int64_t>(0, plan.variant.method == TokenMethod::Merge ? free / 2 : free - 1);
    tokens -= step.removed = std::clamp<int64_t>(step.removed, 0, most);
  }
}

namespace {
class TokenSearch {
public:
  TokenSearch(const TokenProblem &problem, TokenVariant variant, double goal) : problem(problem), goal(goal) {
    empty.variant = variant;
    for (const TokenSiteFacts &site : problem.sites)
      empty.steps.push_back({site.name, 0});
  }

  llvm::Expected<TokenSearchResult> run();
  llvm::Expected<double> divergenceOfEvenPlan();

private:
  llvm::Expected<TokenPoint> judge(TokenPlan plan);
  llvm::Error walk();
  llvm::Error exchange();
  llvm::Expected<std::optional<TokenPlan>> fit(TokenPlan plan, size_t site);

  const TokenProblem &problem;
  double goal;
  TokenPlan empty;
  TokenSearchResult result;
};
} // namespace

llvm::Expected<TokenPoint> TokenSearch::judge(TokenPlan plan) {
  auto cost = problem.cost(plan);
  if (!cost)
    return cost.takeError();
  auto divergence = problem.divergence(plan);
  if (!divergence)
    return divergence.takeError();
  return TokenPoint{std::move(plan), *cost, *divergence};
}

/// `plan` with the fewest removals at `site` that meet the goal; none if all that can be removed there are too few.
llvm::Expected<std::optional<TokenPlan>> TokenSearch::fit(TokenPlan plan, size_t site) {
  std::optional<TokenPlan> best;
  for (int64_t low = 0, high = problem.sites[site].tokens; low < high;) {
    const int64_t middle = (low + high) / 2;
    TokenPlan middlePlan = plan;
    middlePlan.steps[site].removed = middle;
    makeFeasible(problem.sites, middlePlan);
    auto cost = problem.cost(middlePlan);
    if (!cost)
      return cost.takeError();
    if (*cost <= goal) {
      best = std::move(middlePlan);
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return best;
}

llvm::Error TokenSearch::walk() {
  auto start = judge(empty);
  if (!start)
    return start.takeError();
  result.path.push_back(std::move(*start));
  struct Move {
    size_t site;
    double price;     ///< rise of divergence per cost saved, when last looked at
    size_t seen;      ///< length of the path then
    TokenPoint point;
  };
  std::vector<Move> moves;
  for (size_t site = 0; site < problem.sites.size(); ++site)
    moves.push_back({site, -std::numeric_limits<double>::infinity(), 0, {}});
  while (result.path.back().cost > goal && !moves.empty()) {
    auto best = llvm::min_element(moves, [](const Move &a, const Move &b) { return a.price < b.price; });
    if (best->seen == result.path.size()) {
      result.path.push_back(best->point);
      continue;
    }
    TokenPlan plan = result.path.back().plan;
    int64_t &removed = plan.steps[best->site].removed;
    const int64_t before = removed;
    removed += std::max<int64_t>(1, problem.sites[best->site].tokens / walkSteps);
    makeFeasible(problem.sites, plan);
    if (removed == before) {
      moves.erase(best);
      continue;
    }
    auto point = judge(plan);
    if (!point)
      return point.takeError();
    double saved = result.path.back().cost - point->cost;
    best->price = saved > 0 ? (point->divergence - result.path.back().divergence) / saved : std::numeric_limits<double>::infinity();
    best->seen = result.path.size();
    best->point = std::move(*point);
  }
  result.reachesGoal = result.path.back().cost <= goal;
  return llvm::Error::success();
}

llvm::Error TokenSearch::exchange() {
  const size_t sites = problem.sites.size();
  int64_t evaluations = 0;
  TokenPoint best = result.path.back();
  int64_t amount = 1;
  for (const TokenSiteFacts &site : problem.sites)
    amount = std::max(amount, site.tokens / walkSteps);
  // The walk may have overshot the goal: give back what can be given.
  for (size_t site = 0; site < sites; ++site) {
    auto fitted = fit(best.plan, site);
    if (!fitted)
      return fitted.takeError();
    if (!*fitted || (*fitted)->steps[site].removed >= best.plan.steps[site].removed)
      continue;
    auto point = judge(**fitted);
    if (!point)
      return point.takeError();
    if (point->divergence < best.divergence)
      best = std::move(*point);
  }
  for (; amount > 0; amount /= 2)
    for (bool isBetter = true; isBetter && evaluations < maxExchanges;) {
      isBetter = false;
      for (size_t pair = 0; pair < sites * sites && evaluations < maxExchanges; ++pair) {
        size_t taker = pair / sites, giver = pair % sites;
        TokenPlan plan = best.plan;
        plan.steps[taker].removed += amount;
        if (taker == giver || best.plan.steps[giver].removed == 0)
          continue;
        auto fitted = fit(plan, giver);
        if (!fitted)
          return fitted.takeError();
        if (!*fitted || (*fitted)->steps[giver].removed >= best.plan.steps[giver].removed)
          continue;
        ++evaluations;
        auto point = judge(**fitted);
        if (!point)
          return point.takeError();
        if (point->divergence < worthwhile * best.divergence) {
          best = std::move(*point);
          isBetter = true;
        }
      }
    }
  result.path.back() = std::move(best);
  return llvm::Error::success();
}

llvm::Expected<TokenSearchResult> TokenSearch::run() {
  if (llvm::Error error = walk())
    return std::move(error);
  if (result.reachesGoal && result.path.size() > 1)
    if (llvm::Error error = exchange())
      return std::move(error);
  return std::move(result);
}

/// Of the plan that removes the same share at each site, the smallest that meets the goal, or the greatest there is.
llvm::Expected<double> TokenSearch::divergenceOfEvenPlan() {
  TokenPlan plan = empty;
  for (int64_t share = 1; share < walkSteps * 2; ++share) {
    plan = empty;
    int64_t stream = -1, tokens = 0;
    for (auto [site, step] : llvm::zip_equal(problem.sites, plan.steps)) {
      if (site.stream != stream)
        tokens = site.tokens;
      stream = site.stream;
      tokens -= step.removed = (tokens - site.protectedTokens) * share / (walkSteps * 4);
    }
    auto cost = problem.cost(plan);
    if (!cost)
      return cost.takeError();
    if (*cost <= goal)
      break;
  }
  return problem.divergence(plan);
}

int64_t mostEvaluations(const TokenProblem &problem) {
  return 1 + 3 * walkSteps + 2 * int64_t(problem.sites.size()) + maxExchanges;
}

llvm::Expected<TokenSearchResult> searchTokens(const TokenProblem &problem, TokenVariant variant, double goal) {
  return TokenSearch(problem, variant, goal).run();
}

llvm::Expected<TokenVariant> chooseVariant(const TokenProblem &problem, ArrayRef<TokenVariant> variants, double goal) {
  TokenVariant best = variants.front();
  double least = std::numeric_limits<double>::infinity();
  for (TokenVariant variant : variants) {
    if (variants.size() == 1)
      break;
    auto divergence = TokenSearch(problem, variant, goal).divergenceOfEvenPlan();
    if (!divergence)
      return divergence.takeError();
    if (*divergence < clearly * least) {
      least = *divergence;
      best = variant;
    }
  }
  return best;
}

} // namespace fettle
