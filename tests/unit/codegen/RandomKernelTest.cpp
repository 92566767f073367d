//===- RandomKernelTest.cpp - random kernels against the reference --------===//
//
// Compiled kernels of random nn ops give what ir/reference gives: bit by bit
// where only integers and data movement are involved, else within a tolerance.
// A failure prints the function; its seed makes it again.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/codegen/AnyBuilder.h"
#include "tests/unit/codegen/RandomKernel.h"
#include "tests/unit/codegen/RunKernel.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace fettle;
using namespace fettle::test;

static void check(const RandomKernel &kernel, unsigned seed, KernelBuilder builder) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  MatchOptions options;
  options.relative = options.absolute = kernel.isExact ? 0 : kernel.tolerance;
  options.low = -3;
  options.high = 4;
  options.seed = seed;
  const char *targets[] = {"cpu:native", "cpu:x86-64-v2", "cpu:x86-64-v3"};
  options.target = targets[seed % 3];
  expectMatchesReference(kernel.text, builder, options);
}

TEST(RandomKernel, LoopsMatchTheReference) {
  for (unsigned seed = 0; seed < 120 && !HasFailure(); ++seed)
    check(makeRandomKernel(seed), seed, codegen::buildLoops);
}

TEST(RandomKernel, AnyBuilderMatchesTheReference) {
  for (unsigned seed = 0; seed < 60 && !HasFailure(); ++seed)
    check(makeRandomKernel(1000 + seed), 1000 + seed, buildAny);
}

TEST(RandomKernel, StructuredOpsMatchTheReference) {
  for (unsigned seed = 0; seed < 100 && !HasFailure(); ++seed)
    check(makeRandomRoot(seed), seed, buildAny);
}

TEST(RandomKernel, SequentialOpsMatchTheReference) {
  for (unsigned seed = 0; seed < 100 && !HasFailure(); ++seed)
    check(makeRandomSequence(seed), seed, buildAny);
}
