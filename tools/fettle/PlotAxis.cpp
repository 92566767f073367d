//===- PlotAxis.cpp - an axis of a plot ------------------------------------===//

#include "tools/fettle/PlotAxis.h"
#include <algorithm>
#include <cmath>

namespace fettle::cli {

PlotAxis::PlotAxis(llvm::ArrayRef<double> values, double begin, double end) : begin(begin), end(end) {
  auto [least, most] = std::minmax_element(values.begin(), values.end());
  double margin = 0.08 * (*most - *least);
  if (margin == 0)
    margin = std::max(1e-3, 0.01 * std::abs(*most));
  low = *least - margin;
  high = *most + margin;
  step = std::pow(10, std::floor(std::log10((high - low) / 3)));
  for (double factor : {2.0, 2.5}) // 1, 2, 5
    if ((high - low) / step > 6)
      step *= factor;
}

std::vector<double> PlotAxis::ticks() const {
  std::vector<double> ticks;
  for (double tick = std::ceil(low / step); tick * step <= high; ++tick)
    ticks.push_back(tick * step + 0.0); // 0, not -0
  return ticks;
}

} // namespace fettle::cli
