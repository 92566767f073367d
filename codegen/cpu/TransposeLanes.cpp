//===- TransposeLanes.cpp - squares of vectors, transposed or summed ------===//
//
// Eklundh's method: in step k the off-diagonal blocks of k x k elements are
// exchanged in every square of 2k x 2k, for k = 1, 2, 4... For four rows:
//   abcd     aecg     aeim
//   efgh ->  bfdh ->  bfjn
//   ijkl     imko     cgko
//   mnop     jnlp     dhlp
// Each step is one two-operand shuffle per row: n log n shuffles for n rows,
// where moving the elements one by one takes n * n loads and stores. Where only the sums (or
// maxima) of the rows are wanted, both results of an exchange are added at once: 2 n shuffles.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/TransposeLanes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace fettle::codegen {

/// Exchanges the off-diagonal blocks of k x k in the rows `first` and `second`.
static std::pair<Value, Value> exchange(ImplicitLocOpBuilder &b, Value first, Value second, int64_t lanes, int64_t k) {
  SmallVector<int64_t> upper, lower; // lanes of the first operand are 0.., of the second `lanes`..
  for (int64_t i = 0; i < lanes; ++i) {
    upper.push_back(i & k ? lanes + i - k : i);
    lower.push_back(i & k ? lanes + i : i + k);
  }
  return {vector::ShuffleOp::create(b, first, second, upper), vector::ShuffleOp::create(b, first, second, lower)};
}

SmallVector<Value> emitTransposeLanes(ImplicitLocOpBuilder &b, SmallVector<Value> rows) {
  int64_t lanes = rows.size();
  for (int64_t k = 1; k < lanes; k *= 2)
    for (int64_t i = 0; i < lanes; ++i)
      if (!(i & k))
        std::tie(rows[i], rows[i + k]) = exchange(b, rows[i], rows[i + k], lanes, k);
  return rows;
}

Value emitFoldOfRows(ImplicitLocOpBuilder &b, SmallVector<Value> rows,
                     llvm::function_ref<Value(Value, Value)> combine) {
  // After the step with k, rows that differ in bit k of their number are one, and lanes stand for that bit.
  int64_t lanes = rows.size();
  for (int64_t k = 1; k < lanes; k *= 2) {
    SmallVector<Value> folded;
    for (size_t i = 0; i < rows.size(); i += 2) {
      auto [upper, lower] = exchange(b, rows[i], rows[i + 1], lanes, k);
      folded.push_back(combine(upper, lower));
    }
    rows = folded;
  }
  return rows.front();
}

Value emitSumsOfRows(ImplicitLocOpBuilder &b, SmallVector<Value> rows) {
  return emitFoldOfRows(b, std::move(rows), [&](Value x, Value y) -> Value { return arith::AddFOp::create(b, x, y); });
}

Value emitLargestLane(ImplicitLocOpBuilder &b, Value vector) {
  int64_t lanes = cast<VectorType>(vector.getType()).getNumElements();
  for (int64_t distance = lanes / 2; distance > 0; distance /= 2) {
    SmallVector<int64_t> partners;
    for (int64_t lane = 0; lane < lanes; ++lane)
      partners.push_back(lane ^ distance);
    Value other = vector::ShuffleOp::create(b, vector, vector, partners);
    vector = arith::SelectOp::create(b, arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, vector, other), vector, other);
  }
  return vector::ExtractOp::create(b, vector, 0);
}

} // namespace fettle::codegen
