//===- SampleParts.h - samples to fit to, and others to judge on -----------===//
#ifndef FETTLE_TOOLS_SAMPLEPARTS_H
#define FETTLE_TOOLS_SAMPLEPARTS_H

#include <algorithm>
#include <cstdint>
#include <vector>

namespace fettle::cli {

/// Samples spread over all there are, in two parts: three of four, and the fourth. More than there are here change little.
struct SampleParts {
  std::vector<int64_t> fitted, judged;

  explicit SampleParts(int64_t all) {
    const int64_t count = std::min<int64_t>(all, 512);
    for (int64_t i = 0; i < count; ++i)
      (i % 4 == 3 ? judged : fitted).push_back(i * all / count);
  }
};

} // namespace fettle::cli

#endif
