//===- NnCost.cpp - multiply-accumulates of ops ---------------------------===//
//
// Only products are counted, as the field does: elementwise work, pooling and
// data movement are 0.
//
//===----------------------------------------------------------------------===//

#include "ir/nn/ShapeRules.h"

using namespace mlir;

namespace fettle::nn {

/// The product of `factors`, or the greatest int64 where it does not fit.
static int64_t saturatingProduct(ArrayRef<int64_t> factors) {
  int64_t product = 1;
  for (int64_t factor : factors) {
    if (factor == 0)
      return 0;
    if (llvm::MulOverflow(product, factor, product))
      product = std::numeric_limits<int64_t>::max();
  }
  return product;
}

static int64_t saturatingSum(int64_t a, int64_t b) {
  int64_t sum;
  return llvm::AddOverflow(a, b, sum) ? std::numeric_limits<int64_t>::max() : sum;
}

int64_t MatMulOp::getMacs() {
  ArrayRef<int64_t> lhs = getLhs().getType().getShape();
  return saturatingProduct(
      {getOutput().getType().getNumElements(), getTransposeLhs() ? lhs[lhs.size() - 2] : lhs.back()});
}

int64_t ConvOp::getMacs() {
  Shape factors(getWeight().getType().getShape().drop_front());
  factors.push_back(getOutput().getType().getNumElements());
  return saturatingProduct(factors);
}

int64_t ConvTransposeOp::getMacs() {
  Shape factors(getWeight().getType().getShape().drop_front());
  factors.push_back(getInput().getType().getNumElements());
  return saturatingProduct(factors);
}

int64_t AttentionOp::getMacs() {
  ArrayRef<int64_t> query = getQuery().getType().getShape(), value = getValue().getType().getShape();
  return saturatingProduct({query[0], query[1], query[2], value[2], query[3] + value[3]});
}

/// A squared difference counts as one; `reach` hides pairs, and the count is of those that are left.
int64_t MatchTokensOp::getMacs() {
  ArrayRef<int64_t> shape = getMetric().getType().getShape();
  if (getRemove() == 0)
    return 0;
  int64_t free = shape[1] - int64_t(getProtect()), sources = free / 2, targets = free - sources, reach = getReach();
  if (reach > 0)
    targets = std::min(targets, reach + 1);
  return saturatingProduct({shape[0], sources, targets, shape[2]});
}

/// Each step multiplies with the whole of W and R.
template <typename OpTy> static int64_t recurrentMacs(OpTy op) {
  ArrayRef<int64_t> x = shapeOf(op.getX());
  int64_t weights = saturatingSum(tensorType(op.getW()).getNumElements(), tensorType(op.getR()).getNumElements());
  return saturatingProduct({x[0], x[1], weights});
}
int64_t LstmOp::getMacs() { return recurrentMacs(*this); }
int64_t GruOp::getMacs() { return recurrentMacs(*this); }
int64_t RnnOp::getMacs() { return recurrentMacs(*this); }

} // namespace fettle::nn
