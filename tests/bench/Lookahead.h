//===- Lookahead.h - whether the core is ours alone -----------------------===//
//
// Problem. Cores with two hardware threads split their queues in halves while both run. What the other one does, perhaps
// for another guest of the machine, then makes a kernel slower that depends on looking ahead, though the peak of
// multiply-adds stays as it is: a depthwise convolution of 56x56x144 takes 42 us on a whole core and 52 on half a one.
//
// Measured. Two loads that miss all caches wait together if both fit into the queue of instructions that are under way, and
// one after the other if not. Zen 5 has 448 places there, or 224; Golden Cove 512, or 256:
//
//   load a, 60 nops,  load b, 60 nops, ...     185 ns a turn, always
//   load a, 300 nops, load b, 300 nops, ...    185 ns on a whole core, 350 on half of one
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_TESTS_BENCH_LOOKAHEAD_H
#define FETTLE_TESTS_BENCH_LOOKAHEAD_H

#include <memory>

namespace fettle::bench {

class Lookahead {
public:
  Lookahead();
  ~Lookahead();
  /// Whether instructions now look ahead by 300 others; takes a twentieth of a millisecond.
  bool isWhole();
  /// Whether they ever have: never where the whole queue is shorter (Skylake and Zen 2: 224, Zen 3: 256) or nothing is measured
  /// (other than x86-64).
  bool hasBeenWhole() const { return wasWhole; }

private:
  struct Chains;
  std::unique_ptr<Chains> chains;
  bool wasWhole = false;
};

} // namespace fettle::bench

#endif
