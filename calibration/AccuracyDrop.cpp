//===- AccuracyDrop.cpp - how much accuracy was lost, and how sure that is -===//
//
// A drop measured on 400 images is an estimate: with none of them lost, the drop may
// still be half a point. The textbook interval, mean +- z * deviation, says
// "0 to 0" there, and is too narrow wherever few rows differ, which is what good
// compression looks like. Intervals that hold their promise then:
//
// - Agreement is a proportion of rows: Wilson's interval, which solves
//   |p - mean| = z * sqrt(p (1 - p) / n) for p instead of putting the mean under the root.
// - With labels a row is lost by one of the two, by both or by none. Pseudo-rows are added,
//   half a row to each of the four cases, before the textbook formula. Example: no
//   differing row of 400 gives -0.5 to 0.5 points.
//
// Sources: E. B. Wilson (1927); A. Agresti, Y. Min, "Simple improved confidence intervals
// for comparing matched proportions" (2005). A unit test counts how often they hold.
//
//===----------------------------------------------------------------------===//

#include "calibration/AccuracyDrop.h"
#include <algorithm>
#include <cmath>

namespace fettle::calibration {

/// The z with P(-z < normal < z) = confidence, by bisection of erf.
static double normalQuantile(double confidence) {
  double low = 0, high = 10;
  for (int round = 0; round < 60; ++round) {
    double middle = (low + high) / 2;
    (std::erf(middle / std::sqrt(2.0)) < confidence ? low : high) = middle;
  }
  return low;
}

AccuracyDrop estimateDrop(llvm::ArrayRef<int> losses, LossKind kind, double confidence) {
  const double count = losses.size(), lost = std::count(losses.begin(), losses.end(), 1),
               gained = std::count(losses.begin(), losses.end(), -1), z = normalQuantile(confidence);
  const double mean = (lost - gained) / count;
  double center, reach;
  if (kind == LossKind::Agreement) {
    const double weight = 1 + z * z / count;
    center = (mean + z * z / (2 * count)) / weight;
    reach = z * std::sqrt(mean * (1 - mean) / count + z * z / (4 * count * count)) / weight;
  } else {
    // Differing rows: a half more on either side; two more in all.
    const double rows = count + 2, differing = lost + gained + 1;
    center = (lost - gained) / rows;
    reach = z * std::sqrt(std::max(0.0, differing - (lost - gained) * (lost - gained) / rows)) / rows;
  }
  return {100 * mean, 100 * std::min(mean, center - reach), 100 * std::max(mean, center + reach)};
}

} // namespace fettle::calibration
