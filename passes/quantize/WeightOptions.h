//===- WeightOptions.h - how weights are rounded ---------------------------===//
#ifndef FETTLE_PASSES_QUANTIZE_WEIGHTOPTIONS_H
#define FETTLE_PASSES_QUANTIZE_WEIGHTOPTIONS_H

namespace fettle {

enum class Rounding {
  Nearest, ///< each weight by itself
  Gptq     ///< each weight makes up for the errors of those before (Rounding.h)
};

struct WeightOptions {
  Rounding rounding = Rounding::Gptq;
  /// Added to the diagonal of the covariance, as a share of its mean: how much the samples are distrusted.
  double damping = 0.01;
  /// Weights are fitted, before they are rounded, to the inputs they have in the student (RoundedWeights.cpp).
  bool refits = false;
};

} // namespace fettle

#endif
