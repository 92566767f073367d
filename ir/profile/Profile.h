//===- Profile.h - what was measured on a model, and its file --------------===//
#ifndef FETTLE_IR_PROFILE_PROFILE_H
#define FETTLE_IR_PROFILE_PROFILE_H

#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace fettle {

/// How the elements of a tensor are spread, over all samples.
struct TensorStatistics {
  double min = 0, max = 0; ///< of all elements, finite, min <= max
  /// Elements by value, in bins of equal width from min to max, both included; an element may count more than once.
  std::vector<int64_t> histogram;

  int64_t count() const;
  double binWidth() const { return (max - min) / double(histogram.size()); }
  /// The middle of bin `i`.
  double binCenter(size_t i) const { return min + (double(i) + 0.5) * binWidth(); }
};

/// The channels of a tensor that a contraction reads.
struct ChannelStatistics {
  std::vector<float> low, high;  ///< least and greatest element of each channel and 0: low <= 0 <= high
  std::vector<float> meanSquare; ///< of each channel
};

/// What the rows of a contraction's inputs look like (ContractionRows.h), once they are rounded to a grid.
/// Rows of each group have `width` columns.
struct RowStatistics {
  float scale = 1; ///< of the grid
  int64_t zeroPoint = 0;
  int64_t groups = 1, width = 0;
  std::vector<float> mean, roundedMean; ///< before and after rounding: groups * width
  /// Of the rounded rows, around their mean: for each group the upper triangle, row after row.
  std::vector<float> covariance;
  /// Where the rounded rows are those of a student and the others those of its teacher: the covariance of what rounded rows lack with
  /// them, for each group [width, width]. Else empty.
  std::vector<float> missing;

  int64_t triangle() const { return width * (width + 1) / 2; } ///< elements for a group
};

/// What a product gets in a student, x, beside what it should give, y (passes/Refit.h).
struct ProductMoments {
  int64_t width = 0, outputs = 0;      ///< of a row of x and of y
  std::vector<float> mean, targetMean; ///< of x and of y
  std::vector<float> covariance;       ///< of x, around the mean: the upper triangle, row after row
  std::vector<float> cross;            ///< of y with x, [outputs, width]

  int64_t triangle() const { return width * (width + 1) / 2; }
};

/// What a search for tokens to remove found (passes/tokens/TokenSearch.h).
struct TokenDecision {
  std::string method, metric, matching; ///< the words of recipes
  int64_t rounds = 1;
  std::vector<std::pair<std::string, int64_t>> removed; ///< by the name of the value where they are, in program order
};

/// Whether rows are those of a student, with weights that are fitted to them, and what that brings.
struct RoundingRefit {
  int64_t layers = 0; ///< 0: outputs came no closer, and rows are the teacher's
  double divergenceBefore = 0, divergenceAfter = 0; ///< of the outputs from the teacher's, on samples that nothing was fitted to
};

/// A layer in floats and in 8-bit integers, on the machine that it was measured on.
struct LayerLatency {
  double floatMicroseconds = 0, integerMicroseconds = 0;
  bool refused = false; ///< it stays in float for this reason
};

/// Measured once, reused in any later compilation of the same model.
struct Profile {
  int64_t samples = 0;
  /// By value name (ValueNames.h), before channels are equalized; all else is measured after.
  std::map<std::string, ChannelStatistics> channels;
  std::map<std::string, TensorStatistics> tensors; ///< by value name
  std::map<std::string, RowStatistics> rows;       ///< by the name of the tensor and the window on it
  std::optional<RoundingRefit> roundingRefit;      ///< none: it was not tried
  std::map<std::string, TokenDecision> tokens;     ///< by what was searched for
  std::map<std::string, std::map<std::string, LayerLatency>> latencies; ///< by the target's name, then the layer's
  /// Of products behind removed tokens, by the names of their results, before tokens are removed. They are fitted in
  /// program order: each entry was measured with those before it applied.
  std::map<std::string, ProductMoments> refits;

  /// Equal profiles give equal text.
  std::string toJson() const;
  /// The error says what is wrong with the text: it is no JSON, has another schema
  /// version, or an entry is not as this version writes it.
  static llvm::Expected<Profile> fromJson(llvm::StringRef text);
};

} // namespace fettle

#endif
