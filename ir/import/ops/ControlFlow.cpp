//===- ControlFlow.cpp - ONNX If, Loop and Scan ---------------------------===//
//
// nn has no control flow. An If whose condition is known takes its branch; any
// other computes both and selects. Loops whose trip count is known are
// unrolled: the body is imported once per turn, each time in a scope of its own
// whose inputs are the values that the turn before gave.
//
//===----------------------------------------------------------------------===//

#include "ir/import/GraphImporter.h"
#include "ir/import/OperatorTable.h"
#include "ir/onnx/ElementTypes.h"

using namespace mlir;

namespace fettle {

/// What an unrolled loop may come to.
static constexpr int64_t maxUnrolledNodes = 10'000;

/// Imports a subgraph with its inputs bound; nothing, silently, where one of its outputs is poisoned.
static std::optional<std::vector<Value>> importSubgraph(NodeImporter &node, const onnx::Graph &graph,
                                                        ArrayRef<Value> inputs) {
  Scope inner;
  inner.parent = &node.scope;
  inner.opsets = node.scope.opsets;
  inner.callDepth = node.scope.callDepth;
  for (auto [input, value] : llvm::zip(graph.inputs, inputs))
    inner.values[input.name] = value;
  node.graph.importGraph(graph, inner);
  std::vector<std::string> names;
  for (const onnx::ValueInfo &output : graph.outputs)
    names.push_back(output.name);
  Problem user{nodeName(node.node), operatorName(node.node), node.opset, "", ""};
  std::vector<Value> results = node.graph.lookupAll(names, inner, user);
  for (Value result : results)
    if (!result) {
      node.failSilently();
      return std::nullopt;
    }
  return results;
}

static void importIf(NodeImporter &node) {
  Value condition = node.input(0);
  std::shared_ptr<const onnx::Graph> branches[2] = {node.graphAttribute("then_branch"),
                                                    node.graphAttribute("else_branch")};
  if (node.failed())
    return;
  size_t count = node.node.outputs.size();
  for (const auto &branch : branches)
    if (branch->outputs.size() != count)
      return node.fail("has " + Twine(count) + " outputs, a branch has " + Twine(branch->outputs.size()));
  if (elementsOf(condition) != 1)
    return node.fail("condition of shape " + formatShape(shapeOf(condition)) + " is not one value");
  if (std::optional<HostTensor> known = node.constantIfKnown(condition)) {
    std::optional<std::vector<Value>> results =
        importSubgraph(node, known->integerAt(0) != 0 ? *branches[0] : *branches[1], {});
    for (size_t i = 0; results && i < count; ++i)
      node.setOutput(i, (*results)[i]);
    return;
  }
  std::optional<std::vector<Value>> onTrue = importSubgraph(node, *branches[0], {});
  std::optional<std::vector<Value>> onFalse = importSubgraph(node, *branches[1], {});
  if (!onTrue || !onFalse)
    return;
  for (size_t i = 0; i < count; ++i) {
    Value a = (*onTrue)[i], b = (*onFalse)[i];
    if (isSequence(a) || isSequence(b))
      return node.fail("gives a sequence that depends on a condition computed at run time");
    if (a.getType() != b.getType()) {
      std::vector<std::string> inputs = node.graph.inputsBehind(condition);
      return node.fail("gives " + elementTypeName(elementOf(a)) + " " + formatShape(shapeOf(a)) + " or " +
                           elementTypeName(elementOf(b)) + " " + formatShape(shapeOf(b)) +
                           " depending on a condition that is computed at run time",
                       inputs.empty() ? "" : "bind the input that decides with --const " + inputs.front() + "=VALUE");
    }
    node.setOutput(i, node.select(node.reshape(condition, {}), a, b));
  }
}

/// Fails once the turns of a loop have unfolded to too much.
static bool unrollsTooFar(NodeImporter &node, int64_t nodesBefore, int64_t turns) {
  if (node.graph.importedNodes() - nodesBefore <= maxUnrolledNodes)
    return false;
  node.fail("unrolls to more than " + Twine(maxUnrolledNodes) + " nodes (" + Twine(turns) + " turns)",
            "shorten the loop by binding the input that its length depends on");
  return true;
}

/// The per-turn parts of a scan output, stacked along a new axis.
static Value stack(NodeImporter &node, ArrayRef<Value> parts, int64_t axis, bool backwards = false) {
  std::vector<Value> rows;
  for (Value part : parts) {
    if (isSequence(part)) {
      node.fail("collects sequences, which is not supported");
      return part;
    }
    int64_t at = node.normalizeAxis(axis, rankOf(part) + 1);
    rows.push_back(node.unsqueeze(part, {at}));
    axis = at;
  }
  if (backwards)
    std::reverse(rows.begin(), rows.end());
  return node.concat(rows, axis);
}

/// Loop(trip count, condition, carried...): body(turn, condition, carried...) gives condition, carried..., scanned...
static void importLoop(NodeImporter &node) {
  std::shared_ptr<const onnx::Graph> body = node.graphAttribute("body");
  if (!body || node.failed())
    return;
  int64_t turns = INT64_MAX;
  if (node.hasInput(0)) {
    std::vector<int64_t> given = node.constantIntegers(0);
    if (!node.failed() && given.size() != 1)
      return node.fail("the trip count must be one number");
    turns = node.failed() ? 0 : given[0];
  }
  size_t carriedCount = node.numInputs() > 2 ? node.numInputs() - 2 : 0;
  if (node.failed())
    return;
  if (body->inputs.size() != carriedCount + 2 || body->outputs.size() < carriedCount + 1 ||
      node.node.outputs.size() > body->outputs.size() - 1)
    return node.fail("its body has " + Twine(body->inputs.size()) + " inputs and " + Twine(body->outputs.size()) +
                     " outputs, which do not fit " + Twine(carriedCount) + " carried values");
  std::vector<Value> carried;
  for (size_t i = 0; i < carriedCount; ++i)
    carried.push_back(node.anyInput(2 + i));
  Value condition = node.hasInput(1) ? node.input(1) : node.scalar(1, node.boolean());
  std::vector<std::vector<Value>> scanned(body->outputs.size() - 1 - carriedCount);
  int64_t nodesBefore = node.graph.importedNodes();
  for (int64_t turn = 0; turn < turns && !node.failed(); ++turn) {
    std::optional<HostTensor> goesOn = node.constantOf(condition, "the condition of the loop");
    if (!goesOn || goesOn->numElements() != 1 || goesOn->integerAt(0) == 0)
      break;
    if (turn == maxUnrolledNodes)
      return node.fail("runs for more than " + Twine(maxUnrolledNodes) + " turns");
    std::vector<Value> inputs{node.integers({turn}, {}), condition};
    inputs.insert(inputs.end(), carried.begin(), carried.end());
    std::optional<std::vector<Value>> results = importSubgraph(node, *body, inputs);
    if (!results || unrollsTooFar(node, nodesBefore, turns))
      return;
    condition = (*results)[0];
    carried.assign(results->begin() + 1, results->begin() + 1 + carriedCount);
    for (size_t i = 0; i < scanned.size(); ++i)
      scanned[i].push_back((*results)[1 + carriedCount + i]);
  }
  if (node.failed())
    return;
  for (size_t i = 0; i < node.node.outputs.size(); ++i) {
    if (i < carriedCount) {
      node.setOutput(i, carried[i]);
      continue;
    }
    if (scanned[i - carriedCount].empty() && node.wantsOutput(i))
      return node.fail("runs no turn, so that output " + Twine(i) + " has no shape");
    if (!scanned[i - carriedCount].empty())
      node.setOutput(i, stack(node, scanned[i - carriedCount], 0));
  }
}

namespace {
/// Scan(states..., sequences...): body(states..., slices...) gives states..., scanned...
struct ScanPlan {
  std::shared_ptr<const onnx::Graph> body;
  int64_t stateCount = 0, sequenceCount = 0;
  std::vector<int64_t> inputAxes, inputBackwards;   ///< per sequence
  std::vector<int64_t> outputAxes, outputBackwards; ///< per scanned value
};
} // namespace

/// Reads the plan of a node whose states begin at operand `first`.
static ScanPlan readScan(NodeImporter &node, size_t first) {
  ScanPlan plan;
  plan.body = node.graphAttribute("body");
  plan.sequenceCount = node.integer("num_scan_inputs", 0);
  plan.stateCount = int64_t(node.numInputs()) - int64_t(first) - plan.sequenceCount;
  if (node.failed())
    return plan;
  if (plan.sequenceCount < 1 || plan.stateCount < 0 ||
      int64_t(plan.body->inputs.size()) != plan.stateCount + plan.sequenceCount ||
      int64_t(plan.body->outputs.size()) < plan.stateCount || node.node.outputs.size() > plan.body->outputs.size()) {
    node.fail("its body does not fit its inputs and outputs");
    return plan;
  }
  size_t scannedCount = plan.body->outputs.size() - plan.stateCount;
  auto list = [&](StringRef name, size_t count) {
    std::vector<int64_t> values = node.integersAttribute(name).value_or(std::vector<int64_t>());
    values.resize(count, 0);
    return values;
  };
  plan.inputAxes = list("scan_input_axes", plan.sequenceCount);
  plan.inputBackwards = list(node.opset < 9 ? "directions" : "scan_input_directions", plan.sequenceCount);
  plan.outputAxes = list("scan_output_axes", scannedCount);
  plan.outputBackwards = list("scan_output_directions", scannedCount);
  return plan;
}

/// Unrolls one scan; gives the states, then the scanned values. Empty after a failure.
static std::vector<Value> unrollScan(NodeImporter &node, const ScanPlan &plan, std::vector<Value> states,
                                     ArrayRef<Value> sequences) {
  int64_t turns = -1;
  std::vector<int64_t> axes = plan.inputAxes;
  for (auto [i, sequence] : llvm::enumerate(sequences)) {
    axes[i] = node.normalizeAxis(axes[i], rankOf(sequence));
    int64_t extent = dimOf(sequence, axes[i]);
    if (turns >= 0 && extent != turns)
      node.fail("its sequences are of different lengths");
    turns = extent;
  }
  if (turns > maxUnrolledNodes)
    node.fail("unrolls to " + Twine(turns) + " turns", "scan a shorter sequence");
  std::vector<std::vector<Value>> scanned(plan.outputAxes.size());
  int64_t nodesBefore = node.graph.importedNodes();
  for (int64_t turn = 0; turn < turns && !node.failed(); ++turn) {
    std::vector<Value> inputs = states;
    for (auto [i, sequence] : llvm::enumerate(sequences)) {
      Value part = node.sliceAxis(sequence, axes[i], plan.inputBackwards[i] ? turns - 1 - turn : turn, 1);
      std::vector<int64_t> shape = shapeOf(sequence).vec();
      shape.erase(shape.begin() + axes[i]);
      inputs.push_back(node.reshape(part, shape));
    }
    if (node.failed())
      return {};
    std::optional<std::vector<Value>> results = importSubgraph(node, *plan.body, inputs);
    if (!results || unrollsTooFar(node, nodesBefore, turns))
      return {};
    states.assign(results->begin(), results->begin() + plan.stateCount);
    for (size_t i = 0; i < scanned.size(); ++i)
      scanned[i].push_back((*results)[plan.stateCount + i]);
  }
  for (size_t i = 0; i < scanned.size() && !node.failed(); ++i) {
    if (scanned[i].empty())
      node.fail("runs no turn, so that its results have no shape");
    else
      states.push_back(stack(node, scanned[i], plan.outputAxes[i], plan.outputBackwards[i] != 0));
  }
  return node.failed() ? std::vector<Value>() : states;
}

static void importScan(NodeImporter &node) {
  ScanPlan plan = readScan(node, 0);
  std::vector<Value> states, sequences;
  for (int64_t i = 0; i < plan.stateCount + plan.sequenceCount && !node.failed(); ++i)
    (i < plan.stateCount ? states : sequences).push_back(node.input(i));
  if (node.failed())
    return;
  for (auto [i, result] : llvm::enumerate(unrollScan(node, plan, states, sequences)))
    node.setOutput(i, result);
}

/// Opset 8 scanned each sample of a batch (axis 0) along axis 1, with lengths as operand 0.
static void importBatchedScan(NodeImporter &node) {
  if (node.hasInput(0))
    return node.fail("sequences of different lengths are not supported", "convert the model to opset 9 or newer");
  ScanPlan plan = readScan(node, 1);
  if (node.failed())
    return;
  std::vector<std::vector<Value>> perResult(plan.body->outputs.size());
  int64_t batch = dimOf(node.input(node.numInputs() - 1), 0);
  if (batch > maxUnrolledNodes)
    return node.fail("unrolls to " + Twine(batch) + " samples", "scan a smaller batch");
  for (int64_t sample = 0; sample < batch && !node.failed(); ++sample) {
    std::vector<Value> states, sequences;
    for (int64_t i = 0; i < plan.stateCount + plan.sequenceCount; ++i) {
      Value whole = node.input(1 + i);
      Value part = node.reshape(node.sliceAxis(whole, 0, sample, 1),
                                shapeOf(whole).drop_front(std::min<size_t>(1, rankOf(whole))));
      (i < plan.stateCount ? states : sequences).push_back(part);
    }
    for (auto [i, result] : llvm::enumerate(unrollScan(node, plan, states, sequences)))
      perResult[i].push_back(result);
  }
  for (size_t i = 0; i < node.node.outputs.size() && !node.failed(); ++i)
    node.setOutput(i, stack(node, perResult[i], 0));
}

ArrayRef<OperatorEntry> controlFlowOperators() {
  static const OperatorEntry table[] = {
      {"", "If", 1, newestOpset, importIf, "branches that give equal types and shapes, or a condition that follows from constants"},
      {"", "Loop", 1, newestOpset, importLoop, "unrolled: the trip count must follow from constants"},
      {"", "Scan", 8, 8, importBatchedScan, "unrolled; sequences of one length"},
      {"", "Scan", 9, newestOpset, importScan, "unrolled"},
  };
  return table;
}

} // namespace fettle
