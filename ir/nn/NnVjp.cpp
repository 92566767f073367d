//===- NnVjp.cpp - vector-Jacobian products -------------------------------===//
//
// For y = f(x) and the gradient g of a scalar by y, each rule builds the nn ops
// of g dy/dx. Where an operand was broadcast, its gradient is summed over the
// axes along which it was repeated. Example: y = a * b, a [4,1], b [4,3]:
//   da = sum over axis 1 of g * b (kept as extent 1),  db = g * a.
//
//===----------------------------------------------------------------------===//

#include "ir/nn/ShapeRules.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;

namespace fettle::nn {

using Gradients = FailureOr<SmallVector<Value>>;

/// Sums `gradient` down to `type`, from which it was broadcast.
static Value sumTo(ImplicitLocOpBuilder &b, Value gradient, RankedTensorType type) {
  ArrayRef<int64_t> shape = shapeOf(gradient);
  int64_t shift = int64_t(shape.size()) - type.getRank();
  Shape axes;
  for (int64_t axis = 0; axis < int64_t(shape.size()); ++axis)
    if (axis < shift || (type.getDimSize(axis - shift) == 1 && shape[axis] != 1))
      axes.push_back(axis);
  if (!axes.empty())
    gradient = ReduceOp::create(b, ReduceKind::sum, gradient, axes, /*keep_dims=*/true);
  return gradient.getType() == type ? gradient : ReshapeOp::create(b, type, gradient).getResult();
}

/// A kind without parameters.
static Value unary(ImplicitLocOpBuilder &b, UnaryKind kind, Value x) {
  return UnaryOp::create(b, kind, x, llvm::APFloat(1.0), llvm::APFloat(0.0));
}
static Value binary(ImplicitLocOpBuilder &b, BinaryKind kind, Value x, Value y) {
  return BinaryOp::create(b, kind, x, y);
}
static Value scalar(ImplicitLocOpBuilder &b, Type element, double value) {
  auto type = RankedTensorType::get({}, element);
  return ConstantOp::create(b, type, cast<ElementsAttr>(DenseElementsAttr::get(type, b.getFloatAttr(element, value))));
}

Gradients UnaryOp::buildVjp(OpBuilder &builder, ValueRange resultGradients) {
  ImplicitLocOpBuilder b(getLoc(), builder);
  Value g = resultGradients[0], x = getInput(), y = getOutput();
  Type element = elementOf(x);
  if (!isFloat(element))
    return failure();
  auto times = [&](Value factor) { return Gradients({binary(b, BinaryKind::mul, g, factor)}); };
  Value one = scalar(b, element, 1);
  switch (getKind()) {
  case UnaryKind::identity:
    return Gradients({g});
  case UnaryKind::neg:
    return Gradients({unary(b, UnaryKind::neg, g)});
  case UnaryKind::abs:
    return times(unary(b, UnaryKind::sign, x));
  case UnaryKind::exp:
    return times(y);
  case UnaryKind::log:
    return Gradients({binary(b, BinaryKind::div, g, x)});
  case UnaryKind::sqrt:
    return Gradients({binary(b, BinaryKind::div, g, binary(b, BinaryKind::add, y, y))});
  case UnaryKind::tanh: // 1 - y^2
    return times(binary(b, BinaryKind::sub, one, binary(b, BinaryKind::mul, y, y)));
  case UnaryKind::sigmoid: // y (1 - y)
    return times(binary(b, BinaryKind::mul, y, binary(b, BinaryKind::sub, one, y)));
  case UnaryKind::softplus:
    return times(unary(b, UnaryKind::sigmoid, x));
  case UnaryKind::sin:
    return times(unary(b, UnaryKind::cos, x));
  case UnaryKind::relu: {
    Value zero = scalar(b, element, 0);
    return Gradients({SelectOp::create(b, CompareOp::create(b, CompareKind::gt, x, zero), g, zero).getResult()});
  }
  default:
    return failure();
  }
}

Gradients BinaryOp::buildVjp(OpBuilder &builder, ValueRange resultGradients) {
  ImplicitLocOpBuilder b(getLoc(), builder);
  Value g = resultGradients[0], dx, dy;
  if (!isFloat(elementOf(getLhs())) || elementOf(getRhs()) != elementOf(getLhs()))
    return failure();
  switch (getKind()) {
  case BinaryKind::add:
    dx = dy = g;
    break;
  case BinaryKind::sub:
    dx = g;
    dy = unary(b, UnaryKind::neg, g);
    break;
  case BinaryKind::mul:
    dx = binary(b, BinaryKind::mul, g, getRhs());
    dy = binary(b, BinaryKind::mul, g, getLhs());
    break;
  case BinaryKind::div: // dx = g / y, dy = -g (x / y) / y
    dx = binary(b, BinaryKind::div, g, getRhs());
    dy = unary(b, UnaryKind::neg, binary(b, BinaryKind::mul, dx, getOutput()));
    break;
  default:
    return failure();
  }
  return Gradients({sumTo(b, dx, getLhs().getType()), sumTo(b, dy, getRhs().getType())});
}

Gradients MatMulOp::buildVjp(OpBuilder &builder, ValueRange resultGradients) {
  ImplicitLocOpBuilder b(getLoc(), builder);
  Value g = resultGradients[0];
  if (!isFloat(elementOf(g)))
    return failure();
  bool lhsT = getTransposeLhs(), rhsT = getTransposeRhs();
  auto product = [&](Value x, bool xT, Value y, bool yT) {
    return MatMulOp::create(b, x, y, /*bias=*/Value(), xT, yT).getResult();
  };
  // For C = A B: dA = g B^T and dB = A^T g, transposed where the operand was.
  Value dA = lhsT ? product(getRhs(), rhsT, g, true) : product(g, false, getRhs(), !rhsT);
  Value dB = rhsT ? product(g, true, getLhs(), lhsT) : product(getLhs(), !lhsT, g, false);
  SmallVector<Value> gradients = {sumTo(b, dA, getLhs().getType()), sumTo(b, dB, getRhs().getType())};
  if (getBias())
    gradients.push_back(sumTo(b, g, getBias().getType()));
  return gradients;
}

Gradients ReduceOp::buildVjp(OpBuilder &builder, ValueRange resultGradients) {
  ImplicitLocOpBuilder b(getLoc(), builder);
  RankedTensorType type = getInput().getType();
  bool isMean = getKind() == ReduceKind::mean;
  if ((!isMean && getKind() != ReduceKind::sum) || !isFloat(type.getElementType()))
    return failure();
  Shape kept(type.getShape());
  int64_t count = 1;
  for (int64_t axis : getAxes()) {
    count *= kept[axis];
    kept[axis] = 1;
  }
  Value g = ReshapeOp::create(b, type.clone(kept), resultGradients[0]);
  if (isMean)
    g = binary(b, BinaryKind::div, g, scalar(b, type.getElementType(), double(count)));
  return Gradients({BroadcastOp::create(b, type, g).getResult()});
}

Gradients ReshapeOp::buildVjp(OpBuilder &builder, ValueRange resultGradients) {
  return Gradients({ReshapeOp::create(builder, getLoc(), getInput().getType(), resultGradients[0]).getResult()});
}

Gradients TransposeOp::buildVjp(OpBuilder &builder, ValueRange resultGradients) {
  Shape inverse(getPerm().size());
  for (auto [axis, source] : llvm::enumerate(getPerm()))
    inverse[source] = int64_t(axis);
  return Gradients({TransposeOp::create(builder, getLoc(), resultGradients[0], inverse).getResult()});
}

} // namespace fettle::nn
