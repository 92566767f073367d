//===- NodeImporter.cpp - one ONNX node, as its importer sees it ----------===//

#include "ir/import/NodeImporter.h"
#include "ir/import/GraphImporter.h"
#include "ir/onnx/ElementTypes.h"
#include "ir/reference/Evaluate.h"

using namespace mlir;

namespace fettle {

//===--- Operands and results ---------------------------------------------===//

bool isSequence(Value value) { return isa<TupleType>(value.getType()); }

Value NodeImporter::anyInput(size_t i) {
  if (hasInput(i))
    return operands[i];
  fail("input " + Twine(i) + " is missing");
  return poison;
}

Value NodeImporter::input(size_t i) {
  Value value = anyInput(i);
  if (!isSequence(value))
    return value;
  fail("input " + Twine(i) + " ('" + node.inputs[i] + "') is a sequence, not a tensor");
  return poison;
}

std::vector<Value> NodeImporter::sequenceInput(size_t i) {
  Value value = anyInput(i);
  if (auto cast = value.getDefiningOp<UnrealizedConversionCastOp>())
    return {cast.getInputs().begin(), cast.getInputs().end()};
  fail("input " + Twine(i) + " is not a sequence");
  return {};
}

void NodeImporter::setSequence(size_t i, ArrayRef<Value> tensors) {
  if (failed())
    return;
  auto type = TupleType::get(context(), llvm::to_vector(ValueRange(tensors).getTypes()));
  setOutput(i, UnrealizedConversionCastOp::create(builder, location, type, ValueRange(tensors)).getResult(0));
}

void NodeImporter::setOutput(size_t i, Value value) {
  if (i < results.size())
    results[i] = value;
}

//===--- Constants --------------------------------------------------------===//

std::optional<HostTensor> NodeImporter::constantIfKnown(Value value) {
  if (failed() || isSequence(value))
    return std::nullopt;
  ScopedDiagnosticHandler silence(context(), [](Diagnostic &) { return success(); });
  return reference::evaluateConstant(value);
}

std::optional<HostTensor> NodeImporter::constantOf(Value value, StringRef what) {
  if (std::optional<HostTensor> known = constantIfKnown(value); known || failed())
    return known;
  std::vector<std::string> inputs = graph.inputsBehind(value);
  if (inputs.empty()) {
    fail(what + " must be known when the model is compiled, and is too costly to compute then");
    return std::nullopt;
  }
  std::string list;
  for (const std::string &name : inputs)
    list += (list.empty() ? "'" : ", '") + name + "'";
  fail(what + " must be known when the model is compiled, but depends on the input " + list,
       "bind the input with --const " + inputs.front() + "=VALUE");
  return std::nullopt;
}

std::optional<HostTensor> NodeImporter::constantInput(size_t i) {
  Value value = input(i);
  return constantOf(value, "input " + std::to_string(i) + " ('" +
                               (i < node.inputs.size() ? node.inputs[i] : std::string()) + "')");
}

std::vector<int64_t> NodeImporter::constantIntegers(size_t i) {
  if (hasInput(i) && isFloat(input(i))) {
    fail("input " + Twine(i) + " must be a tensor of integers");
    return {};
  }
  std::optional<HostTensor> tensor = constantInput(i);
  return tensor ? tensor->integers() : std::vector<int64_t>();
}

std::optional<double> NodeImporter::constantReal(size_t i) {
  std::optional<HostTensor> tensor = constantInput(i);
  if (!tensor)
    return std::nullopt;
  if (tensor->numElements() != 1) {
    fail("input " + Twine(i) + " must hold one value");
    return std::nullopt;
  }
  return tensor->doubleAt(0);
}

//===--- Attributes -------------------------------------------------------===//

const onnx::Attribute *NodeImporter::find(StringRef name, onnx::Attribute::Kind kind) {
  const onnx::Attribute *attribute = node.find(name);
  if (!attribute)
    return nullptr;
  if (attribute->kind == kind)
    return attribute;
  // An empty list may be written without its type.
  bool isList = kind == onnx::Attribute::Ints || kind == onnx::Attribute::Floats || kind == onnx::Attribute::Strings;
  if (isList && attribute->kind == onnx::Attribute::Other)
    return attribute;
  fail("attribute '" + name + "' is not of the type that the operator asks for");
  return nullptr;
}

int64_t NodeImporter::integer(StringRef name, int64_t absent) {
  const onnx::Attribute *attribute = find(name, onnx::Attribute::Int);
  return attribute ? attribute->i : absent;
}

double NodeImporter::real(StringRef name, double absent) {
  const onnx::Attribute *attribute = find(name, onnx::Attribute::Float);
  return attribute ? attribute->f : absent;
}

std::string NodeImporter::text(StringRef name, StringRef absent) {
  const onnx::Attribute *attribute = find(name, onnx::Attribute::String);
  return attribute ? attribute->s : absent.str();
}

std::optional<std::vector<int64_t>> NodeImporter::integersAttribute(StringRef name) {
  const onnx::Attribute *attribute = find(name, onnx::Attribute::Ints);
  return attribute ? std::make_optional(attribute->ints) : std::nullopt;
}

std::optional<std::vector<float>> NodeImporter::realsAttribute(StringRef name) {
  const onnx::Attribute *attribute = find(name, onnx::Attribute::Floats);
  return attribute ? std::make_optional(attribute->floats) : std::nullopt;
}

std::optional<std::vector<std::string>> NodeImporter::textsAttribute(StringRef name) {
  const onnx::Attribute *attribute = find(name, onnx::Attribute::Strings);
  return attribute ? std::make_optional(attribute->strings) : std::nullopt;
}

Type NodeImporter::elementTypeAttribute(StringRef name, Type absent) {
  const onnx::Attribute *attribute = node.find(name);
  if (!attribute)
    return absent;
  auto type = static_cast<onnx::DataType>(attribute->i);
  // Before opset 6 Cast named its type as a string.
  if (attribute->kind == onnx::Attribute::String)
    for (int32_t i = 1; i <= int32_t(onnx::DataType::Float4E2M1); ++i) {
      std::string known = onnx::dataTypeName(static_cast<onnx::DataType>(i));
      StringRef given = attribute->s;
      if (given.equals_insensitive(known) || (given.equals_insensitive("float") && known == "float32") ||
          (given.equals_insensitive("double") && known == "float64"))
        type = static_cast<onnx::DataType>(i);
    }
  if (Type element = elementTypeOf(context(), type))
    return element;
  fail("the element type " + onnx::dataTypeName(type) + " is not supported",
       "export the model with float32, float16, bfloat16 or integer tensors");
  return absent ? absent : f32();
}

std::shared_ptr<const onnx::Graph> NodeImporter::graphAttribute(StringRef name) {
  const onnx::Attribute *attribute = find(name, onnx::Attribute::Graph_);
  if (attribute && attribute->g)
    return attribute->g;
  fail("attribute '" + name + "' with a graph is missing");
  return nullptr;
}

std::optional<std::vector<int64_t>> NodeImporter::attributeOrInput(StringRef name, size_t i) {
  if (hasAttribute(name))
    return integersAttribute(name);
  if (!hasInput(i))
    return std::nullopt;
  return constantIntegers(i);
}

} // namespace fettle
