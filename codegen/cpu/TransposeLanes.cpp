//===- TransposeLanes.cpp - transpose of a square of vectors --------------===//
//
// Eklundh's method: in step k the off-diagonal blocks of k x k elements are
// exchanged in every square of 2k x 2k, for k = 1, 2, 4... For four rows:
//   abcd     aecg     aeim
//   efgh ->  bfdh ->  bfjn
//   ijkl     imko     cgko
//   mnop     jnlp     dhlp
// Each step is one two-operand shuffle per row: n log n shuffles for n rows,
// where moving the elements one by one takes n * n loads and stores.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/TransposeLanes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace fettle::codegen {

SmallVector<Value> emitTransposeLanes(ImplicitLocOpBuilder &b, SmallVector<Value> rows) {
  int64_t lanes = rows.size();
  for (int64_t k = 1; k < lanes; k *= 2) {
    SmallVector<int64_t> upper, lower; // lanes of the first operand are 0.., of the second `lanes`..
    for (int64_t i = 0; i < lanes; ++i) {
      upper.push_back(i & k ? lanes + i - k : i);
      lower.push_back(i & k ? lanes + i : i + k);
    }
    for (int64_t i = 0; i < lanes; ++i) {
      if (i & k)
        continue;
      Value first = rows[i], second = rows[i + k];
      rows[i] = vector::ShuffleOp::create(b, first, second, upper);
      rows[i + k] = vector::ShuffleOp::create(b, first, second, lower);
    }
  }
  return rows;
}

} // namespace fettle::codegen
