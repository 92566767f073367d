//===- Observers.cpp - how the elements of a tensor are spread -------------===//

#include "calibration/Observers.h"
#include <algorithm>
#include <cmath>

namespace fettle::calibration {

void RangeObserver::see(llvm::ArrayRef<float> values) {
  float least = low, greatest = high, probe = 0;
  for (float value : values) {
    least = std::min(least, value);
    greatest = std::max(greatest, value);
    probe += value * 0.0f; // NaN for ever once an element is not finite
  }
  low = least;
  high = greatest;
  finite &= probe == 0.0f;
}

ChannelObserver::ChannelObserver(int64_t channels, int64_t inner)
    : inner(inner), low(channels, 0), high(channels, 0), squares(channels, 0) {}

void ChannelObserver::see(llvm::ArrayRef<float> values) {
  const size_t channels = low.size();
  for (size_t at = 0, channel = 0; at < values.size(); at += inner, channel = (channel + 1) % channels) {
    float least = low[channel], greatest = high[channel];
    double sum = 0;
    for (float value : values.slice(at, inner)) {
      least = std::min(least, value);
      greatest = std::max(greatest, value);
      sum += double(value) * value;
    }
    low[channel] = least;
    high[channel] = greatest;
    squares[channel] += sum;
  }
  seen += values.size() / channels;
}

ChannelStatistics ChannelObserver::take() {
  ChannelStatistics statistics;
  statistics.low = std::move(low);
  statistics.high = std::move(high);
  for (double sum : squares)
    statistics.meanSquare.push_back(static_cast<float>(sum / double(std::max<int64_t>(1, seen))));
  return statistics;
}

HistogramObserver::HistogramObserver(float min, float max, unsigned bins) : low(min), high(max), counts(bins, 0) {
  // In double: the width of a range of floats may overflow a float.
  double perUnit = bins / (double(max) - double(min));
  binsPerUnit = std::isfinite(static_cast<float>(perUnit)) ? static_cast<float>(perUnit) : 0.0f;
}

void HistogramObserver::see(llvm::ArrayRef<float> values, int64_t times) {
  const float last = static_cast<float>(counts.size() - 1);
  for (float value : values) {
    float position = (value - low) * binsPerUnit;
    counts[static_cast<size_t>(std::min(std::max(position, 0.0f), last))] += times;
  }
}

TensorStatistics HistogramObserver::take() {
  TensorStatistics statistics;
  statistics.min = low;
  statistics.max = high;
  statistics.histogram = std::move(counts);
  return statistics;
}

} // namespace fettle::calibration
