//===- Normalization.cpp - ONNX operators that normalize ------------------===//

#include "ir/import/OperatorTable.h"

using namespace mlir;

namespace fettle {

using nn::ReduceKind;
using nn::UnaryKind;

/// `perChannel` [c] as it broadcasts over axis 1 of a tensor of `rank` axes.
static Value alongChannels(NodeImporter &node, Value perChannel, int64_t rank) {
  std::vector<int64_t> shape(std::max<int64_t>(rank - 1, 1), 1);
  shape[0] = elementsOf(perChannel);
  return node.reshape(perChannel, shape);
}

//===--- Batch normalization ----------------------------------------------===//

/// Training mode normalizes with the statistics of the batch (population
/// variance) and gives running statistics: old * momentum + batch * (1 - momentum).
static void importTrainingBatchNorm(NodeImporter &node) {
  Value input = node.input(0), mean = node.input(3), variance = node.input(4);
  std::vector<int64_t> axes = allAxes(input);
  if (axes.size() < 2)
    return node.fail("needs an input with channels");
  axes.erase(axes.begin() + 1);
  double momentum = node.real("momentum", 0.9f);
  Value batchMean = node.reduce(ReduceKind::mean, input, axes, /*keepDims=*/true);
  Value centred = node.sub(input, batchMean);
  Value batchVariance = node.reduce(ReduceKind::mean, node.mul(centred, centred), axes, true);
  Value flatMean = node.reshape(batchMean, {elementsOf(batchMean)});
  Value flatVariance = node.reshape(batchVariance, {elementsOf(batchVariance)});
  node.setOutput(node.create<nn::BatchNormOp>(input, node.input(1), node.input(2), flatMean, flatVariance,
                                              APFloat(node.real("epsilon", 1e-5f))));
  auto running = [&](Value old, Value batch) {
    Value kept = node.scaled(old, momentum);
    return node.add(kept, node.scaled(node.cast(batch, elementOf(old)), 1 - momentum));
  };
  if (node.wantsOutput(1))
    node.setOutput(1, running(mean, flatMean));
  if (node.wantsOutput(2))
    node.setOutput(2, running(variance, flatVariance));
}

static void importBatchNorm(NodeImporter &node) {
  if (node.opset >= 14 && node.integer("training_mode", 0) != 0)
    return importTrainingBatchNorm(node);
  if (node.opset < 9 && node.integer("spatial", 1) == 0)
    return node.fail("statistics per element (spatial = 0) are not supported");
  node.setOutput(node.create<nn::BatchNormOp>(node.input(0), node.input(1), node.input(2), node.input(3),
                                              node.input(4), APFloat(node.real("epsilon", 1e-5f))));
}

//===--- Over the axes of one sample --------------------------------------===//

static void importInstanceNorm(NodeImporter &node) {
  Value input = node.input(0);
  int64_t rank = rankOf(input);
  if (rank < 3)
    return node.fail("needs an input with spatial axes, not one of shape " + formatShape(shapeOf(input)));
  Value scale = alongChannels(node, node.input(1), rank), bias = alongChannels(node, node.input(2), rank);
  node.setOutput(node.layerNorm(input, scale, bias, 2, node.real("epsilon", 1e-5f)));
}

/// Groups of channels become an axis: [n, g, c/g, spatial...], normalized from axis 2 on. Scale and bias are one
/// per channel since opset 21, one per group before.
static void importGroupNorm(NodeImporter &node) {
  Value input = node.input(0), scale = node.input(1), bias = node.input(2);
  int64_t rank = rankOf(input), channels = dimOf(input, 1), groups = node.integer("num_groups", 1);
  if (rank < 2 || groups < 1 || channels % groups != 0)
    return node.fail(Twine(groups) + " groups do not divide an input of shape " + formatShape(shapeOf(input)));
  std::vector<int64_t> split = shapeOf(input).vec(), perGroup(rank - 1, 1);
  split[1] = groups;
  split.insert(split.begin() + 2, channels / groups);
  Value grouped = node.reshape(input, split);
  if (node.opset < 21) {
    std::vector<int64_t> shape(rank, 1);
    shape[0] = groups;
    Value normal = node.layerNorm(grouped, node.reshape(scale, shape), node.reshape(bias, shape), 2,
                                  node.real("epsilon", 1e-5f));
    return node.setOutput(node.reshape(normal, shapeOf(input)));
  }
  Value normal = node.reshape(node.layerNorm(grouped, {}, {}, 2, node.real("epsilon", 1e-5f)), shapeOf(input));
  Value scaled = node.mul(normal, alongChannels(node, scale, rank));
  node.setOutput(node.add(scaled, alongChannels(node, bias, rank)));
}

/// Besides the result, LayerNormalization can give the mean and the inverse
/// standard deviation that it used (axes from `axis` on kept with extent 1).
static void importLayerNorm(NodeImporter &node) {
  Value input = node.input(0);
  int64_t rank = rankOf(input), axis = node.normalizeAxis(node.integer("axis", -1), rank);
  double epsilon = node.real("epsilon", 1e-5f);
  node.setOutput(node.layerNorm(input, node.input(1), node.optionalInput(2), axis, epsilon));
  if (!node.wantsOutput(1) && !node.wantsOutput(2))
    return;
  std::vector<int64_t> axes;
  for (int64_t i = axis; i < rank; ++i)
    axes.push_back(i);
  Type element = node.integer("stash_type", 1) == 1 ? node.f32() : elementOf(input);
  Value wide = node.cast(input, element);
  Value mean = node.reduce(ReduceKind::mean, wide, axes, /*keepDims=*/true);
  node.setOutput(1, mean);
  if (node.wantsOutput(2)) {
    Value centred = node.sub(wide, mean);
    Value variance = node.reduce(ReduceKind::mean, node.mul(centred, centred), axes, true);
    node.setOutput(2, node.unary(UnaryKind::rsqrt, node.add(variance, node.scalarLike(epsilon, variance))));
  }
}

static void importRmsNorm(NodeImporter &node) {
  Value input = node.input(0);
  int64_t axis = node.normalizeAxis(node.integer("axis", -1), rankOf(input));
  node.setOutput(node.layerNorm(input, node.input(1), {}, axis, node.real("epsilon", 1e-5f), /*rms=*/true));
}

static void importMeanVarianceNorm(NodeImporter &node) {
  Value input = node.input(0);
  std::vector<int64_t> axes =
      node.normalizeAxes(node.integersAttribute("axes").value_or(std::vector<int64_t>{0, 2, 3}), rankOf(input));
  Value centred = node.sub(input, node.reduce(ReduceKind::mean, input, axes, true));
  Value variance = node.reduce(ReduceKind::mean, node.mul(centred, centred), axes, true);
  Value deviation = node.unary(UnaryKind::sqrt, variance);
  node.setOutput(node.div(centred, node.add(deviation, node.scalarLike(1e-9, deviation))));
}

static void importLpNorm(NodeImporter &node) {
  Value input = node.input(0);
  int64_t axis = node.normalizeAxis(node.integer("axis", -1), rankOf(input)), p = node.integer("p", 2);
  if (p != 1 && p != 2)
    return node.fail("knows no norm of order " + Twine(p));
  Value norm = node.reduce(p == 1 ? ReduceKind::l1 : ReduceKind::l2, input, {axis}, true);
  // A vector of zeros stays one.
  Value zero = node.scalarLike(0, norm), one = node.scalarLike(1, norm);
  Value divisor = node.select(node.compare(nn::CompareKind::eq, norm, zero), one, norm);
  node.setOutput(node.div(input, divisor));
}

static void importLrn(NodeImporter &node) {
  node.setOutput(node.create<nn::LrnOp>(node.input(0), node.integer("size", 1), APFloat(node.real("alpha", 1e-4f)),
                                        APFloat(node.real("beta", 0.75)), APFloat(node.real("bias", 1.0))));
}

//===--- Softmax ----------------------------------------------------------===//

/// Before opset 13 softmax ran over all axes from `axis` on, taken as one.
template <bool log> static void importSoftmax(NodeImporter &node) {
  Value input = node.input(0);
  int64_t rank = rankOf(input), axis = node.normalizeAxis(node.integer("axis", node.opset < 13 ? 1 : -1), rank);
  if (node.opset >= 13 || axis == rank - 1)
    return node.setOutput(node.softmax(input, axis, log));
  Value flat = node.reshape(input, {extentOf(input, 0, axis), extentOf(input, axis, rank)});
  node.setOutput(node.reshape(node.softmax(flat, 1, log), shapeOf(input)));
}

/// 1 at the first maximum, 0 elsewhere.
static void importHardmax(NodeImporter &node) {
  Value input = node.input(0);
  std::vector<int64_t> shape = shapeOf(input).vec();
  int64_t rank = shape.size();
  int64_t axis = node.normalizeAxis(node.integer("axis", node.opset < 13 ? 1 : -1), rank);
  if (node.failed())
    return;
  if (node.opset < 13) {
    input = node.reshape(input, {extentOf(input, 0, axis), extentOf(input, axis, rank)});
    axis = 1;
  }
  Value best = node.create<nn::ArgOp>(nn::ArgKind::argmax, input, axis, /*keep_dims=*/true, /*select_last=*/false);
  Value hit = node.compare(nn::CompareKind::eq, node.countUp(dimOf(input, axis), axis, rankOf(input)), best);
  node.setOutput(node.reshape(node.cast(hit, elementOf(input)), shape));
}

//===--- Dropout ----------------------------------------------------------===//

static void importDropout(NodeImporter &node) {
  Value input = node.input(0);
  if (node.hasInput(2)) {
    std::optional<HostTensor> training = node.constantInput(2);
    if (!training)
      return;
    if (training->numElements() == 1 && training->integerAt(0) != 0) {
      double ratio = node.hasInput(1) ? node.constantReal(1).value_or(0) : 0.5;
      if (ratio != 0)
        return node.fail("drops at random (training_mode is true)", "export the model for inference");
    }
  }
  node.setOutput(input);
  if (node.wantsOutput(1))
    node.setOutput(1, node.splat(1, shapeOf(input), node.opset < 10 ? elementOf(input) : node.boolean()));
}

ArrayRef<OperatorEntry> normalizationOperators() {
  static const OperatorEntry table[] = {
      {"", "BatchNormalization", 6, newestOpset, importBatchNorm, "spatial statistics only"},
      {"", "Dropout", 1, newestOpset, importDropout, "inference only"},
      {"", "GroupNormalization", 18, newestOpset, importGroupNorm, ""},
      {"", "Hardmax", 1, newestOpset, importHardmax, ""},
      {"", "InstanceNormalization", 1, newestOpset, importInstanceNorm, ""},
      {"", "LRN", 1, newestOpset, importLrn, ""},
      {"", "LayerNormalization", 17, newestOpset, importLayerNorm, ""},
      {"", "LogSoftmax", 1, newestOpset, importSoftmax<true>, ""},
      {"", "LpNormalization", 1, newestOpset, importLpNorm, ""},
      {"", "MeanVarianceNormalization", 9, newestOpset, importMeanVarianceNorm, ""},
      {"", "RMSNormalization", 23, newestOpset, importRmsNorm, ""},
      {"", "Softmax", 1, newestOpset, importSoftmax<false>, ""},
  };
  return table;
}

} // namespace fettle
