//===- RandomExportTest.cpp - random functions there and back -------------===//
//
// Random functions of nn ops, written as ONNX and read again, compute what they
// did. A failure prints the function; its seed makes it again.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/codegen/RandomKernel.h"
#include "tests/unit/export/RoundTrip.h"
#include <gtest/gtest.h>

using namespace fettle;
using namespace fettle::test;

/// Seeds 0 to `count`; at least `least` of them must have a form in every opset.
static void check(RandomKernel (*make)(unsigned), unsigned count, unsigned least) {
  unsigned written = 0;
  for (unsigned seed = 0; seed < count && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomKernel kernel = make(seed);
    for (int64_t opset : {13, 17, 21})
      written += expectRoundTrip(kernel.text, opset, kernel.isExact ? 0 : kernel.tolerance).problems.empty();
  }
  EXPECT_GE(written, 3 * least);
}

TEST(RandomExport, PointwiseAndMovement) { check(makeRandomKernel, 150, 110); }
/// Half of the convolutions and poolings are channels-last, which is refused.
TEST(RandomExport, StructuredOps) { check(makeRandomRoot, 150, 100); }
TEST(RandomExport, SequentialOps) { check(makeRandomSequence, 100, 70); }
