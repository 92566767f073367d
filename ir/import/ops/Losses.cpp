//===- Losses.cpp - ONNX losses of classifiers ----------------------------===//

#include "ir/import/OperatorTable.h"

using namespace mlir;

namespace fettle {

using nn::ReduceKind;

/// Minus the log probability [n, c, d...] of the target [n, d...], weighted per class; 0 where the target is
/// `ignore_index`. The mean is over the weights that counted.
static Value emitNegativeLogLikelihood(NodeImporter &node, Value logs, Value target, Value weight) {
  if (rankOf(logs) < 2 || rankOf(target) != rankOf(logs) - 1)
    node.fail("targets of shape " + formatShape(shapeOf(target)) + " do not fit scores of shape " +
              formatShape(shapeOf(logs)));
  std::string reduction = node.text("reduction", "mean");
  if (reduction != "none" && reduction != "sum" && reduction != "mean")
    node.fail("knows no reduction '" + reduction + "'");
  if (node.failed())
    return logs;
  Value weights, index = node.cast(target, node.i64());
  if (node.hasAttribute("ignore_index")) {
    Value ignored = node.compare(nn::CompareKind::eq, index, node.integers({node.integer("ignore_index", -1)}, {}));
    index = node.select(ignored, node.scalar(0, node.i64()), index);
    weights = node.cast(node.logicalNot(ignored), elementOf(logs));
  }
  if (weight) {
    Value perTarget = node.gather(weight, index, 0);
    weights = weights ? node.mul(weights, perTarget) : perTarget;
  }
  Value picked = node.create<nn::GatherElementsOp>(logs, node.unsqueeze(index, {1}), int64_t(1));
  Value loss = node.unary(nn::UnaryKind::neg, node.reshape(picked, shapeOf(target)));
  if (weights)
    loss = node.mul(loss, weights);
  if (reduction == "none")
    return loss;
  std::vector<int64_t> axes = allAxes(loss);
  if (reduction == "mean" && !weights)
    return node.reduce(ReduceKind::mean, loss, axes, false);
  Value sum = node.reduce(ReduceKind::sum, loss, axes, false);
  return reduction == "sum" ? sum : node.div(sum, node.reduce(ReduceKind::sum, weights, axes, false));
}

static void importNegativeLogLikelihoodLoss(NodeImporter &node) {
  node.setOutput(emitNegativeLogLikelihood(node, node.input(0), node.input(1), node.optionalInput(2)));
}

static void importSoftmaxCrossEntropyLoss(NodeImporter &node) {
  Value logs = node.softmax(node.input(0), 1, /*log=*/true);
  node.setOutput(0, emitNegativeLogLikelihood(node, logs, node.input(1), node.optionalInput(2)));
  node.setOutput(1, logs);
}

ArrayRef<OperatorEntry> lossOperators() {
  static const OperatorEntry table[] = {
      {"", "NegativeLogLikelihoodLoss", 12, newestOpset, importNegativeLogLikelihoodLoss, ""},
      {"", "SoftmaxCrossEntropyLoss", 12, newestOpset, importSoftmaxCrossEntropyLoss, ""},
  };
  return table;
}

} // namespace fettle
