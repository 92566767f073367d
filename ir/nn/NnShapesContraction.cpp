//===- NnShapesContraction.cpp - result types of products -----------------===//

#include "ir/nn/ShapeRules.h"

using namespace mlir;

namespace fettle::nn {

static LogicalResult checkBiasElements(OptionalLocation location, Value bias, Type element) {
  if (bias && elementOf(bias) != element)
    return emitOptionalError(location, "bias has elements ", elementOf(bias), " where the result has ", element);
  return success();
}

LogicalResult MatMulOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor op,
                                         SmallVectorImpl<Type> &results) {
  ArrayRef<int64_t> lhs = shapeOf(op.getLhs()), rhs = shapeOf(op.getRhs());
  if (lhs.size() < 2 || rhs.size() < 2)
    return emitOptionalError(location, "matrix product of shapes ", formatShape(lhs), " and ", formatShape(rhs),
                             "; both need two axes at least");
  int64_t m = lhs[lhs.size() - 2], k = lhs.back(), otherK = rhs[rhs.size() - 2], n = rhs.back();
  if (op.getTransposeLhs())
    std::swap(m, k);
  if (op.getTransposeRhs())
    std::swap(otherK, n);
  if (k != otherK)
    return emitOptionalError(location, "matrix product of shapes ", formatShape(lhs), " and ", formatShape(rhs),
                             " sums over ", k, " and ", otherK, " elements; they must be equal");
  FailureOr<Type> element = productType(location, elementOf(op.getLhs()), elementOf(op.getRhs()), op.getF32Sums());
  if (failed(element))
    return failure();
  if (failed(checkZeroPoint(location, int64_t(op.getZeroPoint()), elementOf(op.getLhs()))))
    return failure();
  FailureOr<Shape> shape = broadcast(location, lhs.drop_back(2), rhs.drop_back(2));
  if (failed(shape))
    return failure();
  shape->append({m, n});
  if (failed(checkBiasElements(location, op.getBias(), *element)))
    return failure();
  if (op.getBias() && failed(checkBroadcastsTo(location, "bias", shapeOf(op.getBias()), *shape)))
    return failure();
  return addResult(location, *shape, *element, results);
}

/// Rank, groups and attribute lists that both convolutions share.
template <typename Adaptor> static LogicalResult checkConvolution(OptionalLocation location, Adaptor op) {
  ArrayRef<int64_t> input = shapeOf(op.getInput()), weight = shapeOf(op.getWeight());
  if (input.size() < 3)
    return emitOptionalError(location, "convolution over an input of shape ", formatShape(input),
                             "; it needs a spatial axis");
  if (weight.size() != input.size())
    return emitOptionalError(location, "weight of rank ", weight.size(), " does not fit an input of rank ",
                             input.size());
  for (int64_t extent : weight)
    if (extent < 1 || extent > maxAttributeValue)
      return emitOptionalError(location, "weight of shape ", formatShape(weight), " makes no convolution");
  size_t spatial = input.size() - 2;
  int64_t groups = op.getGroups();
  if (groups < 1 || weight[0] % groups != 0)
    return emitOptionalError(location, groups, " groups do not divide a weight of shape ", formatShape(weight));
  return success(succeeded(checkList(location, "strides", op.getStrides(), spatial, 1)) &&
                 succeeded(checkList(location, "dilations", op.getDilations(), spatial, 1)) &&
                 succeeded(checkList(location, "pads", op.getPads(), 2 * spatial, 0)));
}

/// [n, c, spatial...] or [n, spatial..., c].
static Shape imageShape(int64_t batch, int64_t channels, ArrayRef<int64_t> spatial, bool channelsLast) {
  Shape shape = {batch};
  if (!channelsLast)
    shape.push_back(channels);
  shape.append(spatial.begin(), spatial.end());
  if (channelsLast)
    shape.push_back(channels);
  return shape;
}

static LogicalResult checkConvBias(OptionalLocation location, Value bias, int64_t channels) {
  if (bias && (shapeOf(bias).size() != 1 || shapeOf(bias)[0] != channels))
    return emitOptionalError(location, "bias of shape ", formatShape(shapeOf(bias)), " does not fit ", channels,
                             " result channels");
  return success();
}

LogicalResult ConvOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor op,
                                       SmallVectorImpl<Type> &results) {
  if (failed(checkConvolution(location, op)))
    return failure();
  ArrayRef<int64_t> input = shapeOf(op.getInput()), weight = shapeOf(op.getWeight());
  bool channelsLast = op.getChannelsLast();
  size_t spatial = input.size() - 2;
  int64_t channels = channelsLast ? input.back() : input[1];
  if (channels != weight[1] * int64_t(op.getGroups()))
    return emitOptionalError(location, "input has ", channels, " channels; a weight of shape ", formatShape(weight),
                             " in ", int64_t(op.getGroups()), " groups reads ", weight[1] * int64_t(op.getGroups()));
  FailureOr<Type> element = productType(location, elementOf(op.getInput()), elementOf(op.getWeight()), op.getF32Sums());
  if (failed(element) || failed(checkBiasElements(location, op.getBias(), *element)) ||
      failed(checkConvBias(location, op.getBias(), weight[0])) ||
      failed(checkZeroPoint(location, int64_t(op.getZeroPoint()), elementOf(op.getInput()))))
    return failure();
  Shape extents;
  for (size_t i = 0; i < spatial; ++i) {
    FailureOr<int64_t> extent =
        windowExtent(location, input[(channelsLast ? 1 : 2) + i], weight[2 + i], op.getStrides()[i],
                     op.getDilations()[i], op.getPads()[i], op.getPads()[spatial + i], /*ceilMode=*/false);
    if (failed(extent))
      return failure();
    extents.push_back(*extent);
  }
  return addResult(location, imageShape(input[0], weight[0], extents, channelsLast), *element, results);
}

LogicalResult ConvTransposeOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor op,
                                                SmallVectorImpl<Type> &results) {
  ArrayRef<int64_t> input = shapeOf(op.getInput()), weight = shapeOf(op.getWeight());
  size_t spatial = input.size() - 2;
  if (failed(checkConvolution(location, op)) ||
      failed(checkList(location, "output_padding", op.getOutputPadding(), spatial, 0)))
    return failure();
  bool channelsLast = op.getChannelsLast();
  int64_t channels = channelsLast ? input.back() : input[1];
  if (channels != weight[0])
    return emitOptionalError(location, "input has ", channels, " channels; a weight of shape ", formatShape(weight),
                             " reads ", weight[0]);
  int64_t resultChannels;
  if (llvm::MulOverflow(weight[1], int64_t(op.getGroups()), resultChannels))
    return emitOptionalError(location, "too many groups: ", int64_t(op.getGroups()));
  FailureOr<Type> element = productType(location, elementOf(op.getInput()), elementOf(op.getWeight()));
  if (failed(element) || failed(checkBiasElements(location, op.getBias(), *element)) ||
      failed(checkConvBias(location, op.getBias(), resultChannels)))
    return failure();
  Shape extents;
  for (size_t i = 0; i < spatial; ++i) {
    int64_t extent = input[(channelsLast ? 1 : 2) + i];
    if (extent > maxAttributeValue)
      return emitOptionalError(location, "input extent ", extent, " is too large");
    extents.push_back(extent == 0 ? 0
                                  : (extent - 1) * op.getStrides()[i] + op.getOutputPadding()[i] +
                                        (weight[2 + i] - 1) * op.getDilations()[i] + 1 - op.getPads()[i] -
                                        op.getPads()[spatial + i]);
  }
  return addResult(location, imageShape(input[0], resultChannels, extents, channelsLast), *element, results);
}

LogicalResult AttentionOp::inferReturnTypes(MLIRContext *, OptionalLocation location, Adaptor op,
                                            SmallVectorImpl<Type> &results) {
  ArrayRef<int64_t> query = shapeOf(op.getQuery()), key = shapeOf(op.getKey()), value = shapeOf(op.getValue());
  if (failed(checkFloat(location, "query", op.getQuery())))
    return failure();
  Type element = elementOf(op.getQuery());
  if (query.size() != 4 || key.size() != 4 || value.size() != 4)
    return emitOptionalError(location, "attention over shapes ", formatShape(query), ", ", formatShape(key), " and ",
                             formatShape(value), "; four axes are needed");
  if (elementOf(op.getKey()) != element || elementOf(op.getValue()) != element ||
      (op.getMask() && elementOf(op.getMask()) != element))
    return emitOptionalError(location, "query, key, value and mask of attention have different element types");
  if (key[0] != query[0] || value[0] != query[0])
    return emitOptionalError(location, "batches ", query[0], ", ", key[0], " and ", value[0],
                             " of query, key and value differ");
  if (key[1] != value[1] || key[1] < 1 || query[1] % key[1] != 0)
    return emitOptionalError(location, query[1], " query heads do not share ", key[1], " key and ", value[1],
                             " value heads evenly");
  if (key[2] != value[2])
    return emitOptionalError(location, key[2], " keys stand against ", value[2], " values");
  if (key[3] != query[3])
    return emitOptionalError(location, "query vectors have ", query[3], " elements, key vectors ", key[3]);
  Shape scores = {query[0], query[1], query[2], key[2]};
  if (op.getMask() && failed(checkBroadcastsTo(location, "mask", shapeOf(op.getMask()), scores)))
    return failure();
  return addResult(location, {query[0], query[1], query[2], value[3]}, element, results);
}

} // namespace fettle::nn
