//===- TokenSearch.cpp - how many tokens to remove in which layer ----------===//
//
// Problem. A goal for the cost leaves open where tokens go: early removals save most, as all that follows works on fewer, and early
// tokens are least alike. Sites are of different worth, and depend on each other.
//
// First a greedy walk: from no removals on, a step removes a few tokens more at the site where the rise of divergence per
// cost saved is least. A step that saves nothing (a matching may cost more than a few tokens, and a kernel takes as long for 33 as
// for 40) is doubled until it does. What a site would bring changes little from step to step, so only the site that was best when
// last looked at is looked at again, until one stays best (lazy evaluation; Minoux 1978). Then pairs of
// sites exchange tokens at the same cost as long as the divergence falls, by ever smaller numbers.
//   65 tokens, 5 sites, half of the multiply-adds:  walk  4 21 12 8 4   exchange  7 12 16 10 8
//
// The walk finds a whole front of plans on its way. Sound as each plan is judged by what it does to the outputs, not by a
// model of it; a local optimum may be all that is found. Cost: about 2 evaluations per step of the walk, of which each stream of
// tokens has about `walkSteps`, as many as all sites together at worst; and at most `maxExchanges` for the exchanges.
//
// A goal that no plan reaches is found out by costs alone, before any plan is judged: site by site what costs least.
//
// Time falls with the cost, but not in proportion: a goal for time becomes a goal for the cost, which is moved along the line through
// what was measured with all tokens and what was measured last, until the time is within its goal or no tokens are left to remove; and
// back along the line between the last that was too slow and that, if much of the goal is not made use of.
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
/// Searches for a goal of time, how far below it they aim, as measured times differ by about that, and how much of it is enough.
static constexpr int maxAttempts = 6;
static constexpr double aim = 0.98, enough = 0.93;

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
  /// A plan that was not judged yet; none if there is none.
  using Candidate = std::optional<TokenPoint>;

  llvm::Error judge(TokenPoint &point);
  llvm::Error start();
  llvm::Error walk();
  llvm::Error exchange();
  llvm::Expected<TokenPoint> cheapest();
  llvm::Expected<Candidate> step(const TokenPoint &from, size_t site);
  llvm::Expected<Candidate> fit(TokenPlan plan, size_t site);

  const TokenProblem &problem;
  double goal;
  TokenPlan empty;
  TokenSearchResult result;
};
} // namespace

llvm::Error TokenSearch::judge(TokenPoint &point) { return problem.divergence(point.plan).moveInto(point.divergence); }

/// `plan` with the fewest removals at `site` that meet the goal; none if all that can be removed there are too few.
llvm::Expected<TokenSearch::Candidate> TokenSearch::fit(TokenPlan plan, size_t site) {
  Candidate best;
  for (int64_t low = 0, high = problem.sites[site].tokens; low < high;) {
    const int64_t middle = (low + high) / 2;
    TokenPoint point{plan};
    point.plan.steps[site].removed = middle;
    makeFeasible(problem.sites, point.plan);
    if (llvm::Error error = problem.cost(point.plan).moveInto(point.cost))
      return std::move(error);
    if (point.cost <= goal) {
      best = std::move(point);
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return best;
}

/// The shortest step at `site` that saves something; none if none does.
llvm::Expected<TokenSearch::Candidate> TokenSearch::step(const TokenPoint &from, size_t site) {
  int64_t longest = from.plan.steps[site].removed;
  for (int64_t amount = std::max<int64_t>(1, problem.sites[site].tokens / walkSteps);; amount *= 2) {
    TokenPoint point{from.plan};
    int64_t &removed = point.plan.steps[site].removed;
    removed += amount;
    makeFeasible(problem.sites, point.plan);
    if (removed == longest)
      return std::nullopt;
    longest = removed;
    if (llvm::Error error = problem.cost(point.plan).moveInto(point.cost))
      return std::move(error);
    if (point.cost < from.cost)
      return point;
  }
}

llvm::Error TokenSearch::start() {
  TokenPoint point{empty};
  if (llvm::Error error = problem.cost(point.plan).moveInto(point.cost))
    return error;
  if (llvm::Error error = judge(point))
    return error;
  result.path.push_back(std::move(point));
  return llvm::Error::success();
}

/// The least cost in steps of the walk, site by site in program order: what is removed early saves most.
llvm::Expected<TokenPoint> TokenSearch::cheapest() {
  TokenPoint best = result.path.front();
  for (size_t site = 0; site < problem.sites.size(); ++site) {
    int64_t longest = 0;
    for (TokenPoint point = best;;) {
      point.plan.steps[site].removed += std::max<int64_t>(1, problem.sites[site].tokens / walkSteps);
      makeFeasible(problem.sites, point.plan);
      if (point.plan.steps[site].removed == longest)
        break;
      longest = point.plan.steps[site].removed;
      if (llvm::Error error = problem.cost(point.plan).moveInto(point.cost))
        return std::move(error);
      if (point.cost < best.cost)
        best = point;
    }
  }
  return best;
}

llvm::Error TokenSearch::walk() {
  constexpr double never = std::numeric_limits<double>::infinity();
  struct Move {
    double price = -never; ///< rise of divergence per cost saved, when last looked at
    size_t seen = 0;       ///< length of the path then
    Candidate next;
  };
  std::vector<Move> moves(problem.sites.size());
  while (result.path.back().cost > goal && !moves.empty()) {
    const TokenPoint &here = result.path.back();
    Move &best = *llvm::min_element(moves, [](const Move &a, const Move &b) { return std::pair(a.price, a.seen) < std::pair(b.price, b.seen); });
    if (best.seen == result.path.size()) {
      if (!best.next)
        break; // nor does any other save anything
      result.path.push_back(*best.next);
      continue;
    }
    best.seen = result.path.size();
    if (llvm::Error error = step(here, &best - moves.data()).moveInto(best.next))
      return error;
    best.price = never;
    if (!best.next)
      continue;
    if (llvm::Error error = judge(*best.next))
      return error;
    best.price = (best.next->divergence - here.divergence) / (here.cost - best.next->cost);
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
    if (!*fitted || (*fitted)->plan.steps[site].removed >= best.plan.steps[site].removed)
      continue;
    if (llvm::Error error = judge(**fitted))
      return error;
    if ((*fitted)->divergence < best.divergence)
      best = std::move(**fitted);
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
        if (!*fitted || (*fitted)->plan.steps[giver].removed >= best.plan.steps[giver].removed)
          continue;
        ++evaluations;
        if (llvm::Error error = judge(**fitted))
          return error;
        if ((*fitted)->divergence < worthwhile * best.divergence) {
          best = std::move(**fitted);
          isBetter = true;
        }
      }
    }
  result.path.back() = std::move(best);
  return llvm::Error::success();
}

llvm::Expected<TokenSearchResult> TokenSearch::run() {
  if (llvm::Error error = start())
    return std::move(error);
  if (result.path.back().cost > goal) {
    auto least = cheapest();
    if (!least)
      return least.takeError();
    if (least->cost > goal) {
      if (least->cost == result.path.back().cost)
        return std::move(result);
      if (llvm::Error error = judge(*least))
        return std::move(error);
      result.path.push_back(std::move(*least));
      return std::move(result);
    }
  }
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

int64_t expectedEvaluations(const TokenProblem &problem) {
  const int64_t sites = int64_t(problem.sites.size());
  int64_t streams = 0, amounts = 0;
  for (auto [i, site] : llvm::enumerate(problem.sites)) {
    streams += i == 0 || site.stream != problem.sites[i - 1].stream;
    amounts = std::max<int64_t>(amounts, 1 + llvm::Log2_64(std::max<int64_t>(1, site.tokens / walkSteps)));
  }
  // A look at each site, two for each step, one for what each site gives back, and every pair at least once for each amount.
  return 1 + sites + 2 * walkSteps * streams + sites + std::min(maxExchanges, amounts * sites * (sites - 1));
}

llvm::Expected<TokenSearchResult> searchTokens(const TokenProblem &problem, TokenVariant variant, double goal) {
  return TokenSearch(problem, variant, goal).run();
}

llvm::Expected<TokenSearchResult> searchTokensForLatency(const TokenProblem &problem, TokenVariant variant, double goal) {
  struct Measured {
    double cost, latency; ///< as shares
  };
  Measured slow{1, 1}, fast{0, 0};      // what was too slow, and what was not
  std::optional<TokenSearchResult> best; // that of `fast`
  double whole = 0, share = goal;
  if (llvm::Error error = problem.cost(TokenPlan{variant, {}}).moveInto(whole))
    return std::move(error);
  for (int attempt = 1;; ++attempt) {
    TokenSearchResult found;
    if (llvm::Error error = searchTokens(problem, variant, share * whole).moveInto(found))
      return std::move(error);
    Measured now{found.path.back().cost / whole, 0};
    if (llvm::Error error = problem.latency(found.path.back().plan).moveInto(now.latency))
      return std::move(error);
    found.latency = now.latency;
    const bool isLast = attempt == maxAttempts || !found.reachesGoal;
    found.reachesGoal = now.latency <= goal;
    if (found.reachesGoal) {
      fast = now;
      best = std::move(found);
    } else {
      slow = now;
      if (isLast && !best)
        return found;
    }
    if (best) {
      constexpr double leastGap = 0.02;
      if (isLast || fast.latency > enough * goal || slow.cost - fast.cost < leastGap)
        return std::move(*best);
      const double part = (aim * goal - fast.latency) / (slow.latency - fast.latency);
      share = fast.cost + std::clamp(part, 0.1, 0.9) * (slow.cost - fast.cost);
    } else {
      const double wanted = now.latency < 1 ? 1 - (1 - now.cost) * (1 - aim * goal) / (1 - now.latency) : 0;
      share = std::clamp(wanted, 0.7 * now.cost, aim * now.cost);
    }
  }
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
