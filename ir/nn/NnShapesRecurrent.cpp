//===- NnShapesRecurrent.cpp - result types of recurrent layers -----------===//

#include "ir/nn/ShapeRules.h"

using namespace mlir;

namespace fettle::nn {

/// An operand (null if absent) and the shape it must have.
struct Expected {
  StringRef name;
  Value value;
  Shape shape;
};

static LogicalResult checkExpected(OptionalLocation location, ArrayRef<Expected> operands, Type element) {
  for (const Expected &operand : operands) {
    if (!operand.value)
      continue;
    if (elementOf(operand.value) != element)
      return emitOptionalError(location, operand.name, " has elements ", elementOf(operand.value), " where x has ",
                               element);
    if (shapeOf(operand.value) != ArrayRef<int64_t>(operand.shape))
      return emitOptionalError(location, operand.name, " has shape ", formatShape(shapeOf(operand.value)), "; ",
                               formatShape(operand.shape), " is needed");
  }
  return success();
}

static LogicalResult checkActivations(OptionalLocation location, ArrayAttr activations, size_t count) {
  static const StringRef known[] = {"Relu",        "Tanh", "Sigmoid",  "LeakyRelu", "ThresholdedRelu",
                                    "HardSigmoid", "Elu",  "Softsign", "Softplus"};
  if (activations.size() != count)
    return emitOptionalError(location, activations.size(), " activations are named; ", count, " are needed");
  for (Attribute attribute : activations)
    if (!llvm::is_contained(known, cast<StringAttr>(attribute).getValue()))
      return emitOptionalError(location, "activation '", cast<StringAttr>(attribute).getValue(), "' is not one of ",
                               llvm::join(ArrayRef<StringRef>(known), ", "));
  return success();
}

/// Everything the three layers share; `gates` is g of their description. Gives
/// the types of y, y_h (and y_c).
template <typename Adaptor>
static LogicalResult inferRecurrent(OptionalLocation location, Adaptor op, int64_t gates, size_t activations,
                                    ArrayRef<Expected> others, int numStates, SmallVectorImpl<Type> &results) {
  if (failed(checkFloat(location, "x", op.getX())) ||
      failed(checkActivations(location, op.getActivations(), activations)))
    return failure();
  if (shapeOf(op.getX()).size() != 3 || shapeOf(op.getR()).size() != 2)
    return emitOptionalError(location, "x of shape ", formatShape(shapeOf(op.getX())), " and r of shape ",
                             formatShape(shapeOf(op.getR())), "; three and two axes are needed");
  int64_t steps = shapeOf(op.getX())[0], batch = shapeOf(op.getX())[1], inputs = shapeOf(op.getX())[2];
  int64_t hidden = shapeOf(op.getR())[1];
  if (hidden > maxAttributeValue)
    return emitOptionalError(location, "hidden size ", hidden, " is too large");
  if (op.getClip().convertToDouble() < 0)
    return emitOptionalError(location, "clip is negative");
  Type element = elementOf(op.getX());
  if (failed(checkExpected(location,
                           {{"w", op.getW(), {gates * hidden, inputs}},
                            {"r", op.getR(), {gates * hidden, hidden}},
                            {"bias", op.getBias(), {2 * gates * hidden}},
                            {"h0", op.getH0(), {batch, hidden}}},
                           element)) ||
      failed(checkExpected(location, others, element)))
    return failure();
  if (Value lengths = op.getLengths())
    if (!elementOf(lengths).isSignlessInteger(32) || shapeOf(lengths) != ArrayRef<int64_t>({batch}))
      return emitOptionalError(location, "lengths have type ", lengths.getType(), "; ", batch,
                               " values of i32 are needed");
  if (failed(addResult(location, {steps, batch, hidden}, element, results)))
    return failure();
  for (int i = 0; i < numStates; ++i)
    if (failed(addResult(location, {batch, hidden}, element, results)))
      return failure();
  return success();
}

LogicalResult LstmOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor op,
                                       SmallVectorImpl<Type> &results) {
  SmallVector<Expected> others;
  if (shapeOf(op.getX()).size() == 3 && shapeOf(op.getR()).size() == 2) {
    int64_t batch = shapeOf(op.getX())[1], hidden = shapeOf(op.getR())[1];
    others.push_back({"c0", op.getC0(), {batch, hidden}});
    others.push_back({"peephole", op.getPeephole(), {3 * hidden}});
  }
  return inferRecurrent(location, op, /*gates=*/4, /*activations=*/3, others, /*numStates=*/2, results);
}

LogicalResult GruOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor op,
                                      SmallVectorImpl<Type> &results) {
  return inferRecurrent(location, op, /*gates=*/3, /*activations=*/2, {}, /*numStates=*/1, results);
}

LogicalResult RnnOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor op,
                                      SmallVectorImpl<Type> &results) {
  return inferRecurrent(location, op, /*gates=*/1, /*activations=*/1, {}, /*numStates=*/1, results);
}

} // namespace fettle::nn
