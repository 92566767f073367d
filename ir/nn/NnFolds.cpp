//===- NnFolds.cpp - ops that say nothing, and constants ------------------===//

#include "ir/nn/ShapeRules.h"
#include "mlir/IR/DialectResourceBlobManager.h"

using namespace mlir;

namespace fettle::nn {

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }

OpFoldResult CastOp::fold(FoldAdaptor) { return getInput().getType() == getOutput().getType() ? getInput() : Value(); }

OpFoldResult ReshapeOp::fold(FoldAdaptor adaptor) {
  if (getInput().getType() == getOutput().getType())
    return getInput();
  // The bytes of a constant stay where they are; only its type changes.
  if (auto resource = dyn_cast_or_null<DenseResourceElementsAttr>(adaptor.getInput()))
    return DenseResourceElementsAttr::get(getOutput().getType(), resource.getRawHandle());
  if (auto dense = dyn_cast_or_null<DenseElementsAttr>(adaptor.getInput()))
    return dense.reshape(getOutput().getType());
  if (auto inner = getInput().getDefiningOp<ReshapeOp>()) {
    getInputMutable().assign(inner.getInput());
    return getResult();
  }
  return {};
}

OpFoldResult TransposeOp::fold(FoldAdaptor) {
  auto isIdentity = [](ArrayRef<int64_t> perm) { return llvm::equal(perm, llvm::seq<int64_t>(0, perm.size())); };
  if (isIdentity(getPerm()))
    return getInput();
  auto inner = getInput().getDefiningOp<TransposeOp>();
  if (!inner)
    return {};
  Shape composed;
  for (int64_t axis : getPerm())
    composed.push_back(inner.getPerm()[axis]);
  if (isIdentity(composed))
    return inner.getInput();
  setPerm(composed);
  getInputMutable().assign(inner.getInput());
  return getResult();
}

OpFoldResult BroadcastOp::fold(FoldAdaptor) {
  return getInput().getType() == getOutput().getType() ? getInput() : Value();
}

OpFoldResult ConcatOp::fold(FoldAdaptor) { return getInputs().size() == 1 ? getInputs().front() : Value(); }

OpFoldResult SliceOp::fold(FoldAdaptor) {
  bool isWhole = getInput().getType() == getOutput().getType() &&
                 llvm::all_of(getStarts(), [](int64_t start) { return start == 0; }) &&
                 llvm::all_of(getSteps(), [](int64_t step) { return step == 1; });
  return isWhole ? getInput() : Value();
}

} // namespace fettle::nn
