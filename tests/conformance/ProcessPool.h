//===- ProcessPool.h - jobs in child processes with limits ----------------===//
#ifndef FETTLE_TESTS_CONFORMANCE_PROCESSPOOL_H
#define FETTLE_TESTS_CONFORMANCE_PROCESSPOOL_H

#include "tests/conformance/TestCase.h"
#include <functional>
#include <vector>

namespace fettle::conformance {

struct ProcessLimits {
  unsigned jobs = 2;
  unsigned seconds = 60;    ///< wall clock of one job
  int64_t memoryMiB = 4096; ///< address space of one job; 0: no limit
};

/// Runs job(i) for i in [0, count), each in a forked child, so that a crash or a
/// hang of one is an outcome and not the end of the run. The parent must have one
/// thread only. Results are in order of i.
std::vector<Outcome> runInChildren(size_t count, const std::function<Outcome(size_t)> &job,
                                   const ProcessLimits &limits);

} // namespace fettle::conformance

#endif
