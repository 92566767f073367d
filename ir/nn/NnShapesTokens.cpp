//===- NnShapesTokens.cpp - result types of ops that reduce tokens --------===//

#include "ir/nn/ShapeRules.h"

using namespace mlir;

namespace fettle::nn {

/// An assignment [n, t] of the tokens of `shape` [n, t, ...].
static LogicalResult checkAssignment(OptionalLocation location, Value assignment, ArrayRef<int64_t> shape) {
  if (!elementOf(assignment).isSignlessInteger(32) || shapeOf(assignment) != shape.take_front(2))
    return emitOptionalError(location, "assignment of type ", assignment.getType(), " is not one i32 for each token of ",
                             formatShape(shape));
  return success();
}

/// Sizes [n, t], one for each token of `tokens` [n, t, ...].
static LogicalResult checkSizes(OptionalLocation location, Value sizes, Value tokens) {
  if (sizes && (elementOf(sizes) != elementOf(tokens) || shapeOf(sizes) != shapeOf(tokens).take_front(2)))
    return emitOptionalError(location, "sizes of type ", sizes.getType(), " are not one for each token of ", tokens.getType());
  return success();
}

static LogicalResult checkTokens(OptionalLocation location, StringRef what, Value value, size_t rank) {
  if (failed(checkFloat(location, what, value)))
    return failure();
  if (shapeOf(value).size() != rank)
    return emitOptionalError(location, what, " of shape ", formatShape(shapeOf(value)), " has rank ", shapeOf(value).size(),
                             " where ", rank, " is needed");
  return success();
}

LogicalResult MatchTokensOp::inferReturnTypes(MLIRContext *context, OptionalLocation location, Adaptor op,
                                              SmallVectorImpl<Type> &results) {
  if (failed(checkTokens(location, "metric", op.getMetric(), 3)) || failed(checkSizes(location, op.getSizes(), op.getMetric())))
    return failure();
  ArrayRef<int64_t> shape = shapeOf(op.getMetric());
  int64_t protect = op.getProtect(), remove = op.getRemove(), reach = op.getReach();
  if (protect < 0 || protect > shape[1] || remove < 0 || remove > (shape[1] - protect) / 2)
    return emitOptionalError(location, "of ", shape[1], " tokens, ", protect, " of them protected, ", remove,
                             " cannot be merged into others");
  if (reach < 0)
    return emitOptionalError(location, "a reach of ", reach, " is negative");
  return addResult(location, shape.take_front(2), IntegerType::get(context, 32), results);
}

LogicalResult DropTokensOp::inferReturnTypes(MLIRContext *context, OptionalLocation location, Adaptor op,
                                             SmallVectorImpl<Type> &results) {
  if (failed(checkTokens(location, "score", op.getScore(), 2)))
    return failure();
  ArrayRef<int64_t> shape = shapeOf(op.getScore());
  int64_t protect = op.getProtect(), keep = op.getKeep();
  if (protect < 0 || keep < protect || keep > shape[1])
    return emitOptionalError(location, "of ", shape[1], " tokens, ", protect, " of them protected, ", keep, " cannot be kept");
  return addResult(location, shape, IntegerType::get(context, 32), results);
}

LogicalResult MergeTokensOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor op,
                                              SmallVectorImpl<Type> &results) {
  if (failed(checkTokens(location, "input", op.getInput(), 3)) || failed(checkSizes(location, op.getSizes(), op.getInput())) ||
      failed(checkAssignment(location, op.getAssignment(), shapeOf(op.getInput()))))
    return failure();
  Shape shape(shapeOf(op.getInput()));
  int64_t tokens = op.getTokens();
  if (tokens < 0 || tokens > shape[1])
    return emitOptionalError(location, shape[1], " tokens cannot become ", tokens);
  shape[1] = tokens;
  if (failed(addResult(location, shape, elementOf(op.getInput()), results)))
    return failure();
  return addResult(location, ArrayRef<int64_t>(shape).take_front(2), elementOf(op.getInput()), results);
}

LogicalResult UnmergeTokensOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor op,
                                                SmallVectorImpl<Type> &results) {
  if (failed(checkTokens(location, "input", op.getInput(), 3)))
    return failure();
  if (shapeOf(op.getAssignment()).size() != 2)
    return emitOptionalError(location, "assignment of shape ", formatShape(shapeOf(op.getAssignment())), " is not [n, t]");
  Shape shape(shapeOf(op.getInput()));
  shape[1] = shapeOf(op.getAssignment())[1];
  if (failed(checkAssignment(location, op.getAssignment(), shape)))
    return failure();
  return addResult(location, shape, elementOf(op.getInput()), results);
}

} // namespace fettle::nn
