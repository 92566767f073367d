//===- MachinePeak.h - what this core can do at most ----------------------===//
#ifndef FETTLE_TOOLS_MACHINEPEAK_H
#define FETTLE_TOOLS_MACHINEPEAK_H

#include <cstdint>

namespace fettle::cli {

/// Single-precision multiply-adds per second, times two, of one core, measured
/// for `seconds` with vectors of `vectorBytes` bytes, or the widest it has: the
/// yardstick of `bench --kernels`.
double measurePeakFlops(int64_t vectorBytes = 64, double seconds = 0.1);

/// Multiply-adds of bytes per second, times two, of one core by its dot-product
/// instruction (vpdpbusd), measured likewise; 0 where it has none.
double measurePeakByteOps(double seconds = 0.1);

/// Multiply-adds of bf16 per second, times two, of one core by its dot-product
/// instruction (vdpbf16ps), measured likewise; 0 where it has none.
double measurePeakBf16Flops(double seconds = 0.1);

/// Bytes per second that one core reads from `bytes` bytes of memory (at least 4096), over and over, measured
/// for a tenth of a second: what its caches, or the memory behind them, give.
double measureReadBandwidth(long bytes);

} // namespace fettle::cli

#endif
