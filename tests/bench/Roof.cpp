//===- Roof.cpp - what one core can do at most ----------------------------===//

#include "tests/bench/Roof.h"
#include "tools/fettle/MachinePeak.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <limits>

namespace fettle::bench {

double Roof::sample(double seconds) {
  double rate = precision == Precision::Int8   ? cli::measurePeakByteOps(seconds)
                : precision == Precision::Bf16 ? cli::measurePeakBf16Flops(seconds)
                                               : cli::measurePeakFlops(vectorBytes, seconds);
  best = std::max(best, rate);
  return rate;
}

double Roof::bandwidth(double bytes) {
  int64_t size = std::max<int64_t>(bytes, 1 << 14);
  double &rate = bandwidths[size];
  return rate ? rate : rate = cli::measureReadBandwidth(size);
}

void Rounds::begin() {
  wholeBefore = roof.lookahead.isWhole();
  before = roof.sample(sampleSeconds);
  elapsed = 0;
  fastest = std::numeric_limits<double>::infinity();
}

void Rounds::end() {
  if (elapsed == 0)
    return;
  double after = roof.sample(sampleSeconds);
  bool wholeAfter = roof.lookahead.isWhole();
  rounds.push_back({fastest, fastest * std::max(before, after), wholeBefore && wholeAfter});
  wholeBefore = wholeAfter;
  before = after;
  elapsed = 0;
  fastest = std::numeric_limits<double>::infinity();
}

void Rounds::add(double secondsOfOneCall, int64_t calls) {
  fastest = std::min(fastest, secondsOfOneCall);
  elapsed += secondsOfOneCall * calls;
  if (elapsed >= roundSeconds)
    end();
}

/// What a quarter of the values are below.
double Rounds::lowerQuartile(double Round::*value) const {
  size_t whole = llvm::count_if(rounds, [](const Round &round) { return round.isWhole; });
  bool isEnough = whole >= std::max<size_t>(3, rounds.size() / 10);
  std::vector<double> values;
  for (const Round &round : rounds)
    if (round.isWhole || !isEnough)
      values.push_back(round.*value);
  auto quarter = values.begin() + values.size() / 4;
  std::nth_element(values.begin(), quarter, values.end());
  return *quarter;
}

double Rounds::seconds() const { return lowerQuartile(&Round::seconds); }
double Rounds::share() const { return operations / lowerQuartile(&Round::slowness); }
double Rounds::halfCore() const {
  if (!roof.lookahead.hasBeenWhole())
    return 0;
  return double(llvm::count_if(rounds, [](const Round &round) { return !round.isWhole; })) / rounds.size();
}

} // namespace fettle::bench
