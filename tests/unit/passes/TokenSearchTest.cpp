//===- TokenSearchTest.cpp - how many tokens to remove in which layer ------===//
//
// Networks are made up: a layer costs something for each token it works on, and outputs move away from the teacher's with every token that
// was removed. So the best plan is known, or can be found by looking at all.
//
//===----------------------------------------------------------------------===//

#include "passes/tokens/TokenSearch.h"
#include <array>
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace llvm;

namespace fettle::test {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// One layer behind each site, which works on the tokens that are left there.
class MadeUp {
public:
  explicit MadeUp(std::vector<double> weights, int64_t tokens = 25) : weights(std::move(weights)) {
    for (size_t i = 0; i < this->weights.size(); ++i)
      problem.sites.push_back({"site" + std::to_string(i), 0, tokens, 1});
    problem.cost = [this](const TokenPlan &plan) -> Expected<double> {
      double sum = 0;
      for (auto [i, left] : enumerate(tokensLeft(plan)))
        sum += costOf(left) + (i < plan.steps.size() && plan.steps[i].removed > 0 ? matching : 0);
      return sum;
    };
    problem.divergence = [this](const TokenPlan &plan) -> Expected<double> {
      asked.push_back(removedBy(plan));
      double sum = 0;
      for (auto [removed, weight] : zip(asked.back(), this->weights))
        sum += weight * double(removed * removed);
      return sum;
    };
  }

  static std::vector<int64_t> removedBy(const TokenPlan &plan) {
    std::vector<int64_t> removed;
    for (const TokenStep &step : plan.steps)
      removed.push_back(step.removed);
    return removed;
  }
  std::vector<int64_t> tokensLeft(const TokenPlan &plan) const {
    std::vector<int64_t> left;
    int64_t tokens = 0;
    for (auto [i, site] : enumerate(problem.sites)) {
      if (i == 0 || site.stream != problem.sites[i - 1].stream)
        tokens = site.tokens;
      left.push_back(tokens -= i < plan.steps.size() ? plan.steps[i].removed : 0);
    }
    return left;
  }
  double whole() const { return cantFail(problem.cost({})); }
  TokenSearchResult search(double share, TokenVariant variant = {}) { return cantFail(searchTokens(problem, variant, share * whole())); }

  std::vector<double> weights;
  std::function<double(int64_t tokens)> costOf = [](int64_t tokens) { return double(tokens); };
  double matching = 0; ///< what a site costs at which anything is removed
  TokenProblem problem;
  std::vector<std::vector<int64_t>> asked; ///< for the divergence of what plans
};

/// The walk without its laziness: each step looks at every site. What it has at the goal, or where nothing is left to remove.
struct Greedy {
  std::vector<std::vector<int64_t>> path;
  double divergence = 0;
};
Greedy walkGreedily(MadeUp &net, double goal) {
  Greedy greedy;
  TokenPlan plan;
  for (const TokenSiteFacts &site : net.problem.sites)
    plan.steps.push_back({site.name, 0});
  while (true) {
    greedy.path.push_back(MadeUp::removedBy(plan));
    const double cost = cantFail(net.problem.cost(plan));
    greedy.divergence = cantFail(net.problem.divergence(plan));
    if (cost <= goal)
      return greedy;
    double least = infinity;
    TokenPlan best;
    for (size_t site = 0; site < plan.steps.size(); ++site) {
      TokenPlan next = plan;
      next.steps[site].removed += net.problem.sites[site].tokens / 12;
      makeFeasible(net.problem.sites, next);
      const double saved = cost - cantFail(net.problem.cost(next));
      const double price = saved > 0 ? (cantFail(net.problem.divergence(next)) - greedy.divergence) / saved : infinity;
      if (price < least) {
        least = price;
        best = next;
      }
    }
    if (least == infinity)
      return greedy;
    plan = best;
  }
}

/// What holds of every result.
void expectSound(const MadeUp &net, const TokenSearchResult &result, double share) {
  for (auto [before, after] : zip(result.path, ArrayRef(result.path).drop_front()))
    EXPECT_LT(after.cost, before.cost);
  for (const TokenPoint &point : result.path) {
    TokenPlan feasible = point.plan;
    makeFeasible(net.problem.sites, feasible);
    EXPECT_EQ(MadeUp::removedBy(feasible), MadeUp::removedBy(point.plan));
    EXPECT_EQ(point.cost, cantFail(net.problem.cost(point.plan)));
    EXPECT_EQ(point.divergence, cantFail(net.problem.divergence(point.plan)));
  }
  EXPECT_EQ(result.reachesGoal, result.path.back().cost <= share * net.whole());
  EXPECT_EQ(MadeUp::removedBy(result.path.front().plan), std::vector<int64_t>(net.problem.sites.size()));
}

} // namespace

TEST(TokenSearch, NoSites) {
  MadeUp net({});
  net.problem.cost = [](const TokenPlan &) { return Expected<double>(7); };
  for (double share : {0.5, 1.0}) {
    TokenSearchResult result = net.search(share);
    ASSERT_EQ(result.path.size(), 1u);
    EXPECT_EQ(result.reachesGoal, share == 1);
  }
}

/// With one site there is nothing to choose: the fewest removals that reach the goal, and none where none are needed.
TEST(TokenSearch, OneSite) {
  for (int64_t wanted : {0, 1, 2, 5, 12}) {
    MadeUp net({1});
    const double share = double(25 - wanted) / 25;
    TokenSearchResult result = net.search(share);
    expectSound(net, result, share);
    EXPECT_EQ(MadeUp::removedBy(result.path.back().plan), std::vector<int64_t>{wanted});
  }
}

/// Two streams of which each token saves 1; 2 tokens a step. Prices of steps, over weights 1 and 4: 2, 6, 10, 14 ... and 8, 24 ...
TEST(TokenSearch, CheapestStepsFirst) {
  MadeUp net({1, 4});
  net.problem.sites[1].stream = 1;
  TokenSearchResult result = net.search(40.0 / 50);
  expectSound(net, result, 0.8);
  std::vector<std::vector<int64_t>> path;
  for (const TokenPoint &point : result.path)
    path.push_back(MadeUp::removedBy(point.plan));
  EXPECT_EQ(path, (std::vector<std::vector<int64_t>>{{0, 0}, {2, 0}, {4, 0}, {4, 2}, {6, 2}, {8, 2}}));
}

TEST(TokenSearch, OfEqualSitesTheFirst) {
  MadeUp net({1, 1, 1});
  for (auto [i, site] : enumerate(net.problem.sites))
    site.stream = int64_t(i);
  TokenSearchResult result = net.search(69.0 / 75);
  std::vector<std::vector<int64_t>> path;
  for (const TokenPoint &point : result.path)
    path.push_back(MadeUp::removedBy(point.plan));
  EXPECT_EQ(path, (std::vector<std::vector<int64_t>>{{0, 0, 0}, {2, 0, 0}, {2, 2, 0}, {2, 2, 2}}));
}

/// Looking again at the best site alone finds what looking at all finds, where steps only become dearer; with fewer looks. And
/// exchanges make no plan worse.
TEST(TokenSearch, LazyAsGreedy) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> weight(0.1, 10), share(0.55, 0.95);
  size_t lazyLooks = 0, greedyLooks = 0;
  for (int round = 0; round < 50; ++round) {
    MadeUp net({weight(random), weight(random), weight(random), weight(random)});
    for (auto [i, site] : enumerate(net.problem.sites))
      site.stream = int64_t(i); // else a step at one site changes what one at the next saves
    const double goal = share(random);
    TokenSearchResult result = net.search(goal);
    // Those of the walk are the first ones asked for.
    size_t looks = 0, seen = 0;
    while (seen + 1 < result.path.size() && looks < net.asked.size())
      seen += net.asked[looks++] == MadeUp::removedBy(result.path[seen].plan);
    lazyLooks += looks;
    net.asked.clear();
    Greedy greedy = walkGreedily(net, goal * net.whole());
    greedyLooks += net.asked.size();
    ASSERT_EQ(greedy.path.size(), result.path.size());
    for (size_t i = 0; i + 1 < greedy.path.size(); ++i)
      ASSERT_EQ(MadeUp::removedBy(result.path[i].plan), greedy.path[i]) << "step " << i << " of round " << round;
    EXPECT_LE(result.path.back().divergence, greedy.divergence);
    expectSound(net, result, goal);
  }
  EXPECT_LT(2 * lazyLooks, greedyLooks);
}

/// In one stream what is removed early saves everywhere, which a greedy walk pays for: exchanges find what is best of all plans, or nearly.
TEST(TokenSearch, ExchangesFindTheBestPlan) {
  std::mt19937 random(2);
  std::uniform_real_distribution<double> weight(0.1, 10);
  double gain = 0;
  for (int round = 0; round < 20; ++round) {
    MadeUp net({weight(random), weight(random), weight(random)}, 13);
    constexpr double share = 0.6;
    TokenSearchResult result = net.search(share);
    expectSound(net, result, share);
    ASSERT_TRUE(result.reachesGoal);
    double best = infinity;
    for (int64_t plan = 0; plan < 7 * 7 * 7; ++plan) {
      TokenPlan tried = result.path.front().plan;
      for (auto [step, removed] : zip(tried.steps, std::array{plan % 7, plan / 7 % 7, plan / 49}))
        step.removed = removed;
      makeFeasible(net.problem.sites, tried);
      if (cantFail(net.problem.cost(tried)) <= share * net.whole())
        best = std::min(best, cantFail(net.problem.divergence(tried)));
    }
    EXPECT_LE(result.path.back().divergence, 1.2 * best);
    gain += result.path.back().divergence / walkGreedily(net, share * net.whole()).divergence / 20;
  }
  EXPECT_LT(gain, 0.95) << "exchanges bring nothing";
}

/// Each site loses what it can.
TEST(TokenSearch, GoalOutOfReach) {
  MadeUp net({1, 2});
  TokenSearchResult result = net.search(0.1);
  expectSound(net, result, 0.1);
  EXPECT_FALSE(result.reachesGoal);
  EXPECT_EQ(MadeUp::removedBy(result.path.back().plan), (std::vector<int64_t>{12, 6})) << "half of 24, half of 12";
  EXPECT_LE(net.asked.size(), 4u) << "costs alone tell";
}

/// Kernels work on eight tokens at a time: two fewer save nothing, but eight do.
TEST(TokenSearch, StepsThatSaveNothingBecomeLonger) {
  MadeUp net({1, 3});
  net.costOf = [](int64_t tokens) { return double(divideCeil(tokens, 8)); };
  TokenSearchResult result = net.search(0.5);
  expectSound(net, result, 0.5);
  EXPECT_TRUE(result.reachesGoal);
  // 16 tokens are 2 tiles, as 9 are; what the walk removes beyond that is given back.
  EXPECT_EQ(net.tokensLeft(result.path.back().plan), (std::vector<int64_t>{16, 16}));
}

/// A matching costs as much as five tokens: two fewer would cost more than all.
TEST(TokenSearch, MatchingCostsMoreThanAFewTokensSave) {
  MadeUp net({1, 1, 1});
  net.matching = 11;
  TokenSearchResult result = net.search(0.7);
  expectSound(net, result, 0.7);
  EXPECT_TRUE(result.reachesGoal);
  for (const TokenPoint &point : result.path)
    EXPECT_LE(point.cost, net.whole());
}

/// Where a matching costs more than all it could save the tokens stay.
TEST(TokenSearch, SitesThatSaveNothingStay) {
  MadeUp net({1, 1});
  net.matching = 13;
  TokenSearchResult result = net.search(0.8);
  expectSound(net, result, 0.8);
  EXPECT_EQ(MadeUp::removedBy(result.path.back().plan), (std::vector<int64_t>{12, 0})) << "all that can go behind the second save less than a matching costs";
  net.matching = 100;
  result = net.search(0.8);
  EXPECT_EQ(result.path.size(), 1u);
  EXPECT_FALSE(result.reachesGoal);
  EXPECT_EQ(net.asked.back(), (std::vector<int64_t>{0, 0})) << "what saves nothing is not judged";
  // Nor where that is met on the way to a goal that others reach.
  MadeUp other({1, 1});
  other.problem.sites[1].stream = 1;
  const auto cost = other.problem.cost;
  other.problem.cost = [&](const TokenPlan &plan) -> Expected<double> {
    return cantFail(cost(plan)) + (!plan.steps.empty() && plan.steps[1].removed > 0 ? 100 : 0);
  };
  result = other.search(0.8);
  EXPECT_TRUE(result.reachesGoal);
  for (const std::vector<int64_t> &removed : other.asked)
    EXPECT_EQ(removed[1], 0);
}

/// Outputs that come closer to the teacher's by a removal, or that are no numbers, end the search like others.
TEST(TokenSearch, OddDivergences) {
  for (double odd : {-1.0, 0.0, infinity, std::nan("")}) {
    MadeUp net({1, 2});
    net.problem.divergence = [&](const TokenPlan &plan) -> Expected<double> { return plan.steps[0].removed > 0 ? odd : 0; };
    TokenSearchResult result = net.search(0.6);
    EXPECT_TRUE(result.reachesGoal);
    EXPECT_LE(result.path.back().cost, 0.6 * net.whole());
  }
}

TEST(TokenSearch, SameAgain) {
  MadeUp once({3, 1, 4, 1}, 65), again({3, 1, 4, 1}, 65);
  TokenSearchResult first = once.search(0.5), second = again.search(0.5);
  EXPECT_EQ(once.asked, again.asked);
  ASSERT_EQ(first.path.size(), second.path.size());
  for (auto [a, b] : zip(first.path, second.path))
    EXPECT_EQ(MadeUp::removedBy(a.plan), MadeUp::removedBy(b.plan));
}

/// Not a bound, but of the size of what happens.
TEST(TokenSearch, ExpectedEvaluations) {
  for (std::vector<double> weights : {std::vector<double>{1}, {2, 1}, {3, 1, 4, 1, 5}, {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8}})
    for (double share : {0.6, 0.75}) {
      MadeUp net(weights, 65);
      net.search(share);
      const int64_t expected = expectedEvaluations(net.problem), asked = int64_t(net.asked.size());
      EXPECT_LE(asked, expected * 3 / 2) << weights.size() << " sites, " << share;
      EXPECT_GE(asked, expected / 6) << weights.size() << " sites, " << share;
    }
}

TEST(TokenSearch, WhatCannotBeJudged) {
  auto fail = [](const TokenPlan &plan) -> Expected<double> {
    if (plan.steps[1].removed > 0)
      return createStringError("no");
    return 0;
  };
  MadeUp net({1, 1});
  net.problem.divergence = fail;
  EXPECT_EQ(toString(searchTokens(net.problem, {}, 0.5 * net.whole()).takeError()), "no");
  net.problem.cost = fail;
  EXPECT_EQ(toString(searchTokens(net.problem, {}, -1).takeError()), "no");
}

/// Time falls less than the cost, as some of it is spent elsewhere; so the cost must fall further.
TEST(TokenSearch, LatencyGoals) {
  for (double elsewhere : {-0.2, 0.0, 0.3, 0.5}) {
    MadeUp net({3, 1, 4, 1}, 65);
    net.problem.latency = [&](const TokenPlan &plan) -> Expected<double> {
      return elsewhere + (1 - elsewhere) * cantFail(net.problem.cost(plan)) / net.whole();
    };
    TokenSearchResult result = cantFail(searchTokensForLatency(net.problem, {}, 0.7));
    EXPECT_TRUE(result.reachesGoal);
    ASSERT_TRUE(result.latency);
    EXPECT_EQ(*result.latency, cantFail(net.problem.latency(result.path.back().plan)));
    EXPECT_LE(*result.latency, 0.7);
    if (elsewhere >= 0)
      EXPECT_GT(*result.latency, 0.65) << "more is removed than must be";
  }
}

/// Where the first tokens that go save no time, a line through that leads far below the goal: the search comes back.
TEST(TokenSearch, LatencyThatFallsLate) {
  MadeUp net({3, 1, 4, 1}, 65);
  net.problem.latency = [&](const TokenPlan &plan) -> Expected<double> {
    return std::min(1.0, 0.1 + cantFail(net.problem.cost(plan)) / net.whole());
  };
  TokenSearchResult result = cantFail(searchTokensForLatency(net.problem, {}, 0.9));
  EXPECT_TRUE(result.reachesGoal);
  EXPECT_LE(*result.latency, 0.9);
  EXPECT_GT(*result.latency, 0.8);
}

TEST(TokenSearch, LatencyOutOfReach) {
  int64_t measured = 0;
  // Half of the time goes elsewhere; the time does not fall at all.
  for (double least : {0.5, 1.0}) {
    MadeUp net({3, 1, 4, 1}, 65);
    net.problem.latency = [&](const TokenPlan &plan) -> Expected<double> {
      ++measured;
      return least + (1 - least) * cantFail(net.problem.cost(plan)) / net.whole();
    };
    TokenSearchResult result = cantFail(searchTokensForLatency(net.problem, {}, 0.45));
    EXPECT_FALSE(result.reachesGoal);
    EXPECT_GT(*result.latency, 0.45);
  }
  EXPECT_LE(measured, 12);
}

/// Another variant than the first must be clearly better.
TEST(TokenSearch, ChoosesAVariant) {
  const TokenVariant features, keys{TokenMethod::Merge, TokenMetric::Keys, TokenMatching::Global, 2},
      both{TokenMethod::Merge, TokenMetric::Both, TokenMatching::Global, 2};
  double ofKeys = 1, ofBoth = 1;
  MadeUp net({1, 1});
  const auto plain = net.problem.divergence;
  net.problem.divergence = [&](const TokenPlan &plan) -> Expected<double> {
    return cantFail(plain(plan)) * (plan.variant == keys ? ofKeys : plan.variant == both ? ofBoth : 1);
  };
  auto choose = [&](ArrayRef<TokenVariant> variants) { return cantFail(chooseVariant(net.problem, variants, 0.6 * net.whole())); };
  EXPECT_EQ(choose({features, keys, both}), features);
  ofKeys = 0.95;
  EXPECT_EQ(choose({features, keys, both}), features);
  ofKeys = 0.5;
  EXPECT_EQ(choose({features, keys, both}), keys);
  ofBoth = 0.4;
  EXPECT_EQ(choose({features, keys, both}), both);
  net.asked.clear();
  EXPECT_EQ(choose({both}), both);
  EXPECT_TRUE(net.asked.empty()) << "there is no choice";
}

/// At most half of the tokens that are not protected merge, all but one can be dropped; each stream has its own.
TEST(TokenSearch, Feasible) {
  std::vector<TokenSiteFacts> sites{{"a", 0, 10, 2}, {"b", 0, 10, 2}, {"c", 1, 5, 0}, {"d", 2, 2, 2}};
  auto feasible = [&](TokenMethod method, std::vector<int64_t> wanted) {
    TokenPlan plan;
    plan.variant.method = method;
    for (auto [site, removed] : zip(sites, wanted))
      plan.steps.push_back({site.name, removed});
    makeFeasible(sites, plan);
    return MadeUp::removedBy(plan);
  };
  EXPECT_EQ(feasible(TokenMethod::Merge, {9, 9, 9, 9}), (std::vector<int64_t>{4, 2, 2, 0}));
  EXPECT_EQ(feasible(TokenMethod::Merge, {0, 9, -1, 0}), (std::vector<int64_t>{0, 4, 0, 0}));
  EXPECT_EQ(feasible(TokenMethod::Drop, {5, 9, 9, 1}), (std::vector<int64_t>{5, 2, 4, 0}));
}

} // namespace fettle::test
