//===- Normalization.cpp - norms and softmax ------------------------------===//

#include "ir/export/ExportTable.h"

using namespace mlir;

namespace fettle {

//===--- Layer norms ------------------------------------------------------===//

/// The parameter as a vector of `extents` if that is all it varies over: [4, 8], [1, 4, 8] for the extents 4 and 8.
/// Null if it is not so.
static Value asNormalized(Value parameter, ArrayRef<int64_t> extents) {
  ArrayRef<int64_t> shape = typeOf(parameter).getShape();
  while (shape.size() > extents.size() && shape.front() == 1)
    shape = shape.drop_front();
  return shape == extents ? parameter : Value();
}

/// Whether a parameter of an instance norm varies over channels alone: [c, 1, 1] or [1, c, 1, 1].
static bool isPerChannel(Value parameter, ArrayRef<int64_t> shape) {
  if (!parameter)
    return true;
  ArrayRef<int64_t> own = typeOf(parameter).getShape();
  if (own.size() + 1 < shape.size())
    return false;
  if (own.size() == shape.size()) {
    if (own.front() != 1)
      return false;
    own = own.drop_front();
  }
  return own.front() == shape[1] && llvm::all_of(own.drop_front(), [](int64_t extent) { return extent == 1; });
}

/// x / sqrt(mean x^2 + epsilon) after the mean is subtracted (not for rms), in the operators that exporters use and
/// runtimes look for.
static Term composeNorm(NodeWriter &writer, Term x, int64_t axis, double epsilon, bool isRms) {
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(axis, x.rank()));
  Term centred = isRms ? x : writer.sub(x, writer.reduce("ReduceMean", x, axes, /*keepDims=*/true));
  Term square = writer.binary("Pow", centred, writer.scalarLike(2, centred));
  Term variance = writer.reduce("ReduceMean", square, axes, true);
  Term deviation = writer.unary("Sqrt", writer.add(variance, writer.scalarLike(epsilon, variance)));
  return writer.div(centred, deviation);
}

static void writeLayerNorm(NodeWriter &writer, nn::LayerNormOp op) {
  Term input = writer.term(op.getInput());
  Type element = input.element();
  ArrayRef<int64_t> shape = input.shape();
  int64_t axis = op.getAxis();
  double epsilon = op.getEpsilon().convertToDouble();
  Value scale = op.getScale(), bias = op.getBias();
  bool isInstance = !op.getRms() && axis == 2 && shape.size() >= 3 && (scale || bias) && isPerChannel(scale, shape) &&
                    isPerChannel(bias, shape);
  if (isInstance) {
    auto vector = [&](Value parameter, double absent) {
      return parameter ? writer.shaped(parameter, shape[1]) : writer.splat(absent, shape[1], element);
    };
    return writer.setResult(writer.apply("InstanceNormalization", {input, vector(scale, 1), vector(bias, 0)}, shape,
                                         Attributes().with("epsilon", epsilon)));
  }
  Term x = input;
  // The operator's statistics are of f32: too coarse for f64.
  if (!op.getRms() && writer.opset >= 17 && !element.isF64()) {
    ArrayRef<int64_t> extents = shape.drop_front(axis);
    Value ownScale = scale ? asNormalized(scale, extents) : Value();
    Value ownBias = bias && (ownScale || !scale) ? asNormalized(bias, extents) : Value();
    Term factor = ownScale ? writer.shaped(ownScale, extents) : writer.splat(1, extents, element);
    Term offset = ownBias ? writer.shaped(ownBias, extents) : Term();
    x = writer.apply("LayerNormalization", {x, factor, offset}, shape,
                     Attributes().with("axis", axis).with("epsilon", epsilon));
    scale = ownScale ? Value() : scale;
    bias = ownBias ? Value() : bias;
  } else {
    x = composeNorm(writer, writer.widened(x), axis, epsilon, op.getRms());
  }
  if (scale)
    x = writer.mul(x, writer.cast(writer.term(scale), x.element()));
  if (bias)
    x = writer.add(x, writer.cast(writer.term(bias), x.element()));
  writer.setResult(writer.cast(x, element));
}

//===--- Other norms ------------------------------------------------------===//

/// Before opset 15 all operands have one type.
static void writeBatchNorm(NodeWriter &writer, nn::BatchNormOp op) {
  Term input = writer.term(op.getInput());
  Type compute = writer.computeType("BatchNormalization", input.element());
  SmallVector<Term> operands = {writer.cast(input, compute)};
  for (Value parameter : {op.getScale(), op.getBias(), op.getMean(), op.getVariance()})
    operands.push_back(writer.cast(writer.term(parameter), compute));
  Term normal = writer.node("BatchNormalization", operands, RankedTensorType::get(input.shape(), compute),
                            Attributes().with("epsilon", op.getEpsilon().convertToDouble()));
  writer.setResult(writer.cast(normal, input.element()));
}

static void writeLrn(NodeWriter &writer, nn::LrnOp op) {
  writer.setResult(writer.unary("LRN", writer.term(op.getInput()),
                                Attributes()
                                    .with("alpha", op.getAlpha().convertToDouble())
                                    .with("beta", op.getBeta().convertToDouble())
                                    .with("bias", op.getBias().convertToDouble())
                                    .with("size", int64_t(op.getSize()))));
}

static void writeSoftmax(NodeWriter &writer, nn::SoftmaxOp op) {
  writer.setResult(writer.unary(op.getLog() ? "LogSoftmax" : "Softmax", writer.term(op.getInput()),
                                Attributes().with("axis", int64_t(op.getAxis()))));
}

ArrayRef<ExportEntry> normalizationExports() {
  static const ExportEntry table[] = {
      exportEntry<nn::LayerNormOp, writeLayerNorm>(),
      exportEntry<nn::BatchNormOp, writeBatchNorm>(),
      exportEntry<nn::LrnOp, writeLrn>(),
      exportEntry<nn::SoftmaxOp, writeSoftmax>(),
  };
  return table;
}

} // namespace fettle
