//===- ChannelImportance.h - where an error shows --------------------------===//
#ifndef FETTLE_PASSES_QUANTIZE_CHANNELIMPORTANCE_H
#define FETTLE_PASSES_QUANTIZE_CHANNELIMPORTANCE_H

#include "passes/quantize/QuantizationPlan.h"

namespace fettle {

/// How much a squared error in a channel of a tensor matters, as whole numbers.
struct ChannelImportance {
  int64_t inner = 1;            ///< elements from one channel to the next
  std::vector<int64_t> weights; ///< of each channel; one number if all channels are alike
};

/// What contractions of `plan` that read `value` make of an error: the squared weights that it meets.
ChannelImportance importanceOf(mlir::Value value, const QuantizationPlan &plan);

} // namespace fettle

#endif
