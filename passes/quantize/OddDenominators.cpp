//===- OddDenominators.cpp - factors that leave no ties --------------------===//
//
// Problem. A sum of products of bytes is an integer a; m a is rounded to a byte, with m = sx sw / sy.
// Where m a lies half way between two numbers, the byte depends on the order of operations: whether one
// multiplies or divides, when a bias or zero point is added, how products of floats are summed up. So two
// runtimes that read one file part in a few of a million bytes of the first layers, and fifty layers later in half of them.
//
// Example. m = 0.0009774789: a = 12,788 gives 12.5000002. With m = 1 / 1023 instead, m a = j + 1/2 would
// mean 2 a = 1023 (2 j + 1), an even number that is odd. No a is nearer to a tie than 1 / 2046 of a step, and what single
// precision loses is a hundredth of that.
//
// How. Factors shall be k / d with an odd d, the smaller, the further from ties. The scales of weights are free to
// make them so: m = k / d at or a little above what their range asks for. Sums of several terms (residuals) want a common d;
// scales of activations that meet in a sum stand in such a ratio to each other. Cost: d / 2 trials a channel.
//
// Source: our own.
//
//===----------------------------------------------------------------------===//

#include "passes/quantize/OddDenominators.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>

namespace fettle {

static constexpr int64_t largest = 1 << 16;
/// By how much steps may grow: a share of themselves.
static constexpr double activationShare = 1.0 / 64, weightShare = 1.0 / 256;

std::optional<Fraction> oddFractionBelow(double ratio) {
  if (!(ratio > 1.0 / largest) || !(ratio < largest))
    return std::nullopt;
  for (int64_t denominator = 1; denominator < largest; denominator += 2) {
    int64_t numerator = int64_t(ratio * double(denominator) * (1 + 1e-7)); // what is a fraction already stays so
    if (numerator > 0 && double(numerator) >= ratio * double(denominator) * (1 - activationShare))
      return Fraction{numerator, denominator};
  }
  return std::nullopt;
}

std::optional<int64_t> oddDenominatorOf(double ratio) {
  for (int64_t denominator = 1; denominator < 128; denominator += 2) {
    double numerator = ratio * double(denominator);
    if (std::nearbyint(numerator) > 0 && std::fabs(numerator - std::nearbyint(numerator)) <= 1e-6 * numerator)
      return denominator;
  }
  return std::nullopt;
}

int64_t numeratorAbove(double factor, int64_t denominator) { return int64_t(std::ceil(factor * double(denominator))); }

std::optional<int64_t> commonOddDenominator(llvm::ArrayRef<double> factors, int64_t multipleOf) {
  auto suits = [](double factor, int64_t denominator) {
    return double(numeratorAbove(factor, denominator)) <= factor * double(denominator) * (1 + weightShare);
  };
  for (int64_t denominator = multipleOf; denominator < largest; denominator += 2 * multipleOf)
    if (llvm::all_of(factors, [&](double factor) { return suits(factor, denominator); }))
      return denominator;
  return std::nullopt;
}

} // namespace fettle
