//===- GraphImporter.cpp - from nodes in a scope to ops in a block --------===//

#include "ir/import/GraphImporter.h"
#include "ir/import/FunctionBody.h"
#include "ir/import/NodeImporter.h"
#include "ir/import/NodeOrder.h"
#include "ir/import/OperatorTable.h"
#include "ir/onnx/ElementTypes.h"
#include "ir/support/Origin.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace fettle {

/// Functions may call functions; recursion is not a thing in ONNX.
static constexpr int maxCallDepth = 64;
/// Bounds what nested calls and loops of a hostile file can unfold to.
static constexpr int64_t maxNodes = 1'000'000;

std::string nodeName(const onnx::Node &node) {
  if (!node.name.empty())
    return node.name;
  for (const std::string &output : node.outputs)
    if (!output.empty())
      return output;
  return "unnamed";
}

std::string operatorName(const onnx::Node &node) {
  return node.domain.empty() ? node.op : node.domain + "::" + node.op;
}

GraphImporter::GraphImporter(OpBuilder &builder, const onnx::Model &model, Value poison,
                             std::vector<Problem> &problems)
    : model(model), builder(builder), poison(poison), problems(problems) {
  for (const onnx::Function &function : model.functions)
    functions[function.domain + ":" + function.name] = &function;
}

void GraphImporter::report(Problem problem) {
  // Loops import a node several times, and its problem may recur.
  if (reported.insert(problem.node + '\0' + problem.op + '\0' + problem.reason).second)
    problems.push_back(std::move(problem));
}

std::vector<std::string> GraphImporter::inputsBehind(Value value) {
  std::vector<std::string> names;
  llvm::DenseSet<Value> seen;
  std::vector<Value> stack{value};
  while (!stack.empty()) {
    Value at = stack.back();
    stack.pop_back();
    if (!seen.insert(at).second)
      continue;
    if (auto argument = dyn_cast<BlockArgument>(at)) {
      auto function = cast<func::FuncOp>(argument.getOwner()->getParentOp());
      if (auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), "nn.name"))
        names.push_back(name.str());
      continue;
    }
    llvm::append_range(stack, at.getDefiningOp()->getOperands());
  }
  llvm::sort(names);
  return names;
}

//===--- Names ------------------------------------------------------------===//

Value GraphImporter::readInitializer(const onnx::Tensor &tensor) {
  llvm::Expected<HostTensor> host = toHostTensor(builder.getContext(), tensor);
  if (!host) {
    report({tensor.name, "Initializer", 0, llvm::toString(host.takeError()),
            tensor.problem.empty() ? "export the model with float32, float16, bfloat16 or integer weights"
                                   : "restore the model's files, or export it again"});
    return {};
  }
  Location location = makeOriginLocation(builder.getContext(), {tensor.name, "Initializer"});
  return nn::ConstantOp::create(builder, location, host->toAttribute(tensor.name));
}

std::optional<Value> GraphImporter::lookup(StringRef name, Scope &scope) {
  for (const Scope *at = &scope; at; at = at->parent) {
    if (auto found = at->values.find(name); found != at->values.end())
      return found->second;
    if (auto found = at->initializers.find(name); found != at->initializers.end()) {
      Value value = readInitializer(*found->second);
      // Scopes around a subgraph gain what the subgraph reads: all is one block.
      const_cast<Scope *>(at)->values[name] = value;
      return value;
    }
  }
  return std::nullopt;
}

std::vector<Value> GraphImporter::lookupAll(ArrayRef<std::string> names, Scope &scope, const Problem &user) {
  std::vector<Value> values;
  for (const std::string &name : names) {
    std::optional<Value> value = name.empty() ? Value() : lookup(name, scope);
    if (!value) {
      Problem problem = user;
      problem.reason = "reads '" + name + "', which no node, input or initializer defines";
      problem.remedy = "the file is damaged or was cut wrongly: export it again";
      report(problem);
      scope.values[name] = Value();
    }
    values.push_back(value.value_or(Value()));
  }
  return values;
}

void GraphImporter::define(const onnx::Node &node, size_t output, Value value, Scope &scope) {
  const std::string &name = node.outputs[output];
  if (name.empty())
    return;
  bool fresh = !scope.initializers.contains(name) && scope.values.try_emplace(name, value).second;
  if (!fresh)
    report({nodeName(node), operatorName(node), 0, "defines '" + name + "', which is defined already",
            "every value of a graph needs a name of its own: export the model again"});
}

//===--- Graphs -----------------------------------------------------------===//

void GraphImporter::importGraph(const onnx::Graph &graph, Scope &scope) {
  for (const onnx::Tensor &tensor : graph.initializers) {
    if (scope.values.contains(tensor.name))
      continue; // bound by the user or the caller
    if (!scope.initializers.try_emplace(tensor.name, &tensor).second)
      report({tensor.name, "Initializer", 0, "the model holds two initializers of this name",
              "every value of a graph needs a name of its own: export the model again"});
  }
  if (graph.hasSparseInitializers)
    report({graph.name, "Graph", 0, "the graph holds sparse initializers, which are not supported",
            "store the weights as dense tensors"});
  importNodes(graph.nodes, scope);
}

void GraphImporter::importNodes(ArrayRef<onnx::Node> nodes, Scope &scope) {
  NodeOrder sorted = orderNodes(nodes);
  if (!sorted.cycle.empty()) {
    const onnx::Node &first = nodes[sorted.cycle.front()];
    std::string path;
    for (size_t i : sorted.cycle)
      path += "'" + nodeName(nodes[i]) + "' -> ";
    report({nodeName(first), operatorName(first), 0, "is on a cycle: " + path + "'" + nodeName(first) + "'",
            "a graph of ONNX has no cycles: export the model again"});
    for (size_t i : sorted.stuck)
      for (const std::string &name : nodes[i].outputs)
        scope.values.try_emplace(name, Value());
  }
  for (size_t i : sorted.order)
    importNode(nodes[i], scope);
}

void GraphImporter::importNode(const onnx::Node &node, Scope &scope) {
  if (++nodeCount > maxNodes) {
    report({"", "", 0, "the model unfolds to more than " + std::to_string(maxNodes) + " nodes", "split the model"});
    for (size_t i = 0; i < node.outputs.size(); ++i)
      scope.values.try_emplace(node.outputs[i], Value());
    return;
  }
  auto found = scope.opsets->find(node.domain);
  int64_t opset = found != scope.opsets->end() ? found->second : 1;
  Problem problem{nodeName(node), operatorName(node), opset, "", ""};
  auto poisonOutputs = [&] {
    for (size_t i = 0; i < node.outputs.size(); ++i)
      define(node, i, Value(), scope);
  };

  const onnx::Function *function = functions.lookup(node.domain + ":" + node.op);
  const OperatorEntry *entry = nullptr;
  if (!function) {
    entry = findOperator(node.domain, node.op, opset, problem.reason, problem.remedy);
    if (!entry) {
      report(problem);
      return poisonOutputs();
    }
  }
  std::vector<Value> operands = lookupAll(node.inputs, scope, problem);
  for (auto [name, value] : llvm::zip(node.inputs, operands))
    if (!name.empty() && !value)
      return poisonOutputs();
  if (function)
    return callFunction(*function, node, operands, scope, problem);

  Location location = makeOriginLocation(builder.getContext(), {problem.node, problem.op});
  NodeImporter importer(*this, scope, node, opset, std::move(operands), builder, location, poison);
  entry->import(importer);
  if (!importer.failed())
    for (size_t i = 0; i < node.outputs.size(); ++i)
      if (importer.wantsOutput(i) && !importer.outputs()[i])
        importer.fail("output " + Twine(i) + " ('" + node.outputs[i] + "') is not supported");
  if (importer.failed()) {
    problem.reason = importer.reason().str();
    problem.remedy = importer.remedy().str();
    if (!problem.reason.empty())
      report(problem);
    return poisonOutputs();
  }
  for (size_t i = 0; i < node.outputs.size(); ++i)
    define(node, i, importer.outputs()[i], scope);
}

void GraphImporter::callFunction(const onnx::Function &function, const onnx::Node &node, ArrayRef<Value> operands,
                                 Scope &scope, const Problem &context) {
  Problem problem = context;
  auto reject = [&](const Twine &reason) {
    problem.reason = reason.str();
    problem.remedy = "the file is damaged: export it again";
    report(problem);
    for (size_t i = 0; i < node.outputs.size(); ++i)
      define(node, i, Value(), scope);
  };
  if (scope.callDepth >= maxCallDepth)
    return reject("calls of model-local functions nest deeper than " + Twine(maxCallDepth));
  if (operands.size() > function.inputs.size() || node.outputs.size() > function.outputs.size())
    return reject("passes more inputs or outputs than the function has");
  Scope inner;
  inner.opsets = function.opsets.empty() ? scope.opsets : &function.opsets;
  inner.callDepth = scope.callDepth + 1;
  llvm::StringSet<> omitted;
  for (size_t i = 0; i < function.inputs.size(); ++i) {
    if (i < operands.size() && operands[i])
      inner.values[function.inputs[i]] = operands[i];
    else
      omitted.insert(function.inputs[i]);
  }
  importNodes(instantiate(function, node, omitted), inner);
  std::vector<Value> results = lookupAll(ArrayRef(function.outputs).take_front(node.outputs.size()), inner, problem);
  for (size_t i = 0; i < node.outputs.size(); ++i)
    define(node, i, results[i], scope);
}

} // namespace fettle
