//===- SinkTranspose.cpp - operands in the layout before a transpose ------===//

#include "passes/fuse/SinkTranspose.h"
#include "passes/OpFactory.h"

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

Permutation invert(ArrayRef<int64_t> perm) {
  Permutation result(perm.size());
  for (auto [axis, from] : llvm::enumerate(perm))
    result[from] = axis;
  return result;
}

/// The shape with axes of extent 1 in front, up to `rank`.
static SmallVector<int64_t> paddedShape(Value value, size_t rank) {
  ArrayRef<int64_t> shape = typeOf(value).getShape();
  SmallVector<int64_t> result(rank - shape.size(), 1);
  result.append(shape.begin(), shape.end());
  return result;
}

/// True if a transpose of this shape keeps the order of all axes longer than 1.
static bool movesNothing(ArrayRef<int64_t> shape, ArrayRef<int64_t> perm) {
  int64_t last = -1;
  for (int64_t axis : perm) {
    if (shape[axis] == 1)
      continue;
    if (axis < last)
      return false;
    last = axis;
  }
  return true;
}

static bool isTransposedBy(Value value, ArrayRef<int64_t> perm) {
  auto transpose = value.getDefiningOp<TransposeOp>();
  return transpose && transpose.getPerm() == perm;
}

Value beforeTranspose(OpBuilder &builder, Value value, ArrayRef<int64_t> perm) {
  if (isTransposedBy(value, perm))
    return value.getDefiningOp<TransposeOp>().getInput();
  if (typeOf(value).getNumElements() == 1)
    return value;
  SmallVector<int64_t> shape = paddedShape(value, perm.size());
  Permutation inverse = invert(perm);
  if (movesNothing(shape, inverse))
    return makeReshape(builder, value.getLoc(), value, toInputOrder<int64_t>(shape, perm));
  return makeTranspose(builder, value.getLoc(), makeReshape(builder, value.getLoc(), value, shape), inverse);
}

int64_t copiedElements(Value value, ArrayRef<int64_t> perm) {
  if (isTransposedBy(value, perm) || value.getDefiningOp<ConstantOp>() || movesNothing(paddedShape(value, perm.size()), invert(perm)))
    return 0;
  return typeOf(value).getNumElements();
}

} // namespace fettle
