//===- PlainTransformer.cpp - a transformer evaluated plainly --------------===//
//
// One image after the other, one token after the other. Matching, merging and dropping are written from the descriptions of the ops
// (ir/nn/NnOps.td), what becomes of the rest of a network from that of TokenRewriter.cpp.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/passes/SmallTransformer.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <cmath>
#include <numeric>

using namespace llvm;

namespace fettle::test {

static Matrix multiply(const Matrix &x, const Matrix &weight, const Matrix &bias) {
  Matrix y(x.rows, weight.columns);
  for (int64_t row = 0; row < y.rows; ++row)
    for (int64_t column = 0; column < y.columns; ++column) {
      y(row, column) = bias(0, column);
      for (int64_t k = 0; k < x.columns; ++k)
        y(row, column) += x(row, k) * weight(k, column);
    }
  return y;
}

static Matrix add(Matrix x, const Matrix &y) {
  for (size_t i = 0; i < x.values.size(); ++i)
    x.values[i] += y.values[i];
  return x;
}

static Matrix norm(const Matrix &x, const Matrix &scale, const Matrix &bias) {
  Matrix y(x.rows, x.columns);
  for (int64_t row = 0; row < x.rows; ++row) {
    double mean = 0, variance = 0;
    for (int64_t i = 0; i < x.columns; ++i)
      mean += x(row, i) / x.columns;
    for (int64_t i = 0; i < x.columns; ++i)
      variance += (x(row, i) - mean) * (x(row, i) - mean) / x.columns;
    for (int64_t i = 0; i < x.columns; ++i)
      y(row, i) = (x(row, i) - mean) / std::sqrt(variance + 1e-5) * scale(0, i) + bias(0, i);
  }
  return y;
}

static void softmax(std::vector<double> &scores) {
  double largest = *std::max_element(scores.begin(), scores.end()), sum = 0;
  for (double &score : scores)
    sum += score = std::exp(score - largest);
  for (double &score : scores)
    score /= sum;
}

/// Each row over the root of its mean square.
static Matrix normalizeRows(Matrix x) {
  for (int64_t row = 0; row < x.rows; ++row) {
    double square = 0;
    for (int64_t i = 0; i < x.columns; ++i)
      square += x(row, i) * x(row, i) / x.columns;
    for (int64_t i = 0; i < x.columns; ++i)
      x(row, i) /= std::sqrt(square + 1e-12);
  }
  return x;
}

namespace {
class PlainTransformer {
public:
  PlainTransformer(const SmallTransformer &net, ArrayRef<int64_t> counts, TokenVariant variant, std::vector<double> flags)
      : net(net), counts(counts), variant(variant), flags(std::move(flags)) {}

  std::vector<double> run(Matrix x) {
    const std::vector<SmallTransformer::Layer> layers = net.weights();
    for (size_t i = 0; i < layers.size(); ++i)
      x = block(x, layers[i], i < counts.size() ? counts[i] : 0);
    return head(x);
  }

private:
  using Sizes = std::vector<double>; ///< empty: all 1
  struct Reduction {
    std::vector<int64_t> assignment;
    Sizes sizes; ///< before it
    int64_t left;
  };

  static Matrix merge(const Matrix &x, const Reduction &how) {
    Matrix y(how.left, x.columns);
    for (int64_t token = 0; token < how.left; ++token) {
      double total = 0;
      int64_t parts = 0;
      for (int64_t part = 0; part < x.rows; ++part)
        if (how.assignment[part] == token) {
          total += how.sizes.empty() ? 1 : how.sizes[part];
          ++parts;
        }
      for (int64_t part = 0; part < x.rows; ++part) {
        if (how.assignment[part] != token)
          continue;
        double size = how.sizes.empty() ? 1 : how.sizes[part], weight = parts == 1 ? 1 : total == 0 ? 1.0 / parts : size / total;
        for (int64_t i = 0; i < x.columns; ++i)
          y(token, i) += weight * x(part, i);
      }
    }
    return y;
  }
  /// What has an entry for each token there was, for those there are.
  Matrix carried(Matrix x) const {
    for (const Reduction &reduction : reductions)
      x = merge(x, reduction);
    return x;
  }
  /// The other way.
  Matrix restored(const Matrix &x) const {
    Matrix y(net.tokens, x.columns);
    for (int64_t token = 0; token < net.tokens; ++token) {
      int64_t now = token;
      for (const Reduction &reduction : reductions)
        now = reduction.assignment[now];
      for (int64_t i = 0; i < x.columns; ++i)
        y(token, i) = x(now, i);
    }
    return y;
  }

  Matrix turn(const Matrix &x, int64_t heads) const {
    auto [cosines, sines] = net.turns();
    cosines = carried(cosines);
    sines = carried(sines);
    const int64_t depth = net.depth(), half = depth / 2;
    Matrix y(x.rows, x.columns);
    for (int64_t token = 0; token < x.rows; ++token)
      for (int64_t head = 0; head < heads; ++head)
        for (int64_t i = 0; i < depth; ++i) {
          double other = i < half ? -x(token, head * depth + i + half) : x(token, head * depth + i - half);
          y(token, head * depth + i) = x(token, head * depth + i) * cosines(token, i) + other * sines(token, i);
        }
    return y;
  }

  /// What is added to scores of each key.
  std::vector<double> bias(int64_t tokens) const {
    std::vector<double> result(tokens, 0.0);
    for (int64_t token = 0; token < tokens; ++token) {
      if (!sizes.empty())
        result[token] = std::log(std::max(sizes[token], 1e-30));
      else if (!flags.empty() && reductions.empty())
        result[token] = (1 - flags[token]) * -10000;
    }
    return result;
  }

  Matrix attention(const Matrix &x, const SmallTransformer::Layer &layer) {
    Matrix placed = net.hasPositions || net.hasGivenPositions ? add(x, carried(net.positions())) : x;
    Matrix query = multiply(placed, layer.query, layer.queryBias), value = multiply(net.isPacked ? placed : x, layer.value, layer.valueBias);
    keys = multiply(placed, layer.key, layer.keyBias);
    if (net.isRotary) {
      query = turn(query, net.heads);
      keys = turn(keys, net.keyHeads);
    }
    const int64_t depth = net.depth(), tokens = x.rows;
    const std::vector<double> added = bias(tokens);
    Matrix y(tokens, net.channels);
    received.assign(tokens, 0);
    for (int64_t head = 0; head < net.heads; ++head)
      for (int64_t token = 0; token < tokens; ++token) {
        const int64_t from = head / (net.heads / net.keyHeads) * depth;
        std::vector<double> weights(added);
        for (int64_t other = 0; other < tokens; ++other)
          for (int64_t i = 0; i < depth; ++i)
            weights[other] += 0.5 * query(token, head * depth + i) * keys(other, from + i);
        softmax(weights);
        for (int64_t other = 0; other < tokens; ++other) {
          if (token == 0 || net.protectedTokens() == 0)
            received[other] += weights[other];
          for (int64_t i = 0; i < depth; ++i)
            y(token, head * depth + i) += weights[other] * value(other, from + i);
        }
      }
    y = multiply(y, layer.output, layer.outputBias);
    if (!net.zeroesPadding)
      return y;
    y = restored(y);
    for (int64_t token = 0; token < net.tokens; ++token)
      for (int64_t i = 0; i < net.channels && flags[token] == 0; ++i)
        y(token, i) = 0;
    return carried(y);
  }

  Matrix convolution(const Matrix &x, const Matrix &filter) const {
    Matrix y(x.rows, x.columns);
    for (int64_t token = 0; token < x.rows; ++token)
      for (int64_t i = 0; i < x.columns; ++i)
        for (int64_t tap = 0; tap < 3; ++tap)
          if (int64_t from = token + tap - 1; from >= 0 && from < x.rows)
            y(token, i) += filter(i, tap) * x(from, i);
    return y;
  }

  Matrix block(Matrix x, const SmallTransformer::Layer &layer, int64_t count) {
    if (net.isConvolved)
      x = add(x, carried(convolution(restored(x), layer.filter)));
    x = net.isPreNorm ? add(x, attention(norm(x, layer.firstScale, layer.firstBias), layer))
                      : norm(add(x, attention(x, layer)), layer.firstScale, layer.firstBias);
    x = reduce(x, count);
    Matrix hidden = multiply(net.isPreNorm ? norm(x, layer.secondScale, layer.secondBias) : x, layer.up, layer.upBias);
    for (double &value : hidden.values)
      value *= 0.5 * (1 + std::erf(value / std::sqrt(2.0)));
    x = add(x, multiply(hidden, layer.down, layer.downBias));
    return net.isPreNorm ? x : norm(x, layer.secondScale, layer.secondBias);
  }

  Matrix reduce(Matrix x, int64_t count) {
    if (count == 0)
      return x;
    if (reductions.empty() && !flags.empty())
      for (double flag : flags)
        sizes.push_back(std::exp((1 - flag) * -10000));
    const bool drops = variant.method == TokenMethod::Drop;
    // A matching for each third of the tokens that goes.
    const int64_t thirds = (3 * count + x.rows - net.protectedTokens() - 1) / (x.rows - net.protectedTokens());
    const int64_t rounds = drops ? 1 : std::min({variant.rounds, thirds, count});
    for (int64_t round = 0; round < rounds; ++round) {
      const int64_t now = count * (round + 1) / rounds - count * round / rounds;
      Reduction how{drops ? drop(x.rows, now) : match(x, now), sizes, x.rows - now};
      x = merge(x, how);
      keys = merge(keys, how);
      Sizes merged(how.left, 0.0);
      for (size_t part = 0; part < how.assignment.size(); ++part)
        if (how.assignment[part] >= 0)
          merged[how.assignment[part]] += how.sizes.empty() ? 1 : how.sizes[part];
      if (!drops || !sizes.empty())
        sizes = merged;
      reductions.push_back(std::move(how));
    }
    return x;
  }

  std::vector<int64_t> drop(int64_t tokens, int64_t count) const {
    const int64_t protect = net.protectedTokens();
    std::vector<int64_t> order(tokens - protect), assignment(tokens, -1);
    std::iota(order.begin(), order.end(), protect);
    llvm::sort(order, [&](int64_t a, int64_t b) { return std::pair(-received[a], a) < std::pair(-received[b], b); });
    order.resize(tokens - protect - count);
    int64_t next = 0;
    for (int64_t token = 0; token < tokens; ++token)
      if (token < protect || is_contained(order, token))
        assignment[token] = next++;
    return assignment;
  }

  std::vector<int64_t> match(const Matrix &x, int64_t count) const {
    Matrix metric = x;
    if (variant.metric == TokenMetric::Keys)
      metric = keys;
    if (variant.metric == TokenMetric::Both) {
      Matrix a = normalizeRows(x), b = normalizeRows(keys);
      metric = Matrix(x.rows, a.columns + b.columns);
      for (int64_t token = 0; token < x.rows; ++token)
        for (int64_t i = 0; i < metric.columns; ++i)
          metric(token, i) = i < a.columns ? a(token, i) : b(token, i - a.columns);
    }
    const bool isNear = variant.matching == TokenMatching::Local && reductions.empty();
    struct Pair {
      double cost;
      int64_t source, target;
    };
    std::vector<Pair> pairs;
    for (int64_t source = net.protectedTokens() + 1; source < x.rows; source += 2) {
      Pair best{INFINITY, source, -1};
      for (int64_t target = net.protectedTokens(); target < x.rows; target += 2) {
        if (isNear && std::abs(source - target) > 1)
          continue;
        double distance = 0, a = sizes.empty() ? 1 : sizes[source], b = sizes.empty() ? 1 : sizes[target];
        for (int64_t i = 0; i < metric.columns; ++i)
          distance += (metric(source, i) - metric(target, i)) * (metric(source, i) - metric(target, i));
        double cost = a + b == 0 ? 0 : a * b / (a + b) * distance;
        if (best.target < 0 || cost < best.cost)
          best = {cost, source, target};
      }
      pairs.push_back(best);
    }
    llvm::sort(pairs, [](const Pair &a, const Pair &b) { return std::pair(a.cost, a.source) < std::pair(b.cost, b.source); });
    pairs.resize(count);
    std::vector<int64_t> assignment(x.rows, -1);
    for (int64_t token = 0, next = 0; token < x.rows; ++token)
      if (none_of(pairs, [&](const Pair &pair) { return pair.source == token; }))
        assignment[token] = next++;
    for (const Pair &pair : pairs)
      assignment[pair.source] = assignment[pair.target];
    return assignment;
  }

  std::vector<double> head(const Matrix &x) const {
    auto rows = [](const Matrix &all, int64_t first, int64_t count) {
      auto begin = all.values.begin() + first * all.columns;
      return std::vector<double>(begin, begin + count * all.columns);
    };
    // Leading tokens stand where they stood.
    if (net.head == Head::Some)
      return rows(net.protectedTokens() > 0 ? x : restored(x), net.first, net.kept);
    std::vector<double> result(net.channels);
    auto accumulate = [&](const Matrix &all, int64_t row, double weight) {
      for (int64_t i = 0; i < net.channels; ++i)
        result[i] += weight * all(row, i);
    };
    if (net.head == Head::Two) {
      accumulate(x, 0, 1);
      accumulate(x, 1, 1);
      return result;
    }
    Matrix all = restored(x);
    if (net.head == Head::All)
      return all.values;
    double number = net.head == Head::Mean ? double(net.tokens) : std::accumulate(flags.begin(), flags.end(), 0.0);
    for (int64_t token = 0; token < net.tokens; ++token)
      accumulate(all, token, (net.head == Head::Mean ? 1 : flags[token]) / number);
    return result;
  }

  const SmallTransformer &net;
  ArrayRef<int64_t> counts;
  TokenVariant variant;
  std::vector<double> flags; ///< of tokens that are no padding; empty if none is
  std::vector<Reduction> reductions;
  Sizes sizes;
  Matrix keys;                  ///< of the last attention
  std::vector<double> received; ///< by each token, of the attention there is
};
} // namespace

std::vector<double> SmallTransformer::evaluate(ArrayRef<int64_t> counts, TokenVariant variant) const {
  mlir::MLIRContext context;
  SmallVector<HostTensor> given = inputs(context);
  std::vector<double> x = given[0].doubles(), flags = isPadded ? given[1].doubles() : std::vector<double>(), results;
  for (int64_t image = 0; image < batch; ++image) {
    Matrix own(tokens, channels);
    std::copy_n(x.begin() + image * tokens * channels, tokens * channels, own.values.begin());
    std::vector<double> ownFlags;
    if (isPadded)
      ownFlags.assign(flags.begin() + image * tokens, flags.begin() + (image + 1) * tokens);
    append_range(results, PlainTransformer(*this, counts, variant, ownFlags).run(own));
  }
  return results;
}

} // namespace fettle::test
