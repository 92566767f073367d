//===- Comparison.cpp - is an output what was expected? -------------------===//
#include "tests/conformance/Comparison.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace mlir;

namespace fettle::conformance {

namespace {
struct Tolerance {
  double relative, absolute;
};
} // namespace

/// f32 and f64 as ONNX's own test suite has it; narrower floats by a few units in their last place.
static Tolerance toleranceOf(Type type) {
  if (type.isBF16())
    return {2e-2, 1e-2};
  if (type.isF16())
    return {4e-3, 1e-3};
  return {1e-3, 1e-5};
}

static bool isClose(double actual, double expected, Tolerance tolerance) {
  if (std::isnan(actual) || std::isnan(expected))
    return std::isnan(actual) && std::isnan(expected);
  if (std::isinf(actual) || std::isinf(expected))
    return actual == expected;
  return std::abs(actual - expected) <= tolerance.absolute + tolerance.relative * std::abs(expected);
}

std::string compare(const HostTensor &actual, const HostTensor &expected) {
  if (actual.type() != expected.type())
    return llvm::formatv("type is {0}, expected {1}", actual.type(), expected.type());
  std::string first;
  int64_t differences = 0;
  bool isFloat = isa<FloatType>(expected.elementType());
  for (int64_t i = 0, e = expected.numElements(); i < e; ++i) {
    double a = isFloat ? actual.doubleAt(i) : double(actual.integerAt(i));
    double x = isFloat ? expected.doubleAt(i) : double(expected.integerAt(i));
    if (isFloat ? isClose(a, x, toleranceOf(expected.elementType())) : actual.integerAt(i) == expected.integerAt(i))
      continue;
    if (differences++ == 0)
      first = llvm::formatv("element {0} is {1}, expected {2}", i, a, x);
  }
  if (differences == 0)
    return "";
  return llvm::formatv("{0}; {1} of {2} elements differ", first, differences, expected.numElements());
}

} // namespace fettle::conformance
