//===- PlotAxis.h - an axis of a plot --------------------------------------===//
#ifndef FETTLE_TOOLS_PLOTAXIS_H
#define FETTLE_TOOLS_PLOTAXIS_H

#include "llvm/ADT/ArrayRef.h"
#include <vector>

namespace fettle::cli {

/// An axis of a plot: values from `low` to `high` lie between two pixels, `end` may be the smaller one.
struct PlotAxis {
  double low, high, step, begin, end;

  /// Covers `values`, of which there are some, with a margin, and has about six round ticks.
  PlotAxis(llvm::ArrayRef<double> values, double begin, double end);
  /// The pixel of a value.
  double at(double value) const { return begin + (end - begin) * (value - low) / (high - low); }
  std::vector<double> ticks() const;
};

} // namespace fettle::cli

#endif
