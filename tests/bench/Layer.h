//===- Layer.h - one line of a layer list ---------------------------------===//
#ifndef FETTLE_TESTS_BENCH_LAYER_H
#define FETTLE_TESTS_BENCH_LAYER_H

#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <optional>
#include <string>

namespace fettle::bench {

enum class Precision {
  F32,
  Bf16, ///< bf16 activations and weights, results rounded; contractions only
  Int8 ///< ui8 activations and i8 weights, requantized; contractions only
};

/// A layer alone, as a function of nn ops (RunKernel.h).
struct Layer {
  std::string text;
  double macs = 0;   ///< multiply-adds of contractions; 0 for others
  int64_t count = 1; ///< how often it stands in the network
};

/// Parses a line (tests/bench/README.md). None if it is no layer, or has no such precision.
std::optional<Layer> parseLayer(llvm::StringRef line, Precision precision);

} // namespace fettle::bench

#endif
