//===- NodeWriter.cpp - one nn op, as its exporter sees it ----------------===//

#include "ir/export/NodeWriter.h"
#include "ir/export/OperatorTypes.h"
#include "ir/onnx/ElementTypes.h"
#include "ir/support/Origin.h"
#include "ir/target/OnnxTarget.h"

using namespace mlir;

namespace fettle {

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

std::optional<HostTensor> knownTensor(Value value) {
  auto constant = value ? value.getDefiningOp<nn::ConstantOp>() : nn::ConstantOp();
  if (!constant)
    return std::nullopt;
  return HostTensor::fromAttribute(constant.getValue());
}

/// Splats of more elements are written as a shape and a number: they may be of any size.
static constexpr int64_t largestSplat = 1 << 14;

Term TermTable::addConstant(nn::ConstantOp constant) {
  auto type = constant.getOutput().getType();
  auto dense = dyn_cast<DenseElementsAttr>(constant.getValue());
  bool isLargeSplat = dense && dense.isSplat() && type.getNumElements() > largestSplat;
  if (!isLargeSplat || !takesElements("ConstantOfShape", graph.opset, type.getElementType()))
    return graph.addWeight(HostTensor::fromAttribute(constant.getValue()), formatOrigins(constant.getLoc()));
  HostTensor one = HostTensor::fromAttribute(dense.resizeSplat(RankedTensorType::get({1}, type.getElementType())));
  HostTensor shape(RankedTensorType::get({type.getRank()}, IntegerType::get(type.getContext(), 64)));
  for (auto [i, extent] : llvm::enumerate(type.getShape()))
    shape.setInteger(i, extent);
  onnx::Tensor value = toModelTensor("value", one, graph.storedType(type.getElementType()));
  return graph.addNode("ConstantOfShape", graph.addConstant(shape), type, Attributes().with("value", std::move(value)))
      .front();
}

Term TermTable::lookup(Value value) {
  auto known = terms.find(value);
  if (known != terms.end())
    return known->second;
  auto constant = value.getDefiningOp<nn::ConstantOp>();
  Term &term = weights[constant.getValue()];
  if (!term)
    term = addConstant(constant);
  return term;
}

void NodeWriter::fail(const Twine &reason, const Twine &remedy) {
  if (hasFailed)
    return;
  hasFailed = true;
  failureReason = reason.str();
  failureRemedy = remedy.str();
}

Term NodeWriter::shaped(Value value, ArrayRef<int64_t> shape) {
  std::optional<HostTensor> known = knownTensor(value);
  if (!known)
    return value ? reshape(term(value), shape) : Term();
  if (known->shape() == shape)
    return term(value);
  HostTensor stored = known->reshaped(shape);
  return stored.bytes().size() <= 1024 ? constant(stored) : weight(stored, formatOrigins(value.getLoc()));
}

//===--- Constants --------------------------------------------------------===//

Term NodeWriter::scalar(double value, Type element) { return splat(value, {}, element); }

Term NodeWriter::integers(ArrayRef<int64_t> values) {
  HostTensor tensor(RankedTensorType::get({int64_t(values.size())}, i64()));
  for (auto [i, value] : llvm::enumerate(values))
    tensor.setInteger(i, value);
  return constant(tensor);
}

Term NodeWriter::splat(double value, ArrayRef<int64_t> shape, Type element) {
  HostTensor tensor(RankedTensorType::get(shape, element));
  bool isFloat = isa<FloatType>(element);
  for (int64_t i = 0, count = tensor.numElements(); i < count; ++i) {
    if (isFloat)
      tensor.setDouble(i, value);
    else // the largest unsigned ones do not fit i64
      tensor.setInteger(i, value < 0 ? int64_t(value) : int64_t(uint64_t(value)));
  }
  return constant(tensor);
}

//===--- Any node ---------------------------------------------------------===//

llvm::SmallVector<Term, 1> NodeWriter::nodes(StringRef name, ArrayRef<Term> inputs, ArrayRef<RankedTensorType> types,
                                             Attributes attributes) {
  return graph.addNode(name, inputs, types, std::move(attributes));
}

Term NodeWriter::node(StringRef name, ArrayRef<Term> inputs, RankedTensorType type, Attributes attributes) {
  return nodes(name, inputs, type, std::move(attributes)).front();
}

Type NodeWriter::computeType(StringRef name, Type element) {
  if (Type compute = computeElement(name, opset, element))
    return compute;
  std::string reason =
      ("ONNX's " + name + " takes no elements of " + elementTypeName(element) + " in opset " + Twine(opset)).str();
  for (int64_t newer = opset + 1; newer <= newestWrittenOpset; ++newer)
    if (computeElement(name, newer, element)) {
      fail(reason, "export with --target onnx:opset=" + Twine(newer));
      return element;
    }
  fail(reason);
  return element;
}

static SmallVector<Term> castAll(NodeWriter &writer, ArrayRef<Term> inputs, Type from, Type to) {
  SmallVector<Term> result;
  for (Term input : inputs)
    result.push_back(input && input.element() == from ? writer.cast(input, to) : input);
  return result;
}

Term NodeWriter::apply(StringRef name, ArrayRef<Term> inputs, ArrayRef<int64_t> shape, Attributes attributes) {
  Type element = inputs.front().element(), compute = computeType(name, element);
  Term result = node(name, castAll(*this, inputs, element, compute), RankedTensorType::get(shape, compute),
                     std::move(attributes));
  return cast(result, element);
}

Term NodeWriter::move(StringRef name, ArrayRef<Term> inputs, ArrayRef<int64_t> shape, Attributes attributes) {
  Type element = inputs.front().element(), compute = computeType(name, element);
  Term result = node(name, castAll(*this, inputs, element, compute), RankedTensorType::get(shape, compute),
                     std::move(attributes));
  // What was moved is still in range, whatever holds it.
  if (graph.storedType(element) == graph.storedType(compute))
    return {result.id, RankedTensorType::get(shape, element)};
  return cast(result, element);
}

Term NodeWriter::test(StringRef name, ArrayRef<Term> inputs, ArrayRef<int64_t> shape, Type answer,
                      Attributes attributes) {
  Type element = inputs.front().element(), compute = computeType(name, element);
  return node(name, castAll(*this, inputs, element, compute), RankedTensorType::get(shape, answer),
              std::move(attributes));
}

//===--- Elementwise ------------------------------------------------------===//

Term NodeWriter::cast(Term input, Type element) {
  if (input.element() == element)
    return input;
  bool isNibble = element.getIntOrFloatBitWidth() == 4;
  if (isNibble && opset < 21)
    fail("results of 4-bit integers are computed, which opset " + Twine(opset) + " does not have",
         "export with --target onnx:opset=21");
  RankedTensorType type = RankedTensorType::get(input.shape(), element);
  if (graph.storedType(element) == graph.storedType(input.element()))
    return {input.id, type};
  return node("Cast", input, type, Attributes().with("to", int64_t(graph.storedType(element))));
}

Term NodeWriter::widened(Term input) {
  return input && (input.element().isF16() || input.element().isBF16()) ? cast(input, f32()) : input;
}

Term NodeWriter::unary(StringRef name, Term input, Attributes attributes) {
  return apply(name, input, input.shape(), std::move(attributes));
}

static SmallVector<int64_t> broadcastShape(ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
  SmallVector<int64_t> shape(std::max(a.size(), b.size()), 1);
  for (ArrayRef<int64_t> operand : {a, b})
    for (size_t i = 0; i < operand.size(); ++i)
      if (int64_t extent = operand[operand.size() - 1 - i]; extent != 1)
        shape[shape.size() - 1 - i] = extent;
  return shape;
}

Term NodeWriter::binary(StringRef name, Term lhs, Term rhs, Attributes attributes) {
  return apply(name, {lhs, rhs}, broadcastShape(lhs.shape(), rhs.shape()), std::move(attributes));
}

Term NodeWriter::equal(Term lhs, Term rhs) {
  return test("Equal", {lhs, rhs}, broadcastShape(lhs.shape(), rhs.shape()), boolean());
}

Term NodeWriter::where(Term condition, Term onTrue, Term onFalse) {
  Type element = onTrue.element(), compute = computeType("Where", element);
  SmallVector<int64_t> shape = broadcastShape(condition.shape(), broadcastShape(onTrue.shape(), onFalse.shape()));
  return cast(
      node("Where", {condition, cast(onTrue, compute), cast(onFalse, compute)}, RankedTensorType::get(shape, compute)),
      element);
}

//===--- Reductions and movement ------------------------------------------===//

Term NodeWriter::reduce(StringRef name, Term input, ArrayRef<int64_t> axes, bool keepDims) {
  SmallVector<int64_t> shape;
  for (auto [axis, extent] : llvm::enumerate(input.shape())) {
    bool isReduced = llvm::is_contained(axes, int64_t(axis));
    if (!isReduced || keepDims)
      shape.push_back(isReduced ? 1 : extent);
  }
  // ReduceSum was the first to take the axes as an operand.
  bool asOperand = opset >= (name == "ReduceSum" ? 13 : 18);
  Attributes attributes = Attributes().with("keepdims", int64_t(keepDims));
  if (asOperand)
    return apply(name, {input, integers(axes)}, shape, std::move(attributes));
  return apply(name, input, shape, attributes.with("axes", axes));
}

Term NodeWriter::reshape(Term input, ArrayRef<int64_t> shape) {
  if (input.shape() == shape)
    return input;
  // 0 means "as in the input": tensors without elements never come here (Export.cpp).
  return move("Reshape", {input, integers(shape)}, shape);
}

Term NodeWriter::transpose(Term input, ArrayRef<int64_t> perm) {
  SmallVector<int64_t> shape;
  bool isIdentity = true;
  for (auto [i, axis] : llvm::enumerate(perm)) {
    shape.push_back(input.shape()[axis]);
    isIdentity &= axis == int64_t(i);
  }
  return isIdentity ? input : move("Transpose", input, shape, Attributes().with("perm", perm));
}

Term NodeWriter::expand(Term input, ArrayRef<int64_t> shape) {
  if (input.shape() == shape)
    return input;
  return move("Expand", {input, integers(shape)}, shape);
}

} // namespace fettle
