//===- OpFactory.cpp - short forms for making nn ops ----------------------===//

#include "passes/OpFactory.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

Value makeUnary(OpBuilder &builder, Location location, UnaryKind kind, Value input, double alpha, double beta) {
  return UnaryOp::create(builder, location, kind, input, APFloat(alpha), APFloat(beta)).getOutput();
}

Value makeBinary(OpBuilder &builder, Location location, BinaryKind kind, Value lhs, Value rhs) {
  return BinaryOp::create(builder, location, kind, lhs, rhs).getOutput();
}

Value makeConstant(OpBuilder &builder, Location location, const HostTensor &tensor, StringRef name) {
  return ConstantOp::create(builder, location, tensor.toAttribute(name)).getOutput();
}

Value makeScalar(OpBuilder &builder, Location location, Type element, double value) {
  auto type = RankedTensorType::get({}, element);
  Attribute attribute = isa<FloatType>(element) ? Attribute(builder.getFloatAttr(element, value))
                                                : Attribute(builder.getIntegerAttr(element, static_cast<int64_t>(value)));
  return ConstantOp::create(builder, location, DenseElementsAttr::get(type, attribute)).getOutput();
}

Value makeReshape(OpBuilder &builder, Location location, Value input, ArrayRef<int64_t> shape) {
  auto type = cast<RankedTensorType>(input.getType());
  if (type.getShape() == shape)
    return input;
  return ReshapeOp::create(builder, location, type.clone(shape), input).getOutput();
}

Value makeTranspose(OpBuilder &builder, Location location, Value input, ArrayRef<int64_t> perm) {
  if (llvm::all_of(llvm::enumerate(perm), [](auto axis) { return int64_t(axis.index()) == axis.value(); }))
    return input;
  return TransposeOp::create(builder, location, input, perm).getOutput();
}

} // namespace fettle
