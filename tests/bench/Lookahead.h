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
  /// Whether instructions now look ahead by 300 others; takes a twentieth of a millisecond. True on cores of which nothing is known.
  bool isWhole();

private:
  struct Chains;
  std::unique_ptr<Chains> chains;
};

} // namespace fettle::bench

#endif
