//===- NnShapesMovement.cpp - result types of ops that move data ----------===//

#include "ir/nn/ShapeRules.h"
#include <cmath>

using namespace mlir;

namespace fettle::nn {

LogicalResult ReshapeOp::verify() {
  RankedTensorType from = getInput().getType(), to = getOutput().getType();
  if (from.getElementType() != to.getElementType() || from.getNumElements() != to.getNumElements())
    return emitOpError("cannot give ") << from << " the type " << to;
  return success();
}

LogicalResult BroadcastOp::verify() {
  if (elementOf(getInput()) != elementOf(getOutput()))
    return emitOpError("changes the elements from ") << elementOf(getInput()) << " to " << elementOf(getOutput());
  if (failed(checkBroadcastsTo(std::nullopt, "input", shapeOf(getInput()), shapeOf(getOutput()))))
    return emitOpError("shape ") << formatShape(shapeOf(getInput())) << " does not broadcast to "
                                 << formatShape(shapeOf(getOutput()));
  return success();
}

LogicalResult TransposeOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor op,
                                            SmallVectorImpl<Type> &results) {
  ArrayRef<int64_t> shape = shapeOf(op.getInput()), perm = op.getPerm();
  SmallVector<bool> seen(shape.size(), false);
  bool isPermutation = perm.size() == shape.size();
  Shape result;
  for (size_t i = 0; isPermutation && i < perm.size(); ++i) {
    isPermutation = perm[i] >= 0 && perm[i] < int64_t(shape.size()) && !seen[perm[i]];
    if (isPermutation) {
      seen[perm[i]] = true;
      result.push_back(shape[perm[i]]);
    }
  }
  if (!isPermutation)
    return emitOptionalError(location, "perm is not a permutation of ", shape.size(), " axes");
  return addResult(location, result, elementOf(op.getInput()), results);
}

LogicalResult ConcatOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor op,
                                         SmallVectorImpl<Type> &results) {
  if (op.getInputs().empty())
    return emitOptionalError(location, "concatenation of nothing");
  Shape result(shapeOf(op.getInputs().front()));
  Type element = elementOf(op.getInputs().front());
  int64_t axis = op.getAxis();
  if (failed(checkAxis(location, axis, result.size())))
    return failure();
  for (Value input : op.getInputs().drop_front()) {
    ArrayRef<int64_t> shape = shapeOf(input);
    if (elementOf(input) != element)
      return emitOptionalError(location, "concatenation of elements ", element, " and ", elementOf(input));
    bool fits = shape.size() == result.size();
    for (size_t i = 0; fits && i < shape.size(); ++i)
      fits = int64_t(i) == axis || shape[i] == result[i];
    if (!fits)
      return emitOptionalError(location, "shapes ", formatShape(shapeOf(op.getInputs().front())), " and ",
                               formatShape(shape), " do not concatenate along axis ", axis);
    // Each extent is below 2^40, and there are far fewer than 2^23 operands.
    result[axis] += shape[axis];
  }
  return addResult(location, result, element, results);
}

LogicalResult SliceOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor op,
                                        SmallVectorImpl<Type> &results) {
  ArrayRef<int64_t> shape = shapeOf(op.getInput());
  ArrayRef<int64_t> starts = op.getStarts(), sizes = op.getSizes(), steps = op.getSteps();
  if (starts.size() != shape.size() || sizes.size() != shape.size() || steps.size() != shape.size())
    return emitOptionalError(location, "slice of a tensor of rank ", shape.size(), " has ", starts.size(), " starts, ",
                             sizes.size(), " sizes and ", steps.size(), " steps");
  for (size_t i = 0; i < shape.size(); ++i) {
    if (steps[i] == 0)
      return emitOptionalError(location, "step of axis ", i, " is zero");
    if (sizes[i] < 0)
      return emitOptionalError(location, "size of axis ", i, " is negative");
    if (sizes[i] == 0)
      continue;
    // The last index start + (size - 1) * step must exist; by division, as the product may overflow.
    bool inside = starts[i] >= 0 && starts[i] < shape[i];
    if (inside && sizes[i] > 1) {
      int64_t room = steps[i] > 0 ? (shape[i] - 1 - starts[i]) / (sizes[i] - 1) : starts[i] / (sizes[i] - 1);
      inside = steps[i] > 0 ? steps[i] <= room : steps[i] >= -room;
    }
    if (!inside)
      return emitOptionalError(location, "slice of ", sizes[i], " elements from ", starts[i], " by ", steps[i],
                               " leaves axis ", i, " of extent ", shape[i]);
  }
  return addResult(location, sizes, elementOf(op.getInput()), results);
}

LogicalResult PadOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor op,
                                      SmallVectorImpl<Type> &results) {
  Shape shape(shapeOf(op.getInput()));
  PadMode mode = op.getMode();
  if (failed(checkList(location, "low", op.getLow(), shape.size(), 0)) ||
      failed(checkList(location, "high", op.getHigh(), shape.size(), 0)))
    return failure();
  if (Value value = op.getValue()) {
    if (mode != PadMode::constant)
      return emitOptionalError(location, "a value fills in mode constant only");
    if (elementOf(value) != elementOf(op.getInput()) || tensorType(value).getNumElements() != 1)
      return emitOptionalError(location, "padding value has type ", value.getType(), "; one element of ",
                               elementOf(op.getInput()), " is needed");
  }
  for (size_t i = 0; i < shape.size(); ++i) {
    int64_t low = op.getLow()[i], high = op.getHigh()[i];
    bool padded = low > 0 || high > 0;
    if (padded && mode == PadMode::reflect && std::max(low, high) >= shape[i])
      return emitOptionalError(location, "axis ", i, " of extent ", shape[i], " cannot be reflected ",
                               std::max(low, high), " elements far");
    if (padded && mode != PadMode::constant && shape[i] == 0)
      return emitOptionalError(location, "axis ", i, " is empty; there is nothing to repeat");
    shape[i] += low + high;
  }
  return addResult(location, shape, elementOf(op.getInput()), results);
}

LogicalResult TileOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor op,
                                       SmallVectorImpl<Type> &results) {
  Shape shape(shapeOf(op.getInput()));
  if (failed(checkList(location, "repeats", op.getRepeats(), shape.size(), 0)))
    return failure();
  for (size_t i = 0; i < shape.size(); ++i)
    if (llvm::MulOverflow(shape[i], op.getRepeats()[i], shape[i]))
      return emitOptionalError(location, "axis ", i, " repeated ", op.getRepeats()[i], " times is too long");
  return addResult(location, shape, elementOf(op.getInput()), results);
}

static LogicalResult checkIndices(OptionalLocation location, Value indices) {
  if (!isInteger(elementOf(indices)))
    return emitOptionalError(location, "indices have elements ", elementOf(indices), "; integers are needed");
  return success();
}

static bool isEmpty(ArrayRef<int64_t> shape) { return llvm::is_contained(shape, 0); }

LogicalResult GatherOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor op,
                                         SmallVectorImpl<Type> &results) {
  ArrayRef<int64_t> shape = shapeOf(op.getInput()), indices = shapeOf(op.getIndices());
  int64_t axis = op.getAxis();
  if (failed(checkIndices(location, op.getIndices())) || failed(checkAxis(location, axis, shape.size())))
    return failure();
  Shape result(shape.take_front(axis));
  llvm::append_range(result, indices);
  llvm::append_range(result, shape.drop_front(axis + 1));
  if (shape[axis] == 0 && !isEmpty(result))
    return emitOptionalError(location, "axis ", axis, " is empty; there is nothing to gather");
  return addResult(location, result, elementOf(op.getInput()), results);
}

/// Indices of gather_elements and scatter_elements: the input's rank, and no
/// longer than the input on other axes than `axis`.
static LogicalResult checkElementIndices(OptionalLocation location, Value input, Value indices, int64_t axis) {
  ArrayRef<int64_t> shape = shapeOf(input), at = shapeOf(indices);
  if (failed(checkIndices(location, indices)) || failed(checkAxis(location, axis, shape.size())))
    return failure();
  bool fits = shape.size() == at.size();
  for (size_t i = 0; fits && i < shape.size(); ++i)
    fits = int64_t(i) == axis ? shape[i] > 0 || isEmpty(at) : at[i] <= shape[i];
  if (!fits)
    return emitOptionalError(location, "indices of shape ", formatShape(at), " do not fit a tensor of shape ",
                             formatShape(shape), " along axis ", axis);
  return success();
}

LogicalResult GatherElementsOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor op,
                                                 SmallVectorImpl<Type> &results) {
  if (failed(checkElementIndices(location, op.getInput(), op.getIndices(), op.getAxis())))
    return failure();
  return addResult(location, shapeOf(op.getIndices()), elementOf(op.getInput()), results);
}

LogicalResult ScatterElementsOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor op,
                                                  SmallVectorImpl<Type> &results) {
  if (failed(checkElementIndices(location, op.getInput(), op.getIndices(), op.getAxis())))
    return failure();
  if (shapeOf(op.getUpdates()) != shapeOf(op.getIndices()) || elementOf(op.getUpdates()) != elementOf(op.getInput()))
    return emitOptionalError(location, "updates of type ", op.getUpdates().getType(), " do not fit indices of type ",
                             op.getIndices().getType(), " into ", op.getInput().getType());
  return addResult(location, shapeOf(op.getInput()), elementOf(op.getInput()), results);
}

/// The slice shape that index tuples (the last axis of `indices`) select after
/// `batchDims` shared axes.
static FailureOr<Shape> tupleSlice(OptionalLocation location, Value input, Value indices, int64_t batchDims) {
  ArrayRef<int64_t> shape = shapeOf(input), at = shapeOf(indices);
  if (failed(checkIndices(location, indices)))
    return failure();
  if (batchDims < 0 || batchDims >= int64_t(std::min(shape.size(), at.size())) ||
      shape.take_front(batchDims) != at.take_front(batchDims))
    return emitOptionalError(location, "shapes ", formatShape(shape), " and ", formatShape(at), " do not share ",
                             batchDims, " batch axes");
  int64_t tuple = at.back();
  if (tuple < 1 || tuple > int64_t(shape.size()) - batchDims)
    return emitOptionalError(location, "tuples of ", tuple, " indices do not address a tensor of shape ",
                             formatShape(shape));
  if (isEmpty(shape.slice(batchDims, tuple)) && !isEmpty(at))
    return emitOptionalError(location, "the axes addressed in a tensor of shape ", formatShape(shape), " are empty");
  return Shape(shape.drop_front(batchDims + tuple));
}

LogicalResult GatherNdOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor op,
                                           SmallVectorImpl<Type> &results) {
  FailureOr<Shape> slice = tupleSlice(location, op.getInput(), op.getIndices(), op.getBatchDims());
  if (failed(slice))
    return failure();
  Shape result(shapeOf(op.getIndices()).drop_back());
  llvm::append_range(result, *slice);
  return addResult(location, result, elementOf(op.getInput()), results);
}

LogicalResult ScatterNdOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor op,
                                            SmallVectorImpl<Type> &results) {
  FailureOr<Shape> slice = tupleSlice(location, op.getInput(), op.getIndices(), /*batchDims=*/0);
  if (failed(slice))
    return failure();
  Shape updates(shapeOf(op.getIndices()).drop_back());
  llvm::append_range(updates, *slice);
  if (shapeOf(op.getUpdates()) != ArrayRef<int64_t>(updates) || elementOf(op.getUpdates()) != elementOf(op.getInput()))
    return emitOptionalError(location, "updates have type ", op.getUpdates().getType(), "; shape ",
                             formatShape(updates), " of ", elementOf(op.getInput()), " is needed");
  return addResult(location, shapeOf(op.getInput()), elementOf(op.getInput()), results);
}

LogicalResult ReverseSequenceOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor op,
                                                  SmallVectorImpl<Type> &results) {
  ArrayRef<int64_t> shape = shapeOf(op.getInput()), lengths = shapeOf(op.getLengths());
  int64_t batchAxis = op.getBatchAxis(), timeAxis = op.getTimeAxis();
  if (failed(checkIndices(location, op.getLengths())) || failed(checkAxis(location, batchAxis, shape.size())) ||
      failed(checkAxis(location, timeAxis, shape.size())))
    return failure();
  if (batchAxis == timeAxis)
    return emitOptionalError(location, "batch and time are both axis ", batchAxis);
  if (lengths != shape.slice(batchAxis, 1))
    return emitOptionalError(location, "lengths of shape ", formatShape(lengths), " do not fit ", shape[batchAxis],
                             " sequences");
  return addResult(location, shape, elementOf(op.getInput()), results);
}

LogicalResult ResizeOp::verify() {
  ArrayRef<int64_t> from = shapeOf(getInput()), to = shapeOf(getOutput());
  if (elementOf(getInput()) != elementOf(getOutput()))
    return emitOpError("changes the elements from ") << elementOf(getInput()) << " to " << elementOf(getOutput());
  if (isBoolean(elementOf(getInput())))
    return emitOpError("is not defined on elements of type i1");
  if (from.size() != to.size() || getScales().size() != from.size())
    return emitOpError("from shape ") << formatShape(from) << " to " << formatShape(to) << " with "
                                      << getScales().size() << " scales: one per axis is needed";
  bool crops = getCoordinates() == CoordinateKind::tf_crop_and_resize;
  if (getRoi().size() != (crops ? 2 * from.size() : 0))
    return emitOpError("has ") << getRoi().size() << " values of roi; " << (crops ? 2 * from.size() : 0)
                               << " are needed";
  for (size_t i = 0; i < from.size(); ++i) {
    if (!(getScales()[i] > 0) || std::isinf(getScales()[i]))
      return emitOpError("scale of axis ") << i << " is not positive and finite";
    if (crops && (!std::isfinite(getRoi()[i]) || !std::isfinite(getRoi()[from.size() + i])))
      return emitOpError("roi of axis ") << i << " is not finite";
    if (from[i] == 0 && to[i] != 0)
      return emitOpError("axis ") << i << " is empty; there is nothing to interpolate";
  }
  if (!std::isfinite(getCubicCoefficient().convertToDouble()))
    return emitOpError("cubic coefficient is not finite");
  return success();
}

LogicalResult KernelOp::verify() {
  Block &block = getBody().front();
  if (block.getArgumentTypes() != getInputs().getTypes())
    return emitOpError("body arguments differ from the operands in type");
  auto yield = block.empty() ? nullptr : dyn_cast<YieldOp>(block.back());
  if (!yield)
    return emitOpError("body does not end in nn.yield");
  if (yield.getValues().getTypes() != getOutputs().getTypes())
    return emitOpError("yields other types than its results have");
  return success();
}

} // namespace fettle::nn
