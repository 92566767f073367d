//===- Lookahead.cpp - whether the core is ours alone ---------------------===//

#include "tests/bench/Lookahead.h"
#include <cstddef>
#include <ctime>
#include <numeric>
#include <random>
#include <vector>

namespace fettle::bench {

/// Two ways through more memory than caches hold, each visiting all of its lines in random order.
struct Lookahead::Chains {
  struct alignas(64) Line {
    Line *next;
  };
  static constexpr size_t lines = 1 << 20;

  explicit Chains(unsigned seed) : memory(2 * lines), random(seed) {
    a = link(memory.data());
    b = link(memory.data() + lines);
  }

  /// One cycle of all lines from `first` on (Sattolo's shuffle).
  Line *link(Line *first) {
    std::vector<unsigned> order(lines);
    std::iota(order.begin(), order.end(), 0u);
    for (size_t i = lines - 1; i > 0; --i)
      std::swap(order[i], order[random() % i]);
    for (size_t i = 0; i < lines; ++i)
      first[i].next = first + order[i];
    return first;
  }

  std::vector<Line> memory;
  std::mt19937_64 random;
  Line *a, *b;
};

Lookahead::~Lookahead() = default;

#if defined(__x86_64__)

Lookahead::Lookahead() : chains(std::make_unique<Chains>(/*seed=*/1)) {}

/// Processor time of `turns` turns that load from `a` and `b`, `Distance` instructions apart.
template <int Distance, typename Line> static double chase(Line *&a, Line *&b, long turns) {
  timespec start, end;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
  asm volatile("1: mov (%0), %0\n .rept %c3\n nop\n .endr\n"
               "   mov (%1), %1\n .rept %c3\n nop\n .endr\n"
               "   dec %2\n jnz 1b\n"
               : "+r"(a), "+r"(b), "+r"(turns)
               : "i"(Distance)
               : "cc", "memory");
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
  return (end.tv_sec - start.tv_sec) + (end.tv_nsec - start.tv_nsec) * 1e-9;
}

bool Lookahead::isWhole() {
  // Whole cores take 0.9 to 1.2 times as long, halves 1.55 and more.
  constexpr long turns = 100;
  double near = chase<60>(chains->a, chains->b, turns), far = chase<300>(chains->a, chains->b, turns);
  bool isWhole = far < 1.4 * near;
  wasWhole |= isWhole;
  return isWhole;
}

#else

Lookahead::Lookahead() = default;
bool Lookahead::isWhole() { return false; }

#endif

} // namespace fettle::bench
