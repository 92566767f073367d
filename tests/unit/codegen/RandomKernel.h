//===- RandomKernel.h - small random functions of nn ops ------------------===//
#ifndef FETTLE_TESTS_UNIT_CODEGEN_RANDOMKERNEL_H
#define FETTLE_TESTS_UNIT_CODEGEN_RANDOMKERNEL_H

#include "mlir/IR/ImplicitLocOpBuilder.h"
#include <random>
#include <string>
#include <vector>

namespace fettle::test {

/// The text of a function of one to eight elementwise, movement, index and
/// reducing ops over up to four inputs; the same for the same seed. What may
/// jump (roundings, comparisons) reads only values that are exact.
struct RandomKernel {
  std::string text;
  bool isExact = true;     ///< integers and IEEE operations only: compiled results must be equal bit by bit
  double tolerance = 2e-5; ///< relative and absolute, for inexact results
};
RandomKernel makeRandomKernel(unsigned seed);

/// The text of a function of one structured op (product, convolution, pooling, norm,
/// attention, resize...) of random attributes, with a pointwise epilogue at times.
RandomKernel makeRandomRoot(unsigned seed);

/// The text of a function of one op whose steps depend on each other: recurrent
/// layers, running sums, sorting, scatters, non-maximum suppression.
RandomKernel makeRandomSequence(unsigned seed);

} // namespace fettle::test

#endif
