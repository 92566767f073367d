//===- Comparison.h - how far two answers stand apart ---------------------===//
#ifndef FETTLE_TOOLS_COMPARISON_H
#define FETTLE_TOOLS_COMPARISON_H

#include "ir/nn/Nn.h"
#include "ir/support/HostTensor.h"
#include "mlir/IR/BuiltinOps.h"

namespace fettle::cli {

/// |a - b| <= absolute + relative * |b| + ofLargest * max |b| for every element.
/// The last term is for outputs that are sums of many terms: their error scales
/// with the terms, not with the sum.
struct Tolerance {
  double relative = 0, absolute = 0, ofLargest = 0;
};

/// What a model's ops and element types allow (NumericClass, Nn.h).
struct NumericPromise {
  nn::NumericClass numericClass = nn::NumericClass::Exact;
  unsigned mantissaBits = 52; ///< of the narrowest float type computed with
  bool quantized = false;     ///< holds quantize ops: a rounding may fall to the other side
  bool roundsProducts = false; ///< operands of products are rounded to bf16, which the model does not ask for
};

/// The weakest of any of the modules.
NumericPromise findNumericPromise(llvm::ArrayRef<mlir::ModuleOp> modules);
Tolerance defaultTolerance(const NumericPromise &promise);
/// "exact", "close", "loose".
llvm::StringRef numericClassName(nn::NumericClass numericClass);

/// Sums over any number of tensors; `add` one pair after the other.
struct Difference {
  double maxAbsolute = 0, maxRelative = 0; ///< largest element's |a - b|, and over |b| where b is not 0
  double squaredError = 0, squaredReference = 0;
  int64_t elements = 0, outside = 0; ///< elements, and those beyond the tolerance
  /// 10 log10(sum ref^2 / sum err^2), from -300 to 300: 300 when equal.
  double sqnrDecibels() const;
  /// Norm of the difference over the norm of the reference.
  double relativeNorm() const;
  /// Tensors of one type.
  void add(const HostTensor &value, const HostTensor &reference, const Tolerance &tolerance);
};

/// Index of the largest of elements [begin, end); the first of equals. NaN is never largest.
int64_t argmax(const HostTensor &tensor, int64_t begin, int64_t end);

} // namespace fettle::cli

#endif
