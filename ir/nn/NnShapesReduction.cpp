//===- NnShapesReduction.cpp - result types of ops along axes -------------===//

#include "ir/nn/ShapeRules.h"

using namespace mlir;

namespace fettle::nn {

/// `shape` with `axes` dropped, or kept as 1.
static Shape reducedShape(ArrayRef<int64_t> shape, ArrayRef<int64_t> axes, bool keepDims) {
  Shape result;
  for (auto [i, extent] : llvm::enumerate(shape)) {
    bool reduced = llvm::is_contained(axes, int64_t(i));
    if (!reduced || keepDims)
      result.push_back(reduced ? 1 : extent);
  }
  return result;
}

LogicalResult ReduceOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor op,
                                         SmallVectorImpl<Type> &results) {
  ArrayRef<int64_t> shape = shapeOf(op.getInput()), axes = op.getAxes();
  ReduceKind kind = op.getKind();
  Type element = elementOf(op.getInput());
  for (size_t i = 0; i < axes.size(); ++i) {
    if (failed(checkAxis(location, axes[i], shape.size())))
      return failure();
    if (i > 0 && axes[i] <= axes[i - 1])
      return emitOptionalError(location, "axes are not sorted, or axis ", axes[i], " is named twice");
  }
  bool needsFloat = kind == ReduceKind::l2 || kind == ReduceKind::log_sum || kind == ReduceKind::log_sum_exp;
  bool takesBoolean = kind == ReduceKind::max || kind == ReduceKind::min;
  if ((needsFloat && !isFloat(element)) || (isBoolean(element) && !takesBoolean))
    return emitOptionalError(location, "reduction ", stringifyReduceKind(kind), " is not defined on elements of type ",
                             element);
  if (kind == ReduceKind::mean && !isFloat(element) && element.getIntOrFloatBitWidth() < 32)
    return emitOptionalError(location, "mean of elements of type ", element, " would overflow; cast them first");
  return addResult(location, reducedShape(shape, axes, op.getKeepDims()), element, results);
}

LogicalResult ArgOp::inferReturnTypes(MLIRContext *context, OptionalLocation location, Adaptor op,
                                      SmallVectorImpl<Type> &results) {
  ArrayRef<int64_t> shape = shapeOf(op.getInput());
  int64_t axis = op.getAxis();
  if (failed(checkAxis(location, axis, shape.size())))
    return failure();
  Shape result = reducedShape(shape, axis, op.getKeepDims());
  if (shape[axis] == 0 && !llvm::is_contained(result, 0))
    return emitOptionalError(location, "axis ", axis, " is empty and has no extremum");
  return addResult(location, result, IntegerType::get(context, 64), results);
}

LogicalResult SoftmaxOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor op,
                                          SmallVectorImpl<Type> &results) {
  if (failed(checkFloat(location, "input", op.getInput())) ||
      failed(checkAxis(location, op.getAxis(), shapeOf(op.getInput()).size())))
    return failure();
  return addResult(location, shapeOf(op.getInput()), elementOf(op.getInput()), results);
}

LogicalResult LayerNormOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor op,
                                            SmallVectorImpl<Type> &results) {
  ArrayRef<int64_t> shape = shapeOf(op.getInput());
  Type element = elementOf(op.getInput());
  if (failed(checkFloat(location, "input", op.getInput())) || failed(checkAxis(location, op.getAxis(), shape.size())))
    return failure();
  for (auto [name, value] : {std::pair<StringRef, Value>("scale", op.getScale()), {"bias", op.getBias()}}) {
    if (!value)
      continue;
    if (elementOf(value) != element)
      return emitOptionalError(location, name, " has elements ", elementOf(value), " where the input has ", element);
    if (failed(checkBroadcastsTo(location, name, shapeOf(value), shape)))
      return failure();
  }
  return addResult(location, shape, element, results);
}

LogicalResult BatchNormOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor op,
                                            SmallVectorImpl<Type> &results) {
  ArrayRef<int64_t> shape = shapeOf(op.getInput());
  if (failed(checkFloat(location, "input", op.getInput())))
    return failure();
  if (shape.size() < 2)
    return emitOptionalError(location, "input of shape ", formatShape(shape), " has no channel axis");
  for (auto [name, value] : {std::pair<StringRef, Value>("scale", op.getScale()),
                             {"bias", op.getBias()},
                             {"mean", op.getMean()},
                             {"variance", op.getVariance()}}) {
    if (failed(checkFloat(location, name, value)))
      return failure();
    if (elementOf(value).isF64() != elementOf(op.getInput()).isF64())
      return emitOptionalError(location, name, " has elements ", elementOf(value), " where the input has ",
                               elementOf(op.getInput()));
    if (shapeOf(value) != shape.slice(1, 1))
      return emitOptionalError(location, name, " of shape ", formatShape(shapeOf(value)), " does not fit ", shape[1],
                               " channels");
  }
  return addResult(location, shape, elementOf(op.getInput()), results);
}

/// Result shape of pooling `input` with the windows of `op`.
template <typename Adaptor>
static FailureOr<Shape> pooledShape(OptionalLocation location, Adaptor op, bool channelsLast) {
  ArrayRef<int64_t> input = shapeOf(op.getInput());
  if (input.size() < 3)
    return emitOptionalError(location, "pooling over an input of shape ", formatShape(input),
                             "; it needs a spatial axis");
  size_t spatial = input.size() - 2;
  if (failed(checkList(location, "kernel", op.getKernel(), spatial, 1)) ||
      failed(checkList(location, "strides", op.getStrides(), spatial, 1)) ||
      failed(checkList(location, "dilations", op.getDilations(), spatial, 1)) ||
      failed(checkList(location, "pads", op.getPads(), 2 * spatial, 0)))
    return failure();
  Shape result(input);
  for (size_t i = 0; i < spatial; ++i) {
    int64_t axis = (channelsLast ? 1 : 2) + i;
    FailureOr<int64_t> extent =
        windowExtent(location, input[axis], op.getKernel()[i], op.getStrides()[i], op.getDilations()[i],
                     op.getPads()[i], op.getPads()[spatial + i], op.getCeilMode());
    if (failed(extent))
      return failure();
    result[axis] = *extent;
  }
  return result;
}

LogicalResult PoolOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor op,
                                       SmallVectorImpl<Type> &results) {
  Type element = elementOf(op.getInput());
  if (isBoolean(element) || (op.getKind() != PoolKind::max_pool && !isFloat(element)))
    return emitOptionalError(location, "pooling ", stringifyPoolKind(op.getKind()),
                             " is not defined on elements of type ", element);
  if (int64_t(op.getP()) < 1)
    return emitOptionalError(location, "the norm of lp pooling is ", int64_t(op.getP()), "; 1 is the least");
  FailureOr<Shape> shape = pooledShape(location, op, op.getChannelsLast());
  if (failed(shape))
    return failure();
  return addResult(location, *shape, element, results);
}

LogicalResult MaxPoolIndicesOp::inferReturnTypes(MLIRContext *context, OptionalLocation location, Adaptor op,
                                                 SmallVectorImpl<Type> &results) {
  FailureOr<Shape> shape = pooledShape(location, op, /*channelsLast=*/false);
  if (failed(shape))
    return failure();
  return addResult(location, *shape, IntegerType::get(context, 64), results);
}

LogicalResult LrnOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor op,
                                      SmallVectorImpl<Type> &results) {
  if (failed(checkFloat(location, "input", op.getInput())) ||
      failed(checkAxis(location, 1, shapeOf(op.getInput()).size())) ||
      failed(checkList(location, "size", int64_t(op.getSize()), 1, 1)))
    return failure();
  return addResult(location, shapeOf(op.getInput()), elementOf(op.getInput()), results);
}

LogicalResult CumSumOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor op,
                                         SmallVectorImpl<Type> &results) {
  if (isBoolean(elementOf(op.getInput())))
    return emitOptionalError(location, "running sum is not defined on elements of type i1");
  if (failed(checkAxis(location, op.getAxis(), shapeOf(op.getInput()).size())))
    return failure();
  return addResult(location, shapeOf(op.getInput()), elementOf(op.getInput()), results);
}

LogicalResult TopKOp::inferReturnTypes(MLIRContext *context, OptionalLocation location, Adaptor op,
                                       SmallVectorImpl<Type> &results) {
  Shape shape(shapeOf(op.getInput()));
  int64_t axis = op.getAxis(), k = op.getK();
  if (failed(checkAxis(location, axis, shape.size())))
    return failure();
  if (k < 0 || k > shape[axis])
    return emitOptionalError(location, "top ", k, " of ", shape[axis], " elements does not exist");
  shape[axis] = k;
  if (failed(addResult(location, shape, elementOf(op.getInput()), results)))
    return failure();
  return addResult(location, shape, IntegerType::get(context, 64), results);
}

LogicalResult DetOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor op,
                                      SmallVectorImpl<Type> &results) {
  ArrayRef<int64_t> shape = shapeOf(op.getInput());
  if (failed(checkFloat(location, "input", op.getInput())))
    return failure();
  if (shape.size() < 2 || shape.back() != shape[shape.size() - 2])
    return emitOptionalError(location, "input of shape ", formatShape(shape), " holds no square matrices");
  return addResult(location, shape.drop_back(2), elementOf(op.getInput()), results);
}

LogicalResult NonMaxSuppressionOp::verify() {
  ArrayRef<int64_t> boxes = shapeOf(getBoxes()), scores = shapeOf(getScores()), output = shapeOf(getOutput());
  if (!isFloat(elementOf(getBoxes())) || elementOf(getScores()) != elementOf(getBoxes()))
    return emitOpError("boxes and scores have elements ")
           << elementOf(getBoxes()) << " and " << elementOf(getScores()) << "; floats of one type are needed";
  if (boxes.size() != 3 || boxes[2] != 4 || scores.size() != 3 || scores[0] != boxes[0] || scores[2] != boxes[1])
    return emitOpError("boxes of shape ") << formatShape(boxes) << " and scores of shape " << formatShape(scores)
                                          << " do not fit [batches, boxes, 4] and [batches, classes, boxes]";
  if (output.size() != 2 || output[1] != 3 || !elementOf(getOutput()).isSignlessInteger(64))
    return emitOpError("result of type ") << getOutput().getType() << "; rows of three i64 are needed";
  return success();
}

} // namespace fettle::nn
