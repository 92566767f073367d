//===- Roof.h - what one core can do at most ------------------------------===//
//
// The clock of a core moves by a fifth with what its neighbours do, so a peak that was measured a second ago says little
// about a kernel that runs now. Both are taken in turns instead: a round is a sample of the peak, calls of the kernel
// for a fifth of a millisecond (one call at least), and another sample, with a look at the core between rounds. Its share is the rate of its fastest call over
// the better sample.
//
//   peak 240 | kernel 230 | peak 240      96 %
//   peak 240 | kernel 230 | peak 280      82 %: the clock rose on the way; other rounds will tell
//
// A kernel's time and share are what a quarter of its rounds reach, of those on a whole core (Lookahead.h) if a tenth are. Other processes make calls slower, which the better
// half of the rounds is free of. The very best flatters: on a busy machine samples of the peak come out 3 % low, and
// processor time, which leaves out the time of others, now and then leaves out half of a call.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_TESTS_BENCH_ROOF_H
#define FETTLE_TESTS_BENCH_ROOF_H

#include "tests/bench/Layer.h"
#include "tests/bench/Lookahead.h"
#include <cstdint>
#include <map>
#include <vector>

namespace fettle::bench {

class Roof {
public:
  /// `vectorBytes`: of the registers whose multiply-adds are the peak of Precision::F32.
  Roof(Precision precision, int64_t vectorBytes) : precision(precision), vectorBytes(vectorBytes) { sample(/*seconds=*/0.1); }

  /// Multiply-adds times two, a second: the best seen in the run so far; 0 where the core has no such instruction.
  double operations() const { return best; }
  /// The same now, measured for `seconds`.
  double sample(double seconds);
  /// Bytes a second, read from as much memory as `bytes`.
  double bandwidth(double bytes);
  Lookahead lookahead;

private:
  Precision precision;
  int64_t vectorBytes;
  double best = 0;
  std::map<int64_t, double> bandwidths;
};

/// The rounds of one kernel, all of whose calls do `operations` operations.
class Rounds {
public:
  Rounds(Roof &roof, double operations) : roof(roof), operations(operations) {}

  /// To be called before the first call and behind the last one of those that follow each other.
  void begin();
  void end();
  /// To be called after each stretch of calls.
  void add(double secondsOfOneCall, int64_t calls);

  /// What a quarter of the rounds reach: of one call, and part of the peak. One round must have ended.
  double seconds() const;
  double share() const;
  /// Part of the rounds that ran on half a core, as far as it can be told.
  double halfCore() const;

private:
  static constexpr double sampleSeconds = 60e-6, roundSeconds = 200e-6;
  Roof &roof;
  double operations;
  double before = 0, elapsed = 0, fastest = 0; ///< of the round that runs
  bool wholeBefore = false;

  struct Round {
    double seconds;  ///< of the fastest call
    double slowness; ///< operations at the peak in that time
    bool isWhole;    ///< before and after
  };
  std::vector<Round> rounds;
  double lowerQuartile(double Round::*value) const;
};

} // namespace fettle::bench

#endif
