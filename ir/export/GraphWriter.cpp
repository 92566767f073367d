//===- GraphWriter.cpp - an ONNX graph under construction -----------------===//

#include "ir/export/GraphWriter.h"
#include "ir/onnx/ElementTypes.h"

using namespace mlir;

namespace fettle {

//===--- Attributes -------------------------------------------------------===//

onnx::Attribute &Attributes::add(StringRef name, onnx::Attribute::Kind kind) {
  onnx::Attribute &attribute = list.emplace_back();
  attribute.name = name.str();
  attribute.kind = kind;
  return attribute;
}

Attributes &Attributes::with(StringRef name, int64_t value) {
  add(name, onnx::Attribute::Int).i = value;
  return *this;
}
Attributes &Attributes::with(StringRef name, double value) {
  add(name, onnx::Attribute::Float).f = float(value);
  return *this;
}
Attributes &Attributes::with(StringRef name, StringRef value) {
  add(name, onnx::Attribute::String).s = value.str();
  return *this;
}
Attributes &Attributes::with(StringRef name, ArrayRef<int64_t> values) {
  add(name, onnx::Attribute::Ints).ints = values.vec();
  return *this;
}
Attributes &Attributes::with(StringRef name, ArrayRef<std::string> values) {
  add(name, onnx::Attribute::Strings).strings = values.vec();
  return *this;
}
Attributes &Attributes::with(StringRef name, onnx::Tensor value) {
  add(name, onnx::Attribute::Tensor_).t = std::move(value);
  return *this;
}

//===--- Names and values -------------------------------------------------===//

std::string GraphWriter::unique(StringRef name, llvm::StringSet<> &taken) {
  std::string candidate = name.str();
  for (unsigned number = 2; !taken.insert(candidate).second; ++number)
    candidate = (name + "_" + Twine(number)).str();
  return candidate;
}

Term GraphWriter::newValue(RankedTensorType type, std::string name) {
  values.push_back(std::move(name));
  return {int64_t(values.size()) - 1, type};
}

onnx::DataType GraphWriter::storedType(Type element) const {
  bool isNibble = element.getIntOrFloatBitWidth() == 4;
  if (isNibble && opset < 21)
    return element.isUnsignedInteger() ? onnx::DataType::Uint8 : onnx::DataType::Int8;
  return dataTypeOf(element);
}

onnx::ValueInfo GraphWriter::describe(StringRef name, RankedTensorType type) const {
  onnx::ValueInfo info;
  info.name = name.str();
  info.type = storedType(type.getElementType());
  info.hasShape = true;
  for (int64_t extent : type.getShape())
    info.dims.emplace_back().value = extent;
  return info;
}

Term GraphWriter::addInput(StringRef name, RankedTensorType type) {
  valueNames.insert(name);
  graph.inputs.push_back(describe(name, type));
  return newValue(type, name.str());
}

Term GraphWriter::addWeight(const HostTensor &tensor, StringRef name) {
  std::string given = unique(name.empty() ? "constant" : name, valueNames);
  graph.initializers.push_back(toModelTensor(given, tensor, storedType(tensor.elementType())));
  return newValue(tensor.type(), given);
}

Term GraphWriter::addConstant(const HostTensor &tensor) {
  std::string bytes(tensor.bytes().begin(), tensor.bytes().end());
  auto [entry, isNew] = constants.try_emplace({tensor.type().getAsOpaquePointer(), std::move(bytes)});
  if (isNew)
    entry->second = addWeight(tensor, "constant");
  return entry->second;
}

//===--- Nodes ------------------------------------------------------------===//

llvm::SmallVector<Term, 1> GraphWriter::addNode(StringRef op, ArrayRef<Term> inputs, ArrayRef<RankedTensorType> types,
                                                Attributes attributes) {
  Node &node = nodes.emplace_back();
  node.op = op.str();
  node.attributes = std::move(attributes.list);
  for (const Term &input : inputs)
    node.inputs.push_back(input.id);
  // Omitted operands at the end are not written.
  while (!node.inputs.empty() && node.inputs.back() < 0)
    node.inputs.pop_back();
  llvm::SmallVector<Term, 1> results;
  for (RankedTensorType type : types) {
    results.push_back(newValue(type));
    node.outputs.push_back(results.back().id);
  }
  return results;
}

void GraphWriter::nameNodes(StringRef base, ArrayRef<Term> results, ArrayRef<std::string> outputNames, int64_t macs) {
  auto isProduct = [](const Node &node) {
    return llvm::is_contained(
        {"Conv", "ConvInteger", "ConvTranspose", "GRU", "Gemm", "LSTM", "MatMul", "MatMulInteger", "RNN"}, node.op);
  };
  auto product = std::find_if(nodes.begin() + firstUnnamed, nodes.end(), isProduct);
  if (product != nodes.end())
    product->macs = macs;
  for (auto [result, name] : llvm::zip_equal(results, outputNames))
    if (result && values[result.id].empty())
      values[result.id] = name;
  for (; firstUnnamed < nodes.size(); ++firstUnnamed) {
    Node &node = nodes[firstUnnamed];
    bool givesResult =
        llvm::any_of(results, [&](const Term &result) { return llvm::is_contained(node.outputs, result.id); });
    node.name = unique(givesResult ? base.str() : (base + "/" + node.op).str(), nodeNames);
    for (auto [i, output] : llvm::enumerate(node.outputs))
      if (values[output].empty())
        values[output] = unique(i == 0 ? node.name : node.name + ":" + std::to_string(i), valueNames);
  }
}

void GraphWriter::addOutput(StringRef name, Term value) {
  graph.outputs.push_back(describe(name, value.type));
  if (values[value.id] == name)
    return;
  Term copy = addNode("Identity", value, value.type, {}).front();
  nameNodes(name, copy, name.str());
}

/// Whether each node is needed for an output. Operands come before their readers, so one walk backwards knows.
std::vector<bool> GraphWriter::findNeeded() const {
  std::vector<bool> isRead(values.size()), isNeeded(nodes.size());
  llvm::StringSet<> outputs;
  for (const onnx::ValueInfo &output : graph.outputs)
    outputs.insert(output.name);
  for (size_t i = nodes.size(); i-- > 0;) {
    isNeeded[i] =
        llvm::any_of(nodes[i].outputs, [&](int64_t id) { return isRead[id] || outputs.contains(values[id]); });
    for (int64_t input : nodes[i].inputs)
      if (isNeeded[i] && input >= 0)
        isRead[input] = true;
  }
  return isNeeded;
}

GraphWriter::Result GraphWriter::take() {
  std::vector<int64_t> macs;
  std::vector<bool> isNeeded = findNeeded();
  llvm::StringSet<> read;
  for (auto [i, node] : llvm::enumerate(nodes)) {
    if (!isNeeded[i])
      continue;
    onnx::Node &written = graph.nodes.emplace_back();
    written.name = std::move(node.name);
    written.op = std::move(node.op);
    written.attributes = std::move(node.attributes);
    for (int64_t input : node.inputs)
      written.inputs.push_back(input < 0 ? "" : values[input]);
    for (int64_t output : node.outputs)
      written.outputs.push_back(values[output]);
    read.insert(written.inputs.begin(), written.inputs.end());
    macs.push_back(node.macs);
  }
  // Outputs are never initializers: addOutput copies them.
  llvm::erase_if(graph.initializers, [&](const onnx::Tensor &tensor) { return !read.contains(tensor.name); });
  return {std::move(graph), std::move(macs)};
}

} // namespace fettle
