//===- Reduction.cpp - ONNX reductions, extrema, running sums -------------===//

#include "ir/import/OperatorTable.h"

using namespace mlir;

namespace fettle {

using nn::ReduceKind;

/// Axes: an attribute until opset 17 (ReduceSum: 12), then operand 1; none means
/// all, or nothing with noop_with_empty_axes.
template <ReduceKind kind> static void importReduce(NodeImporter &node) {
  Value input = node.input(0);
  std::vector<int64_t> axes = node.attributeOrInput("axes", 1).value_or(std::vector<int64_t>());
  bool keepDims = node.integer("keepdims", 1) != 0;
  if (axes.empty() && node.integer("noop_with_empty_axes", 0) != 0)
    // Elementwise, the reductions of single elements.
    return node.setOutput(node.reduce(kind, input, {}, keepDims));
  node.setOutput(node.reduce(kind, input, axes.empty() ? allAxes(input) : node.normalizeAxes(axes, rankOf(input)),
                             keepDims));
}

/// Booleans order false before true: any and all.
template <ReduceKind kind> static void importExtremum(NodeImporter &node) {
  Value input = node.input(0);
  if (!elementOf(input).isInteger(1))
    return importReduce<kind>(node);
  std::vector<int64_t> axes = node.attributeOrInput("axes", 1).value_or(std::vector<int64_t>());
  if (axes.empty() && node.integer("noop_with_empty_axes", 0) != 0)
    return node.setOutput(input);
  axes = axes.empty() ? allAxes(input) : node.normalizeAxes(axes, rankOf(input));
  Value wide = node.cast(input, node.i32());
  Value extremum = node.reduce(kind, wide, axes, node.integer("keepdims", 1) != 0);
  node.setOutput(node.cast(extremum, node.boolean()));
}

template <nn::ArgKind kind> static void importArg(NodeImporter &node) {
  Value input = node.input(0);
  int64_t axis = node.normalizeAxis(node.integer("axis", 0), rankOf(input));
  node.setOutput(node.create<nn::ArgOp>(kind, input, axis, node.integer("keepdims", 1) != 0,
                                        node.integer("select_last_index", 0) != 0));
}

static void importTopK(NodeImporter &node) {
  Value input = node.input(0);
  int64_t axis = node.normalizeAxis(node.integer("axis", -1), rankOf(input)), k = 0;
  if (node.opset < 10) {
    k = node.integer("k", 0);
  } else {
    std::vector<int64_t> operand = node.constantIntegers(1);
    if (!node.failed() && operand.size() != 1)
      return node.fail("k must be one number");
    k = operand.empty() ? 0 : operand[0];
  }
  auto results = node.createMany<nn::TopKOp>(2, input, axis, k, node.integer("largest", 1) == 0);
  node.setOutput(0, results[0]);
  node.setOutput(1, results[1]);
}

static void importCumSum(NodeImporter &node) {
  Value input = node.input(0);
  std::vector<int64_t> axis = node.constantIntegers(1);
  if (!node.failed() && axis.size() != 1)
    return node.fail("axis must be one number");
  int64_t at = node.normalizeAxis(axis.empty() ? 0 : axis[0], rankOf(input));
  node.setOutput(node.create<nn::CumSumOp>(input, at, node.integer("exclusive", 0) != 0,
                                           node.integer("reverse", 0) != 0));
}

static void importDet(NodeImporter &node) { node.setOutput(node.create<nn::DetOp>(node.input(0))); }

ArrayRef<OperatorEntry> reductionOperators() {
  static const char *constantAxes = "axes must follow from constants";
  static const OperatorEntry table[] = {
      {"", "ArgMax", 1, newestOpset, importArg<nn::ArgKind::argmax>, ""},
      {"", "ArgMin", 1, newestOpset, importArg<nn::ArgKind::argmin>, ""},
      {"", "CumSum", 11, newestOpset, importCumSum, constantAxes},
      {"", "Det", 11, newestOpset, importDet, ""},
      {"", "ReduceL1", 1, newestOpset, importReduce<ReduceKind::l1>, constantAxes},
      {"", "ReduceL2", 1, newestOpset, importReduce<ReduceKind::l2>, constantAxes},
      {"", "ReduceLogSum", 1, newestOpset, importReduce<ReduceKind::log_sum>, constantAxes},
      {"", "ReduceLogSumExp", 1, newestOpset, importReduce<ReduceKind::log_sum_exp>, constantAxes},
      {"", "ReduceMax", 1, newestOpset, importExtremum<ReduceKind::max>, constantAxes},
      {"", "ReduceMean", 1, newestOpset, importReduce<ReduceKind::mean>, constantAxes},
      {"", "ReduceMin", 1, newestOpset, importExtremum<ReduceKind::min>, constantAxes},
      {"", "ReduceProd", 1, newestOpset, importReduce<ReduceKind::prod>, constantAxes},
      {"", "ReduceSum", 1, newestOpset, importReduce<ReduceKind::sum>, constantAxes},
      {"", "ReduceSumSquare", 1, newestOpset, importReduce<ReduceKind::sum_square>, constantAxes},
      {"", "TopK", 1, newestOpset, importTopK, "k must follow from constants"},
  };
  return table;
}

} // namespace fettle
