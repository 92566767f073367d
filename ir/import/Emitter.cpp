//===- Emitter.cpp - making nn ops that may turn out to be wrong ----------===//

#include "ir/import/Emitter.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"
#include <numeric>

using namespace mlir;

namespace fettle {

/// No tensor of a model has more elements: what asks for more is an error in
/// its shape arithmetic, and sizes below it never overflow when counted in bits.
static constexpr int64_t maxTensorElements = int64_t(1) << 40;
/// Index tensors, masks and matrices that importers compute.
static constexpr int64_t maxConstantElements = int64_t(1) << 26;

//===--- Shapes -----------------------------------------------------------===//

ArrayRef<int64_t> shapeOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }
int64_t rankOf(Value value) { return shapeOf(value).size(); }
Type elementOf(Value value) { return cast<RankedTensorType>(value.getType()).getElementType(); }
bool isFloat(Value value) { return isa<FloatType>(elementOf(value)); }
int64_t elementsOf(Value value) { return cast<RankedTensorType>(value.getType()).getNumElements(); }

int64_t dimOf(Value value, int64_t axis) {
  ArrayRef<int64_t> shape = shapeOf(value);
  if (axis < 0)
    axis += shape.size();
  return axis >= 0 && axis < int64_t(shape.size()) ? shape[axis] : 1;
}

int64_t extentOf(Value value, int64_t begin, int64_t end) {
  int64_t product = 1;
  for (int64_t axis = begin; axis < end; ++axis)
    product *= dimOf(value, axis);
  return product;
}

std::vector<int64_t> allAxes(Value value) {
  std::vector<int64_t> axes(rankOf(value));
  std::iota(axes.begin(), axes.end(), 0);
  return axes;
}

std::string formatShape(ArrayRef<int64_t> shape) {
  if (shape.empty())
    return "scalar";
  std::string text;
  for (int64_t dim : shape)
    text += (text.empty() ? "" : "x") + std::to_string(dim);
  return text;
}

//===--- Failure ----------------------------------------------------------===//

void Emitter::fail(const Twine &reason, const Twine &remedy) {
  if (hasFailed)
    return;
  hasFailed = true;
  failureReason = reason.str();
  failureRemedy = remedy.str();
}

bool Emitter::checkShape(ArrayRef<int64_t> shape) {
  int64_t elements = 1;
  for (int64_t dim : shape) {
    if (dim < 0) {
      fail("a result would have the shape " + formatShape(shape));
      return false;
    }
    // An extent of 0 elsewhere must not hide an absurd one.
    if (llvm::MulOverflow(elements, std::max<int64_t>(dim, 1), elements) || elements > maxTensorElements) {
      fail("a result would have more than 2^40 elements (shape " + formatShape(shape) + ")");
      return false;
    }
  }
  return true;
}

bool Emitter::checkConstant(ArrayRef<int64_t> shape) {
  if (!checkShape(shape))
    return false;
  int64_t elements = 1;
  for (int64_t dim : shape)
    elements *= std::max<int64_t>(dim, 1);
  if (elements <= maxConstantElements)
    return true;
  fail("needs a constant of shape " + formatShape(shape) + ", which is too large");
  return false;
}

int64_t Emitter::normalizeAxis(int64_t axis, int64_t rank) {
  if (axis >= -rank && axis < rank)
    return axis < 0 ? axis + rank : axis;
  fail("axis " + Twine(axis) + " does not exist in a tensor of rank " + Twine(rank));
  return 0;
}

std::vector<int64_t> Emitter::normalizeAxes(ArrayRef<int64_t> axes, int64_t rank) {
  std::vector<int64_t> result;
  for (int64_t axis : axes)
    result.push_back(normalizeAxis(axis, rank));
  llvm::sort(result);
  if (std::adjacent_find(result.begin(), result.end()) != result.end())
    fail("an axis is named twice");
  return result;
}

//===--- Any op -----------------------------------------------------------===//

Value Emitter::verified(OperationState &state) {
  Operation *op = builder.create(state);
  {
    Listener listener(*this);
    if (succeeded(verify(op)))
      return op->getResult(0);
  }
  op->erase();
  return poison;
}

//===--- Constants --------------------------------------------------------===//

Value Emitter::constant(const HostTensor &tensor, StringRef name) {
  if (hasFailed)
    return poison;
  return nn::ConstantOp::create(builder, location, tensor.toAttribute(name));
}

Value Emitter::splat(double value, ArrayRef<int64_t> shape, Type element) {
  if (hasFailed || !checkShape(shape))
    return poison;
  HostTensor one(RankedTensorType::get({}, element));
  one.setDouble(0, value);
  auto attribute = llvm::cast<DenseElementsAttr>(one.toAttribute("splat"));
  auto type = RankedTensorType::get(shape, element);
  return nn::ConstantOp::create(builder, location, DenseElementsAttr::get(type, attribute.getSplatValue<Attribute>()));
}

Value Emitter::scalar(double value, Type element) { return splat(value, {}, element); }

Value Emitter::integers(ArrayRef<int64_t> values) { return integers(values, {int64_t(values.size())}); }

Value Emitter::integers(ArrayRef<int64_t> values, ArrayRef<int64_t> shape) {
  if (hasFailed || !checkShape(shape))
    return poison;
  HostTensor tensor(RankedTensorType::get(shape, i64()));
  for (auto [i, value] : llvm::enumerate(values))
    tensor.setInteger(i, value);
  return constant(tensor);
}

Value Emitter::countUp(int64_t count, int64_t axis, int64_t rank) {
  if (hasFailed || !checkConstant({count}))
    return poison;
  std::vector<int64_t> values(count), shape(rank, 1);
  std::iota(values.begin(), values.end(), 0);
  if (axis >= 0 && axis < rank)
    shape[axis] = count;
  return integers(values, shape);
}

Value Emitter::reals(ArrayRef<double> values, ArrayRef<int64_t> shape, Type element) {
  if (hasFailed || !checkShape(shape))
    return poison;
  HostTensor tensor(RankedTensorType::get(shape, element));
  for (auto [i, value] : llvm::enumerate(values))
    tensor.setDouble(i, value);
  return constant(tensor);
}

//===--- Elementwise ------------------------------------------------------===//

Value Emitter::unary(nn::UnaryKind kind, Value input, double alpha, double beta) {
  return create<nn::UnaryOp>(kind, input, APFloat(alpha), APFloat(beta));
}
Value Emitter::binary(nn::BinaryKind kind, Value lhs, Value rhs) { return create<nn::BinaryOp>(kind, lhs, rhs); }
Value Emitter::scaled(Value input, double factor) {
  return factor == 1 ? input : mul(input, scalarLike(factor, input));
}
Value Emitter::compare(nn::CompareKind kind, Value lhs, Value rhs) { return create<nn::CompareOp>(kind, lhs, rhs); }
Value Emitter::select(Value condition, Value onTrue, Value onFalse) {
  return create<nn::SelectOp>(condition, onTrue, onFalse);
}
Value Emitter::clamp(Value input, double low, double high) {
  return create<nn::ClampOp>(input, APFloat(low), APFloat(high));
}
Value Emitter::cast(Value input, Type element) {
  if (hasFailed || elementOf(input) == element)
    return input;
  return createTyped<nn::CastOp>(shapeOf(input), element, input);
}

//===--- Contractions, reductions, normalization --------------------------===//

Value Emitter::matmul(Value lhs, Value rhs, Value bias, bool transposeLhs, bool transposeRhs) {
  return create<nn::MatMulOp>(lhs, rhs, bias, transposeLhs, transposeRhs);
}
Value Emitter::reduce(nn::ReduceKind kind, Value input, ArrayRef<int64_t> axes, bool keepDims) {
  return create<nn::ReduceOp>(kind, input, axes, keepDims);
}
Value Emitter::softmax(Value input, int64_t axis, bool log) { return create<nn::SoftmaxOp>(input, axis, log); }
Value Emitter::layerNorm(Value input, Value scale, Value bias, int64_t axis, double epsilon, bool rms) {
  return create<nn::LayerNormOp>(input, scale, bias, axis, APFloat(epsilon), rms);
}

//===--- Movement ---------------------------------------------------------===//

Value Emitter::reshape(Value input, ArrayRef<int64_t> shape) {
  if (hasFailed || shapeOf(input) == shape)
    return input;
  return createTyped<nn::ReshapeOp>(shape, elementOf(input), input);
}

Value Emitter::unsqueeze(Value input, ArrayRef<int64_t> axes) {
  std::vector<int64_t> shape = shapeOf(input).vec();
  for (int64_t axis : axes) // ascending
    shape.insert(shape.begin() + std::min<int64_t>(axis, shape.size()), 1);
  return reshape(input, shape);
}

Value Emitter::transpose(Value input, ArrayRef<int64_t> perm) { return create<nn::TransposeOp>(input, perm); }

Value Emitter::swapAxes(Value input, int64_t a, int64_t b) {
  std::vector<int64_t> perm = allAxes(input);
  a = normalizeAxis(a, perm.size());
  b = normalizeAxis(b, perm.size());
  if (hasFailed)
    return poison;
  std::swap(perm[a], perm[b]);
  return transpose(input, perm);
}

Value Emitter::broadcast(Value input, ArrayRef<int64_t> shape) {
  if (hasFailed || shapeOf(input) == shape)
    return input;
  return createTyped<nn::BroadcastOp>(shape, elementOf(input), input);
}

Value Emitter::concat(ArrayRef<Value> inputs, int64_t axis) {
  if (inputs.empty())
    fail("nothing to concatenate");
  return inputs.size() == 1 ? inputs.front() : create<nn::ConcatOp>(ValueRange(inputs), axis);
}

Value Emitter::slice(Value input, ArrayRef<int64_t> starts, ArrayRef<int64_t> sizes, ArrayRef<int64_t> steps) {
  return create<nn::SliceOp>(input, starts, sizes, steps);
}

Value Emitter::sliceAxis(Value input, int64_t axis, int64_t start, int64_t size, int64_t step) {
  std::vector<int64_t> starts(rankOf(input), 0), sizes = shapeOf(input).vec(), steps(rankOf(input), 1);
  axis = normalizeAxis(axis, starts.size());
  if (hasFailed)
    return poison;
  starts[axis] = start;
  sizes[axis] = size;
  steps[axis] = step;
  return slice(input, starts, sizes, steps);
}

Value Emitter::pad(nn::PadMode mode, Value input, ArrayRef<int64_t> low, ArrayRef<int64_t> high, Value value) {
  return create<nn::PadOp>(mode, input, value, low, high);
}

Value Emitter::gather(Value input, Value indices, int64_t axis) {
  return create<nn::GatherOp>(input, indices, axis);
}

//===--- Quantization -----------------------------------------------------===//

Value Emitter::quantize(Value input, Value scale, Value zeroPoint, Type element, int64_t axis) {
  return createTyped<nn::QuantizeOp>(shapeOf(input), element, input, scale, zeroPoint, axis);
}
Value Emitter::dequantize(Value input, Value scale, Value zeroPoint, int64_t axis) {
  return createTyped<nn::DequantizeOp>(shapeOf(input), elementOf(scale), input, scale, zeroPoint, axis);
}

} // namespace fettle
