//===- QuantizedWeights.h - a constant dequantized operand ----------------===//
#ifndef FETTLE_PASSES_QUANTIZE_QUANTIZEDWEIGHTS_H
#define FETTLE_PASSES_QUANTIZE_QUANTIZEDWEIGHTS_H

#include "ir/nn/Nn.h"
#include "ir/support/HostTensor.h"

namespace fettle {

/// The second operand of a convolution or matrix product as integers without a zero point.
struct QuantizedWeights {
  /// w - zero point: i8 where that fits, else i16 within [-256, 254] (a full unsigned range has nine bits).
  HostTensor integers;
  /// The largest sum of |integers| over one output channel: 255 times it bounds the product.
  int64_t largestSum = 0;
};

/// `weights` are of 8 bits, with output channels along `axis`; `zeroPoint` may be null, a scalar or one per channel.
/// None if they or the zero point are no constants, or a weight is 255: the sum of two signed bytes ends at 254.
std::optional<QuantizedWeights> centreWeights(mlir::Value weights, mlir::Value zeroPoint, int64_t axis);

} // namespace fettle

#endif
