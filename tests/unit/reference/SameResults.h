//===- SameResults.h - do two functions compute the same? -----------------===//
#ifndef FETTLE_TESTS_UNIT_REFERENCE_SAMERESULTS_H
#define FETTLE_TESTS_UNIT_REFERENCE_SAMERESULTS_H

#include "ir/support/HostTensor.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace fettle::test {

/// The same at every call: floats are normal, integers in 0..3 (valid as indices almost everywhere), booleans even.
llvm::SmallVector<HostTensor> makeInputs(mlir::func::FuncOp function);

/// Expects tensors of one type, with equal integers, or floats within `tolerance` of the largest finite one; NaN is like NaN.
void expectSame(const HostTensor &before, const HostTensor &after, double tolerance, const llvm::Twine &what);

} // namespace fettle::test

#endif
