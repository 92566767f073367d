//===- AccuracyBudgetTest.cpp - the search finds a cut where there is one --===//

#include "calibration/AccuracyBudget.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include <gtest/gtest.h>
#include <numeric>
#include <random>

namespace fettle::calibration::test {

/// Layers whose harms add up.
struct Network {
  std::vector<double> harm;
  double allowed = 0;
  int divergences = 0, judgements = 0;

  double left(llvm::ArrayRef<size_t> reverted) const {
    double sum = std::accumulate(harm.begin(), harm.end(), 0.0);
    for (size_t layer : reverted)
      sum -= harm[layer];
    return sum;
  }
  BudgetProblem problem(int64_t revertible) {
    BudgetProblem problem;
    problem.macs.assign(harm.size(), 1);
    problem.revertibleMacs = revertible;
    problem.divergence = [this](llvm::ArrayRef<size_t> reverted) {
      ++divergences;
      return llvm::Expected<double>(left(reverted));
    };
    problem.holds = [this](llvm::ArrayRef<size_t> reverted) {
      ++judgements;
      return llvm::Expected<bool>(left(reverted) <= allowed);
    };
    return problem;
  }
};

static BudgetResult search(const BudgetProblem &problem) {
  auto result = searchBudget(problem);
  EXPECT_TRUE(bool(result));
  return result ? std::move(*result) : BudgetResult();
}

TEST(AccuracyBudget, RevertsTheWorstLayersAndNoMore) {
  Network network{{0.02, 0.4, 0.01, 0.1, 0.03}, 0.07};
  BudgetResult result = search(network.problem(5));
  EXPECT_TRUE(result.holds);
  EXPECT_EQ(result.reverted, (std::vector<size_t>{1, 3}));
  ASSERT_EQ(result.sensitivity.size(), 5u);
  EXPECT_NEAR(result.sensitivity[1], 0.4, 1e-12);
  EXPECT_EQ(network.divergences, 6);
  EXPECT_LE(network.judgements, 4);
}

TEST(AccuracyBudget, FindsACutWhereThereIsOne) {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> uniform;
  for (int round = 0; round < 300; ++round) {
    Network network;
    for (size_t layers = 1 + random() % 20; layers > 0; --layers)
      network.harm.push_back(uniform(random));
    network.allowed = uniform(random) * double(network.harm.size());
    int64_t revertible = random() % (network.harm.size() + 1);
    BudgetResult result = search(network.problem(revertible));
    // The most that can be taken away is the sum of the worst layers.
    std::vector<double> worst = network.harm;
    llvm::sort(worst, std::greater<double>());
    double best = std::accumulate(worst.begin() + revertible, worst.end(), 0.0);
    EXPECT_EQ(result.holds, revertible > 0 && best <= network.allowed) << round;
    EXPECT_LE(int64_t(result.reverted.size()), revertible);
    if (!result.holds)
      continue;
    EXPECT_LE(network.left(result.reverted), network.allowed);
    // One layer fewer would not do.
    if (result.reverted.size() > 1)
      EXPECT_GT(network.left(llvm::ArrayRef(result.reverted).drop_back()), network.allowed);
    EXPECT_LE(network.judgements, int(llvm::Log2_64_Ceil(network.harm.size() + 1)) + 1);
  }
}

TEST(AccuracyBudget, WhatItReturnsWasSeenToHold) {
  // A judge without any order: whatever comes out, it said yes to.
  std::mt19937 random(5);
  for (int round = 0; round < 200; ++round) {
    Network network{std::vector<double>(12, 1.0)};
    BudgetProblem problem = network.problem(12);
    std::vector<bool> verdicts;
    for (int length = 0; length <= 12; ++length)
      verdicts.push_back(random() % 2);
    problem.holds = [&](llvm::ArrayRef<size_t> reverted) { return llvm::Expected<bool>(bool(verdicts[reverted.size()])); };
    BudgetResult result = search(problem);
    EXPECT_EQ(result.holds, bool(verdicts[12]));
    EXPECT_EQ(bool(verdicts[result.reverted.size()]), result.holds);
  }
}

TEST(AccuracyBudget, LayersThatAreTooLargeArePassedOver) {
  Network network{{0.5, 0.3, 0.2}, 0.6};
  BudgetProblem problem = network.problem(4);
  problem.macs = {100, 3, 1};
  BudgetResult result = search(problem);
  EXPECT_TRUE(result.holds);
  EXPECT_EQ(result.reverted, (std::vector<size_t>{1, 2}));
  problem.revertibleMacs = 0;
  network.divergences = 0;
  result = search(problem);
  EXPECT_FALSE(result.holds);
  EXPECT_TRUE(result.reverted.empty());
  EXPECT_EQ(network.divergences, 0) << "there is nothing to rank";
}

} // namespace fettle::calibration::test
