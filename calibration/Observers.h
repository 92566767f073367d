//===- Observers.h - how the elements of a tensor are spread ---------------===//
//
// Observers see a tensor sample after sample and keep a summary of fixed size.
// What they say does not depend on the order or grouping of the samples.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_CALIBRATION_OBSERVERS_H
#define FETTLE_CALIBRATION_OBSERVERS_H

#include "ir/profile/Profile.h"
#include "llvm/ADT/ArrayRef.h"
#include <limits>

namespace fettle::calibration {

/// The least and the greatest element.
class RangeObserver {
public:
  void see(llvm::ArrayRef<float> values);

  bool isEmpty() const { return low > high; }
  /// False once a NaN or an infinity was seen.
  bool allFinite() const { return finite; }
  float min() const { return low; }
  float max() const { return high; }

private:
  float low = std::numeric_limits<float>::infinity(), high = -std::numeric_limits<float>::infinity();
  bool finite = true;
};

/// Each channel by itself.
class ChannelObserver {
public:
  /// Of tensors [outer, channels, inner].
  ChannelObserver(int64_t channels, int64_t inner);
  void see(llvm::ArrayRef<float> values);

  ChannelStatistics take();

private:
  int64_t inner, seen = 0; ///< elements of a channel
  std::vector<float> low, high;
  std::vector<double> squares;
};

/// A histogram over a range that is known before: values outside count as its ends.
class HistogramObserver {
public:
  /// `min` <= `max`, finite; `bins` > 0.
  HistogramObserver(float min, float max, unsigned bins);
  /// Each element counts `times`.
  void see(llvm::ArrayRef<float> values, int64_t times = 1);

  TensorStatistics take();

private:
  float low, high;
  float binsPerUnit; ///< 0 for a constant tensor: everything is in bin 0
  std::vector<int64_t> counts;
};

} // namespace fettle::calibration

#endif
