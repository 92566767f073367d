//===- TokenSelection.h - the k smallest of a row of numbers --------------===//
#ifndef FETTLE_CODEGEN_CPU_TOKENSELECTION_H
#define FETTLE_CODEGEN_CPU_TOKENSELECTION_H

#include "codegen/common/Lanes.h"

namespace fettle::codegen {

/// The bits of floats, none of them NaN, as integers of their width in the same order; both zeros are one.
Lanes emitOrderedKeys(Lanes x);

/// Which `k` keys of a row are the smallest, of equal ones those with the lower index: each key below `bound`,
/// and the first `ties` of those that equal it.
struct SmallestKeys {
  mlir::Value bound; ///< of the keys' type
  mlir::Value ties;  ///< of the keys' type

  /// Whether `key` is one of them; keys are asked for by increasing index. `ties`: those left before and after it.
  mlir::Value emitTake(mlir::ImplicitLocOpBuilder &b, mlir::Value key, mlir::Value &ties) const;
};

/// `keys`: a flat memref of i32 or i64, of `extent` elements, a multiple of `lanes`. What is there to fill it up is
/// the largest integer. k is at least 1.
SmallestKeys emitSmallestKeys(mlir::ImplicitLocOpBuilder &b, mlir::Value keys, int64_t extent, int64_t k,
                              int64_t lanes);

} // namespace fettle::codegen

#endif
