//===- MachinePeak.cpp - what this core can do at most --------------------===//
//
// A chain of fused multiply-adds has a latency of 4 or 5 cycles, and a core
// starts up to two per cycle: 12 independent chains keep it busy and fit the
// registers of AVX2 (16). The same loop is compiled once per vector width.
//
//===----------------------------------------------------------------------===//

#include "tools/fettle/MachinePeak.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace fettle::cli {

static constexpr int chains = 12;

/// Runs `rounds` of `chains` vector multiply-adds; returns a value that depends on all of them.
template <typename Vector> [[gnu::always_inline]] static inline float runChains(long rounds, float seed) {
  Vector sums[chains], factor, addend;
  for (unsigned lane = 0; lane < sizeof(Vector) / sizeof(float); ++lane) {
    factor[lane] = 1.0f - seed;
    addend[lane] = seed;
  }
  for (int chain = 0; chain < chains; ++chain)
    sums[chain] = addend * float(chain);
  for (long round = 0; round < rounds; ++round) {
#pragma clang loop unroll(full)
    for (int chain = 0; chain < chains; ++chain)
#if defined(__clang__)
      sums[chain] = __builtin_elementwise_fma(sums[chain], factor, addend);
#else
      sums[chain] = sums[chain] * factor + addend;
#endif
  }
  float sum = 0;
  for (int chain = 0; chain < chains; ++chain)
    sum += sums[chain][0];
  return sum;
}

/// Reads `bytes` bytes once, front to back or in `chains` streams; returns a value that depends on all of them.
template <typename Vector> [[gnu::always_inline]] static inline float readAll(const char *data, long bytes, bool inStreams) {
  Vector sums[chains] = {};
  long stretch = bytes / (chains * sizeof(Vector)) * sizeof(Vector), end = inStreams ? stretch : stretch * chains;
  long step = inStreams ? sizeof(Vector) : sizeof(Vector) * chains, apart = inStreams ? stretch : sizeof(Vector);
  for (long at = 0; at < end; at += step) {
#pragma clang loop unroll(full)
    for (int chain = 0; chain < chains; ++chain)
      sums[chain] += *reinterpret_cast<const Vector *>(data + chain * apart + at);
  }
  float sum = 0;
  for (int chain = 0; chain < chains; ++chain)
    sum += sums[chain][0];
  return sum;
}

typedef float Vector4 __attribute__((vector_size(16)));

#if defined(__x86_64__)
typedef float Vector8 __attribute__((vector_size(32)));
typedef float Vector16 __attribute__((vector_size(64)));
[[gnu::target("avx512f")]] static float readWide512(const char *data, long bytes, bool inStreams) {
  return readAll<Vector16>(data, bytes, inStreams);
}
[[gnu::target("avx2,fma")]] static float readWide256(const char *data, long bytes, bool inStreams) {
  return readAll<Vector8>(data, bytes, inStreams);
}
[[gnu::target("avx512f")]] static float runWide512(long rounds, float seed) {
  return runChains<Vector16>(rounds, seed);
}
[[gnu::target("avx2,fma")]] static float runWide256(long rounds, float seed) {
  return runChains<Vector8>(rounds, seed);
}
#endif
static float readWide128(const char *data, long bytes, bool inStreams) { return readAll<Vector4>(data, bytes, inStreams); }
static float runWide128(long rounds, float seed) { return runChains<Vector4>(rounds, seed); }

/// The best of as many runs of `rounds` rounds as fit `seconds`; of one at least.
static double bestRate(double seconds, double operationsPerRound, long rounds, llvm::function_ref<void(long)> run) {
  using Clock = std::chrono::steady_clock;
  double best = 0;
  Clock::time_point now = Clock::now(), end = now + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  do {
    Clock::time_point start = now;
    run(rounds);
    now = Clock::now();
    best = std::max(best, operationsPerRound * rounds / std::chrono::duration<double>(now - start).count());
  } while (now < end);
  return best;
}

/// Rounds of multiply-adds that a run takes, of 2 ns or less: several runs fit `seconds`.
static long roundsFor(double seconds) { return std::clamp(long(seconds * 1.5e8), 1000L, 100000L); }

double measurePeakFlops(int64_t vectorBytes, double seconds) {
  float (*run)(long, float) = runWide128;
  int lanes = 4;
#if defined(__x86_64__)
  if (vectorBytes >= 64 && __builtin_cpu_supports("avx512f")) {
    run = runWide512;
    lanes = 16;
  } else if (vectorBytes >= 32 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    run = runWide256;
    lanes = 8;
  }
#endif
  volatile float seed = 1e-7f, sink;
  double rate = bestRate(seconds, 2.0 * chains * lanes, roundsFor(seconds), [&](long rounds) { sink = run(rounds, seed); });
  (void)sink;
  return rate;
}

double measureReadBandwidth(long bytes) {
  float (*run)(const char *, long, bool) = readWide128;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f"))
    run = readWide512;
  else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    run = readWide256;
#endif
  std::vector<char> memory(bytes + 64, 1); // written, so that every page is there
  const char *data = memory.data() + (64 - reinterpret_cast<uintptr_t>(memory.data()) % 64);
  volatile float sink;
  double best = 0;
  for (bool inStreams : {false, true}) // which is faster depends on the machine
    best = std::max(best, bestRate(/*seconds=*/0.1, double(bytes), std::max(1L, (1L << 20) / bytes), [&](long rounds) {
                      for (long round = 0; round < rounds; ++round)
                        sink = run(data, bytes, inStreams);
                    }));
  (void)sink;
  return best;
}

#if defined(__x86_64__)
[[gnu::target("avx512f,avx512vnni")]] static int runDots512(long rounds, int seed) {
  __m512i sums[chains], factor = _mm512_set1_epi32(seed);
  for (int chain = 0; chain < chains; ++chain)
    sums[chain] = _mm512_set1_epi32(chain);
  for (long round = 0; round < rounds; ++round)
#pragma clang loop unroll(full)
    for (int chain = 0; chain < chains; ++chain)
      sums[chain] = _mm512_dpbusd_epi32(sums[chain], factor, factor);
  __m512i sum = sums[0];
  for (int chain = 1; chain < chains; ++chain)
    sum = _mm512_xor_si512(sum, sums[chain]);
  return _mm512_reduce_add_epi32(sum);
}
[[gnu::target("avx2,avxvnni")]] static int runDots256(long rounds, int seed) {
  __m256i sums[chains], factor = _mm256_set1_epi32(seed);
  for (int chain = 0; chain < chains; ++chain)
    sums[chain] = _mm256_set1_epi32(chain);
  for (long round = 0; round < rounds; ++round)
#pragma clang loop unroll(full)
    for (int chain = 0; chain < chains; ++chain)
      sums[chain] = _mm256_dpbusd_avx_epi32(sums[chain], factor, factor);
  __m256i sum = sums[0];
  for (int chain = 1; chain < chains; ++chain)
    sum = _mm256_xor_si256(sum, sums[chain]);
  return _mm256_extract_epi32(sum, 0);
}
static constexpr int pairChains = 24; // vdpbf16ps takes 6 cycles
[[gnu::target("avx512f,avx512bf16")]] static float runPairs512(long rounds, float seed) {
  __m512 sums[pairChains];
  __m512bh factor = (__m512bh)_mm512_set1_ps(seed);
  for (int chain = 0; chain < pairChains; ++chain)
    sums[chain] = _mm512_set1_ps(float(chain));
  for (long round = 0; round < rounds; ++round)
#pragma clang loop unroll(full)
    for (int chain = 0; chain < pairChains; ++chain)
      sums[chain] = _mm512_dpbf16_ps(sums[chain], factor, factor);
  __m512 sum = sums[0];
  for (int chain = 1; chain < pairChains; ++chain)
    sum = _mm512_add_ps(sum, sums[chain]);
  return _mm512_reduce_add_ps(sum);
}
#endif

double measurePeakBf16Flops(double seconds) {
#if defined(__x86_64__)
  static const bool hasPairs = llvm::sys::getHostCPUFeatures().lookup("avx512bf16"); // slow to ask for
  if (hasPairs) {
    volatile float seed = 1e-7f, sink;
    double rate = bestRate(seconds, 2.0 * pairChains * 32, roundsFor(seconds), [&](long rounds) { sink = runPairs512(rounds, seed); });
    (void)sink;
    return rate;
  }
#endif
  return 0;
}

double measurePeakByteOps(double seconds) {
  int (*run)(long, int) = nullptr;
  int bytes = 0;
#if defined(__x86_64__)
  static const llvm::StringMap<bool> host = llvm::sys::getHostCPUFeatures(); // slow to ask for
  if (host.lookup("avx512vnni")) {
    run = runDots512;
    bytes = 64;
  } else if (host.lookup("avxvnni")) {
    run = runDots256;
    bytes = 32;
  }
#endif
  if (!run)
    return 0;
  volatile int seed = 3, sink;
  double rate = bestRate(seconds, 2.0 * chains * bytes, roundsFor(seconds), [&](long rounds) { sink = run(rounds, seed); });
  (void)sink;
  return rate;
}

} // namespace fettle::cli
