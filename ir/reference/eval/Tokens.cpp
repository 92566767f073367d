//===- Tokens.cpp - ops that reduce tokens --------------------------------===//
//
// What the descriptions of the ops leave open: a cost that is no number counts as infinite, a score that is none as
// -inf, and an entry of an assignment that names no token as -1.
//
//===----------------------------------------------------------------------===//

#include "ir/reference/eval/Elements.h"
#include "ir/reference/eval/Eval.h"
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

using namespace mlir;

namespace fettle::reference {

static constexpr double infinity = std::numeric_limits<double>::infinity();

/// The first `count` numbers below `extent` in the order `before`, ties to the lower number, as flags.
template <typename Before> static std::vector<bool> chooseFirst(int64_t extent, int64_t count, Before before) {
  std::vector<int64_t> order(extent);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), before);
  std::vector<bool> chosen(extent);
  for (int64_t i = 0; i < count; ++i)
    chosen[order[i]] = true;
  return chosen;
}

namespace {
/// The tokens of one image that may be merged, as places in [0, t - protect): even ones are targets, odd ones sources.
struct Matching {
  const DoubleReader &metric;
  std::optional<DoubleReader> sizes;
  int64_t first, places, width; ///< `first`: the number of place 0 among the tokens of all images

  double cost(int64_t source, int64_t target) const {
    double distance = 0;
    for (int64_t i = 0; i < width; ++i) {
      double difference = metric[(first + source) * width + i] - metric[(first + target) * width + i];
      distance += difference * difference;
    }
    double a = sizes ? (*sizes)[first + source] : 1, b = sizes ? (*sizes)[first + target] : 1;
    double cost = a + b == 0 ? 0 : a * b / (a + b) * distance;
    return std::isnan(cost) ? infinity : cost;
  }
  /// The cheapest target of a source and what it costs.
  std::pair<int64_t, double> cheapest(int64_t source, int64_t reach) const {
    int64_t best = -1;
    double bestCost = infinity;
    for (int64_t target = 0; target < places; target += 2) {
      if (reach > 0 && std::abs(source - target) > reach)
        continue;
      double here = cost(source, target);
      if (best < 0 || here < bestCost) {
        best = target;
        bestCost = here;
      }
    }
    return {best, bestCost};
  }
};
} // namespace

/// The assignment [n, t] of `op`, of which `assign` gives a sequence's.
template <typename Op> static Results assignTokens(Op op, llvm::function_ref<std::vector<int64_t>(int64_t image)> assign) {
  HostTensor result(op.getAssignment().getType());
  IntegerWriter write(result);
  int64_t next = 0;
  for (int64_t image = 0; image < result.shape()[0]; ++image)
    for (int64_t target : assign(image))
      write.set(next++, target);
  return {result};
}

Results evaluateOp(nn::MatchTokensOp op, Operands operands) {
  ArrayRef<int64_t> shape = op.getMetric().getType().getShape();
  int64_t tokens = shape[1], protect = op.getProtect();
  DoubleReader metric(operands[0]);
  return assignTokens(op, [&](int64_t image) {
    Matching matching{metric, std::nullopt, image * tokens + protect, tokens - protect, shape[2]};
    if (op.getSizes())
      matching.sizes.emplace(operands[1]);
    std::vector<int64_t> targets;
    std::vector<double> costs;
    for (int64_t source = 1; source < matching.places; source += 2) {
      auto [target, cost] = matching.cheapest(source, op.getReach());
      targets.push_back(target);
      costs.push_back(cost);
    }
    std::vector<bool> isMerged =
        chooseFirst(costs.size(), op.getRemove(), [&](int64_t a, int64_t b) { return costs[a] < costs[b]; });
    auto isRemoved = [&](int64_t token) {
      int64_t place = token - protect;
      return place > 0 && place % 2 == 1 && isMerged[place / 2];
    };
    std::vector<int64_t> assignment(tokens);
    int64_t next = 0;
    for (int64_t token = 0; token < tokens; ++token)
      if (!isRemoved(token))
        assignment[token] = next++;
    for (int64_t token = 0; token < tokens; ++token)
      if (isRemoved(token))
        assignment[token] = assignment[protect + targets[(token - protect) / 2]];
    return assignment;
  });
}

Results evaluateOp(nn::DropTokensOp op, Operands operands) {
  int64_t tokens = op.getScore().getType().getDimSize(1), protect = op.getProtect();
  DoubleReader score(operands[0]);
  return assignTokens(op, [&](int64_t image) {
    auto scoreOf = [&](int64_t i) {
      double value = score[image * tokens + protect + i];
      return std::isnan(value) ? -infinity : value;
    };
    std::vector<bool> isKept = chooseFirst(tokens - protect, int64_t(op.getKeep()) - protect,
                                           [&](int64_t a, int64_t b) { return scoreOf(a) > scoreOf(b); });
    std::vector<int64_t> assignment(tokens);
    int64_t next = 0;
    for (int64_t token = 0; token < tokens; ++token)
      assignment[token] = token < protect || isKept[token - protect] ? next++ : -1;
    return assignment;
  });
}

Results evaluateOp(nn::MergeTokensOp op, Operands operands) {
  ArrayRef<int64_t> shape = op.getInput().getType().getShape();
  int64_t tokens = shape[1], merged = op.getTokens(), width = shape[2];
  HostTensor output(op.getOutput().getType()), newSizes(op.getNewSizes().getType());
  DoubleReader input(operands[0]);
  IntegerReader assignment(operands[1]);
  std::optional<DoubleReader> sizes;
  if (op.getSizes())
    sizes.emplace(operands[2]);
  DoubleWriter writeOutput(output), writeSize(newSizes);
  for (int64_t image = 0; image < shape[0]; ++image) {
    for (int64_t token = 0; token < merged; ++token) {
      std::vector<int64_t> parts;
      for (int64_t part = image * tokens; part < (image + 1) * tokens; ++part)
        if (assignment[part] == token)
          parts.push_back(part);
      auto sizeOf = [&](int64_t part) { return sizes ? (*sizes)[part] : 1; };
      double total = 0;
      for (int64_t part : parts)
        total += sizeOf(part);
      int64_t at = image * merged + token;
      writeSize.set(at, total);
      for (int64_t channel = 0; channel < width; ++channel) {
        double sum = 0;
        for (int64_t part : parts)
          sum += (total == 0 ? 1 : sizeOf(part)) * input[part * width + channel];
        double mean = parts.empty() ? 0 : sum / (total == 0 ? double(parts.size()) : total);
        writeOutput.set(at * width + channel, parts.size() == 1 ? input[parts[0] * width + channel] : mean);
      }
    }
  }
  return {output, newSizes};
}

Results evaluateOp(nn::UnmergeTokensOp op, Operands operands) {
  ArrayRef<int64_t> shape = op.getOutput().getType().getShape();
  int64_t merged = op.getInput().getType().getDimSize(1), width = shape[2];
  HostTensor result(op.getOutput().getType());
  DoubleReader input(operands[0]);
  IntegerReader assignment(operands[1]);
  DoubleWriter write(result);
  for (int64_t token = 0, end = shape[0] * shape[1]; token < end; ++token) {
    int64_t from = assignment[token], image = token / shape[1];
    bool isKept = from >= 0 && from < merged;
    for (int64_t channel = 0; channel < width; ++channel)
      write.set(token * width + channel, isKept ? input[(image * merged + from) * width + channel] : 0);
  }
  return {result};
}

} // namespace fettle::reference
