//===- FunctionBody.cpp - the body of a model-local function at a call ----===//

#include "ir/import/FunctionBody.h"
#include "ir/import/GraphImporter.h"

namespace fettle {

namespace {
class Instantiator {
public:
  Instantiator(const onnx::Node &call, const llvm::StringSet<> &omitted) : call(call), omitted(omitted) {}

  onnx::Node node(const onnx::Node &node) const {
    onnx::Node result;
    result.name = nodeName(call) + "/" + nodeName(node);
    result.op = node.op;
    result.domain = node.domain;
    result.outputs = node.outputs;
    for (const std::string &input : node.inputs)
      result.inputs.push_back(omitted.contains(input) ? std::string() : input);
    for (const onnx::Attribute &attribute : node.attributes) {
      onnx::Attribute copy = attribute;
      if (attribute.kind == onnx::Attribute::Reference) {
        const onnx::Attribute *given = call.find(attribute.s);
        if (!given)
          continue;
        copy = *given;
        copy.name = attribute.name;
      } else if (attribute.g) {
        auto inner = std::make_shared<onnx::Graph>(*attribute.g);
        for (onnx::Node &entry : inner->nodes)
          entry = this->node(entry);
        copy.g = std::move(inner);
      }
      result.attributes.push_back(std::move(copy));
    }
    return result;
  }

private:
  const onnx::Node &call;
  const llvm::StringSet<> &omitted;
};
} // namespace

std::vector<onnx::Node> instantiate(const onnx::Function &function, const onnx::Node &call,
                                    const llvm::StringSet<> &omitted) {
  Instantiator instantiator(call, omitted);
  std::vector<onnx::Node> nodes;
  for (const onnx::Node &node : function.nodes)
    nodes.push_back(instantiator.node(node));
  return nodes;
}

} // namespace fettle
