//===- Comparison.h - is an output what was expected? ---------------------===//
#ifndef FETTLE_TESTS_CONFORMANCE_COMPARISON_H
#define FETTLE_TESTS_CONFORMANCE_COMPARISON_H

#include "ir/support/HostTensor.h"
#include <string>

namespace fettle::conformance {

/// Empty if `actual` is `expected` within the tolerance of its element type:
/// integers and booleans equal, floats |a - e| <= atol + rtol |e| with NaN equal
/// to NaN. Otherwise the first difference, and how many there are.
std::string compare(const HostTensor &actual, const HostTensor &expected);

} // namespace fettle::conformance

#endif
