//===- Training.cpp - ONNX steps of optimizers ----------------------------===//
//
// Operands: learning rate, number of updates so far, then the tensors of all
// parameters by role: values, gradients, and one or two kinds of state. Results:
// the new values, then the new states.
//
//===----------------------------------------------------------------------===//

#include "ir/import/OperatorTable.h"

using namespace mlir;

namespace fettle {

using nn::BinaryKind;
using nn::UnaryKind;

namespace {
/// One parameter with its gradient, to which the penalty on its norm has been added.
struct Parameter {
  Value value, gradient;
  Value state[2];
};
} // namespace

/// The parameters of a node with `states` kinds of state; none after a failure.
static std::vector<Parameter> readParameters(NodeImporter &node, size_t states) {
  size_t operands = node.numInputs() > 2 ? node.numInputs() - 2 : 0, count = operands / (2 + states);
  std::vector<Parameter> result;
  if (count == 0 || operands != count * (2 + states)) {
    node.fail("its operands are not whole groups of " + Twine(2 + states));
    return result;
  }
  double penalty = node.real("norm_coefficient", 0);
  for (size_t i = 0; i < count; ++i) {
    Parameter parameter;
    parameter.value = node.input(2 + i);
    parameter.gradient = node.add(node.scaled(parameter.value, penalty), node.input(2 + count + i));
    for (size_t state = 0; state < states; ++state)
      parameter.state[state] = node.input(2 + (2 + state) * count + i);
    result.push_back(parameter);
  }
  return result;
}

static void importAdagrad(NodeImporter &node) {
  std::vector<Parameter> parameters = readParameters(node, 1);
  Value rate = node.input(0), updates = node.cast(node.input(1), elementOf(rate));
  Value decay = node.add(node.scaled(updates, node.real("decay_factor", 0)), node.scalarLike(1, rate));
  rate = node.div(rate, decay);
  double epsilon = node.real("epsilon", 1e-6f);
  for (auto [i, p] : llvm::enumerate(parameters)) {
    Value squares = node.add(p.state[0], node.mul(p.gradient, p.gradient));
    Value root = node.unary(UnaryKind::sqrt, squares);
    Value adaptive = node.add(root, node.scalarLike(epsilon, root));
    node.setOutput(i, node.sub(p.value, node.div(node.mul(rate, p.gradient), adaptive)));
    node.setOutput(parameters.size() + i, squares);
  }
}

static void importAdam(NodeImporter &node) {
  std::vector<Parameter> parameters = readParameters(node, 2);
  Value rate = node.input(0), updates = node.input(1), one = node.scalarLike(1, rate);
  double alpha = node.real("alpha", 0.9f), beta = node.real("beta", 0.999f), epsilon = node.real("epsilon", 1e-6f);
  Value exponent = node.cast(updates, elementOf(rate));
  auto remaining = [&](double base) {
    return node.sub(one, node.binary(BinaryKind::pow, node.scalarLike(base, rate), exponent));
  };
  Value corrected = node.div(node.mul(rate, node.unary(UnaryKind::sqrt, remaining(beta))), remaining(alpha));
  rate = node.select(node.compare(nn::CompareKind::gt, updates, node.scalarLike(0, updates)), corrected, rate);
  for (auto [i, p] : llvm::enumerate(parameters)) {
    Value mean = node.add(node.scaled(p.state[0], alpha), node.scaled(p.gradient, 1 - alpha));
    Value square = node.add(node.scaled(p.state[1], beta), node.scaled(node.mul(p.gradient, p.gradient), 1 - beta));
    Value root = node.unary(UnaryKind::sqrt, square);
    Value step = node.div(node.mul(rate, mean), node.add(root, node.scalarLike(epsilon, root)));
    Value moved = node.scaled(node.sub(p.value, step), 1 - node.real("norm_coefficient_post", 0));
    node.setOutput(i, moved);
    node.setOutput(parameters.size() + i, mean);
    node.setOutput(2 * parameters.size() + i, square);
  }
}

static void importMomentum(NodeImporter &node) {
  std::vector<Parameter> parameters = readParameters(node, 1);
  Value rate = node.input(0), updates = node.input(1);
  double alpha = node.real("alpha", 0);
  std::string mode = node.text("mode", "standard");
  if (mode != "standard" && mode != "nesterov")
    return node.fail("knows no mode '" + mode + "'");
  // The first step takes the gradient as it is.
  Value beta = node.select(node.compare(nn::CompareKind::gt, updates, node.scalarLike(0, updates)),
                           node.scalarLike(node.real("beta", 1), rate), node.scalarLike(1, rate));
  for (auto [i, p] : llvm::enumerate(parameters)) {
    Value momentum = node.add(node.scaled(p.state[0], alpha), node.mul(beta, p.gradient));
    Value direction = mode == "nesterov" ? node.add(p.gradient, node.scaled(momentum, alpha)) : momentum;
    node.setOutput(i, node.sub(p.value, node.mul(rate, direction)));
    node.setOutput(parameters.size() + i, momentum);
  }
}

ArrayRef<OperatorEntry> trainingOperators() {
  static const OperatorEntry table[] = {
      {trainingDomain, "Adagrad", 1, 1, importAdagrad, ""},
      {trainingDomain, "Adam", 1, 1, importAdam, ""},
      {trainingDomain, "Momentum", 1, 1, importMomentum, ""},
  };
  return table;
}

} // namespace fettle
