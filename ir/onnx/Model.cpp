//===- Model.cpp - protobuf to plain structures ---------------------------===//

#include "ir/onnx/Model.h"
#include "ir/onnx/TensorData.h"
#include "onnx/onnx_pb.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include <google/protobuf/io/coded_stream.h>

using namespace llvm;

namespace fettle::onnx {

/// A graph within an attribute of a node of a graph takes three messages.
static constexpr int maxGraphDepth = 64;
static constexpr int maxMessageDepth = 3 * maxGraphDepth + 16;

const Attribute *Node::find(StringRef name) const {
  for (const Attribute &attribute : attributes)
    if (attribute.name == name)
      return &attribute;
  return nullptr;
}

static std::string normalizedDomain(const std::string &domain) { return domain == "ai.onnx" ? "" : domain; }

namespace {
/// Converts one message, which `message` keeps alive.
class Converter {
public:
  Converter(std::shared_ptr<const void> message, ExternalFiles &files) : message(std::move(message)), files(files) {}

  Graph graph(const ::onnx::GraphProto &proto);
  Node node(const ::onnx::NodeProto &proto);
  Function function(const ::onnx::FunctionProto &proto);

private:
  Attribute attribute(const ::onnx::AttributeProto &proto);
  ValueInfo valueInfo(const ::onnx::ValueInfoProto &proto);

  std::shared_ptr<const void> message;
  ExternalFiles &files;
};
} // namespace

/// Before IR version 2 attributes carried no type: the field that is set decides.
static ::onnx::AttributeProto_AttributeType attributeType(const ::onnx::AttributeProto &proto) {
  using Proto = ::onnx::AttributeProto;
  if (proto.has_type() && proto.type() != Proto::UNDEFINED)
    return proto.type();
  if (proto.has_f())
    return Proto::FLOAT;
  if (proto.has_i())
    return Proto::INT;
  if (proto.has_s())
    return Proto::STRING;
  if (proto.has_t())
    return Proto::TENSOR;
  if (proto.has_g())
    return Proto::GRAPH;
  if (proto.floats_size())
    return Proto::FLOATS;
  if (proto.ints_size())
    return Proto::INTS;
  if (proto.strings_size())
    return Proto::STRINGS;
  return Proto::UNDEFINED;
}

Attribute Converter::attribute(const ::onnx::AttributeProto &proto) {
  using Proto = ::onnx::AttributeProto;
  Attribute result;
  result.name = proto.name();
  if (proto.has_ref_attr_name() && !proto.ref_attr_name().empty()) {
    result.kind = Attribute::Reference;
    result.s = proto.ref_attr_name();
    return result;
  }
  switch (attributeType(proto)) {
  case Proto::FLOAT:
    result.kind = Attribute::Float;
    result.f = proto.f();
    break;
  case Proto::INT:
    result.kind = Attribute::Int;
    result.i = proto.i();
    break;
  case Proto::STRING:
    result.kind = Attribute::String;
    result.s = proto.s();
    break;
  case Proto::TENSOR:
    result.kind = Attribute::Tensor_;
    result.t = convertTensor(proto.t(), message, files);
    break;
  case Proto::GRAPH:
    result.kind = Attribute::Graph_;
    result.g = std::make_shared<Graph>(graph(proto.g()));
    break;
  case Proto::FLOATS:
    result.kind = Attribute::Floats;
    result.floats.assign(proto.floats().begin(), proto.floats().end());
    break;
  case Proto::INTS:
    result.kind = Attribute::Ints;
    result.ints.assign(proto.ints().begin(), proto.ints().end());
    break;
  case Proto::STRINGS:
    result.kind = Attribute::Strings;
    result.strings.assign(proto.strings().begin(), proto.strings().end());
    break;
  default:
    break;
  }
  return result;
}

Node Converter::node(const ::onnx::NodeProto &proto) {
  Node result;
  result.name = proto.name();
  result.op = proto.op_type();
  result.domain = normalizedDomain(proto.domain());
  result.inputs.assign(proto.input().begin(), proto.input().end());
  result.outputs.assign(proto.output().begin(), proto.output().end());
  for (const ::onnx::AttributeProto &entry : proto.attribute())
    result.attributes.push_back(attribute(entry));
  return result;
}

ValueInfo Converter::valueInfo(const ::onnx::ValueInfoProto &proto) {
  ValueInfo result;
  result.name = proto.name();
  const ::onnx::TypeProto &type = proto.type();
  switch (type.value_case()) {
  case ::onnx::TypeProto::kTensorType:
    break;
  case ::onnx::TypeProto::kSequenceType:
    result.kind = "sequence";
    return result;
  case ::onnx::TypeProto::kMapType:
    result.kind = "map";
    return result;
  case ::onnx::TypeProto::kOptionalType:
    result.kind = "optional";
    return result;
  case ::onnx::TypeProto::kSparseTensorType:
    result.kind = "sparse tensor";
    return result;
  default:
    return result;
  }
  result.type = static_cast<DataType>(type.tensor_type().elem_type());
  result.hasShape = type.tensor_type().has_shape();
  for (const auto &dim : type.tensor_type().shape().dim()) {
    Dim &entry = result.dims.emplace_back();
    if (dim.has_dim_value())
      entry.value = dim.dim_value();
    else
      entry.symbol = dim.dim_param();
  }
  return result;
}

Graph Converter::graph(const ::onnx::GraphProto &proto) {
  Graph result;
  result.name = proto.name();
  for (const ::onnx::NodeProto &entry : proto.node())
    result.nodes.push_back(node(entry));
  for (const ::onnx::TensorProto &entry : proto.initializer())
    result.initializers.push_back(convertTensor(entry, message, files));
  for (const ::onnx::ValueInfoProto &entry : proto.input())
    result.inputs.push_back(valueInfo(entry));
  for (const ::onnx::ValueInfoProto &entry : proto.output())
    result.outputs.push_back(valueInfo(entry));
  result.hasSparseInitializers = proto.sparse_initializer_size() != 0;
  return result;
}

Function Converter::function(const ::onnx::FunctionProto &proto) {
  Function result;
  result.name = proto.name();
  result.domain = normalizedDomain(proto.domain());
  result.inputs.assign(proto.input().begin(), proto.input().end());
  result.outputs.assign(proto.output().begin(), proto.output().end());
  result.attributes.assign(proto.attribute().begin(), proto.attribute().end());
  for (const ::onnx::NodeProto &entry : proto.node())
    result.nodes.push_back(node(entry));
  for (const auto &opset : proto.opset_import())
    result.opsets[normalizedDomain(opset.domain())] = opset.version();
  return result;
}

//===--- Files ------------------------------------------------------------===//

/// Parses a file into `message`. Protobuf may throw (allocation, malformed
/// strings): this is where that ends.
template <typename Message> static Error parseFile(StringRef path, StringRef what, Message &message) {
  auto fail = [&](const Twine &why) { return createStringError("'" + path + "' " + why); };
  sys::fs::file_status status;
  if (std::error_code error = sys::fs::status(path, status))
    return createStringError(error, "'" + path + "' cannot be read: " + error.message());
  if (sys::fs::is_directory(status))
    return fail("is a folder");
  ErrorOr<std::unique_ptr<MemoryBuffer>> buffer =
      MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return createStringError(buffer.getError(), "'" + path + "' cannot be read: " + buffer.getError().message());
  size_t size = (*buffer)->getBufferSize();
  if (size == 0)
    return fail("is empty");
  if (size > size_t(INT_MAX))
    return fail("is larger than 2 GiB, which protobuf cannot hold: store its weights as external data");
  try {
    google::protobuf::io::CodedInputStream stream(reinterpret_cast<const uint8_t *>((*buffer)->getBufferStart()),
                                                  int(size));
    stream.SetTotalBytesLimit(INT_MAX);
    stream.SetRecursionLimit(maxMessageDepth);
    if (!message.ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage())
      return fail("is not " + what + " (protobuf cannot parse it, or its graphs nest deeper than " +
                  Twine(maxGraphDepth) + ")");
  } catch (const std::exception &exception) {
    return fail(Twine("is not ") + what + ": " + exception.what());
  }
  return Error::success();
}

static std::string folderOf(StringRef path) {
  StringRef folder = sys::path::parent_path(path);
  return folder.empty() ? "." : folder.str();
}

Expected<std::shared_ptr<Model>> readModel(StringRef path) {
  auto proto = std::make_shared<::onnx::ModelProto>();
  if (Error error = parseFile(path, "an ONNX model", *proto))
    return std::move(error);
  if (!proto->has_graph())
    return createStringError("'" + path + "' is not an ONNX model: it has no graph");
  ExternalFiles files(folderOf(path));
  auto model = std::make_shared<Model>();
  try {
    Converter converter(proto, files);
    model->irVersion = proto->ir_version();
    model->producer = proto->producer_name();
    model->producerVersion = proto->producer_version();
    for (const auto &opset : proto->opset_import())
      model->opsets[normalizedDomain(opset.domain())] = opset.version();
    model->graph = converter.graph(proto->graph());
    for (const ::onnx::FunctionProto &function : proto->functions())
      model->functions.push_back(converter.function(function));
  } catch (const std::exception &exception) {
    return createStringError("'" + path + "' cannot be read: " + exception.what());
  }
  return model;
}

Expected<Tensor> readTensor(StringRef path) {
  auto proto = std::make_shared<::onnx::TensorProto>();
  if (Error error = parseFile(path, "a serialized tensor", *proto))
    return std::move(error);
  ExternalFiles files(folderOf(path));
  Tensor tensor = convertTensor(*proto, proto, files);
  if (!tensor.problem.empty())
    return createStringError("'" + path + "': " + tensor.problem);
  return tensor;
}

} // namespace fettle::onnx
