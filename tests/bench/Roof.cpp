//===- Roof.cpp - what one core can do at most ----------------------------===//

#include "tests/bench/Roof.h"
#include "tools/fettle/MachinePeak.h"
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
  before = roof.sample(sampleSeconds);
  elapsed = 0;
  fastest = std::numeric_limits<double>::infinity();
}

void Rounds::end() {
  if (elapsed == 0)
    return;
  double sampleBefore = before, seconds = fastest;
  begin();
  times.push_back(seconds);
  slownesses.push_back(seconds * std::max(sampleBefore, before));
}

void Rounds::add(double secondsOfOneCall, int64_t calls) {
  fastest = std::min(fastest, secondsOfOneCall);
  elapsed += secondsOfOneCall * calls;
  if (elapsed >= roundSeconds)
    end();
}

/// What a quarter of the values are below.
static double lowerQuartile(std::vector<double> values) {
  auto quarter = values.begin() + values.size() / 4;
  std::nth_element(values.begin(), quarter, values.end());
  return *quarter;
}

double Rounds::seconds() const { return lowerQuartile(times); }
double Rounds::share() const { return operations / lowerQuartile(slownesses); }

} // namespace fettle::bench
