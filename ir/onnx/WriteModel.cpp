//===- WriteModel.cpp - plain structures to an ONNX file ------------------===//

#include "ir/onnx/Model.h"
#include "onnx/onnx_pb.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

using namespace llvm;

namespace fettle::onnx {

/// Tensors smaller than this stay in the model even where others leave it: shapes and scalars, which readers want at
/// once.
static constexpr int64_t smallestExternal = 1024;
/// What readers that map the file ask of offsets.
static constexpr int64_t pageSize = 4096;

namespace {

/// The file of weights beside the model, written front to back.
class DataFile {
public:
  explicit DataFile(StringRef path) : location(sys::path::filename(path)), stream(path, error) {}

  /// Where the bytes lie from now on.
  int64_t append(ArrayRef<char> bytes) {
    int64_t offset = alignTo(written, pageSize);
    stream.write_zeros(offset - written);
    stream.write(bytes.data(), bytes.size());
    written = offset + bytes.size();
    return offset;
  }
  std::error_code finish() {
    stream.close();
    if (!error)
      error = stream.error();
    stream.clear_error();
    return error;
  }

  const std::string location;

private:
  std::error_code error;
  raw_fd_ostream stream;
  int64_t written = 0;
};

class Serializer {
public:
  /// `data` is null where all weights stay in the model.
  explicit Serializer(DataFile *data) : data(data) {}
  void graph(const Graph &graph, ::onnx::GraphProto &proto);

private:
  void tensor(const Tensor &tensor, ::onnx::TensorProto &proto);
  void attribute(const Attribute &attribute, ::onnx::AttributeProto &proto);
  void node(const Node &node, ::onnx::NodeProto &proto);

  DataFile *data;
};

} // namespace

void Serializer::tensor(const Tensor &tensor, ::onnx::TensorProto &proto) {
  proto.set_name(tensor.name);
  proto.set_data_type(int32_t(tensor.type));
  for (int64_t dim : tensor.dims)
    proto.add_dims(dim);
  if (!data || int64_t(tensor.bytes.size()) < smallestExternal) {
    proto.set_raw_data(tensor.bytes.data(), tensor.bytes.size());
    return;
  }
  proto.set_data_location(::onnx::TensorProto_DataLocation_EXTERNAL);
  auto entry = [&](const char *key, const std::string &value) {
    auto *pair = proto.add_external_data();
    pair->set_key(key);
    pair->set_value(value);
  };
  entry("location", data->location);
  entry("offset", std::to_string(data->append(tensor.bytes)));
  entry("length", std::to_string(tensor.bytes.size()));
}

void Serializer::attribute(const Attribute &attribute, ::onnx::AttributeProto &proto) {
  using Proto = ::onnx::AttributeProto;
  proto.set_name(attribute.name);
  switch (attribute.kind) {
  case Attribute::Float:
    proto.set_type(Proto::FLOAT);
    proto.set_f(attribute.f);
    break;
  case Attribute::Int:
    proto.set_type(Proto::INT);
    proto.set_i(attribute.i);
    break;
  case Attribute::String:
    proto.set_type(Proto::STRING);
    proto.set_s(attribute.s);
    break;
  case Attribute::Tensor_:
    proto.set_type(Proto::TENSOR);
    // No reader looks for the tensor of an attribute in another file.
    Serializer(nullptr).tensor(attribute.t, *proto.mutable_t());
    break;
  case Attribute::Graph_:
    proto.set_type(Proto::GRAPH);
    graph(*attribute.g, *proto.mutable_g());
    break;
  case Attribute::Floats:
    proto.set_type(Proto::FLOATS);
    for (float value : attribute.floats)
      proto.add_floats(value);
    break;
  case Attribute::Ints:
    proto.set_type(Proto::INTS);
    for (int64_t value : attribute.ints)
      proto.add_ints(value);
    break;
  case Attribute::Strings:
    proto.set_type(Proto::STRINGS);
    for (const std::string &value : attribute.strings)
      proto.add_strings(value);
    break;
  case Attribute::Reference:
    proto.set_ref_attr_name(attribute.s);
    break;
  case Attribute::Other:
    break;
  }
}

void Serializer::node(const Node &node, ::onnx::NodeProto &proto) {
  for (const std::string &input : node.inputs)
    proto.add_input(input);
  for (const std::string &output : node.outputs)
    proto.add_output(output);
  proto.set_name(node.name);
  proto.set_op_type(node.op);
  if (!node.domain.empty())
    proto.set_domain(node.domain);
  for (const Attribute &entry : node.attributes)
    attribute(entry, *proto.add_attribute());
}

static void fillValueInfo(const ValueInfo &value, ::onnx::ValueInfoProto &proto) {
  proto.set_name(value.name);
  auto *type = proto.mutable_type()->mutable_tensor_type();
  type->set_elem_type(int32_t(value.type));
  auto *shape = type->mutable_shape();
  for (const Dim &dim : value.dims) {
    auto *entry = shape->add_dim();
    if (dim.value >= 0)
      entry->set_dim_value(dim.value);
    else
      entry->set_dim_param(dim.symbol);
  }
}

void Serializer::graph(const Graph &graph, ::onnx::GraphProto &proto) {
  proto.set_name(graph.name);
  for (const Node &entry : graph.nodes)
    node(entry, *proto.add_node());
  for (const Tensor &entry : graph.initializers)
    tensor(entry, *proto.add_initializer());
  for (const ValueInfo &entry : graph.inputs)
    fillValueInfo(entry, *proto.add_input());
  for (const ValueInfo &entry : graph.outputs)
    fillValueInfo(entry, *proto.add_output());
}

static void fillModel(const Model &model, DataFile *data, ::onnx::ModelProto &proto) {
  proto.set_ir_version(model.irVersion);
  proto.set_producer_name(model.producer);
  proto.set_producer_version(model.producerVersion);
  std::vector<std::string> domains;
  for (const auto &entry : model.opsets)
    domains.push_back(entry.getKey().str());
  llvm::sort(domains);
  for (const std::string &domain : domains) {
    auto *opset = proto.add_opset_import();
    opset->set_domain(domain);
    opset->set_version(model.opsets.lookup(domain));
  }
  Serializer(data).graph(model.graph, *proto.mutable_graph());
}

static Error writeMessage(const ::onnx::ModelProto &proto, StringRef path) {
  std::error_code error;
  raw_fd_ostream stream(path, error);
  if (error)
    return createFileError(path, error);
  // Through a buffer of pieces: a message of a gigabyte is not held twice.
  struct ToStream : google::protobuf::io::CopyingOutputStream {
    explicit ToStream(raw_fd_ostream &stream) : stream(stream) {}
    bool Write(const void *bytes, int count) override {
      stream.write(static_cast<const char *>(bytes), count);
      return !stream.has_error();
    }
    raw_fd_ostream &stream;
  } target(stream);
  bool isWritten;
  {
    google::protobuf::io::CopyingOutputStreamAdaptor adaptor(&target);
    isWritten = proto.SerializeToZeroCopyStream(&adaptor) && adaptor.Flush();
  }
  stream.close();
  error = stream.error();
  stream.clear_error();
  if (error)
    return createFileError(path, error);
  return isWritten ? Error::success() : createStringError("'" + path + "': protobuf refuses the model");
}

Error writeModel(const Model &model, StringRef path, int64_t inlineLimit) {
  if (!model.functions.empty())
    return createStringError("'" + path + "': models with functions are not written");
  int64_t bytes = 0;
  for (const Tensor &tensor : model.graph.initializers)
    bytes += tensor.bytes.size();
  std::string dataPath = (path + ".data").str();
  try {
    ::onnx::ModelProto proto;
    if (bytes <= inlineLimit) {
      fillModel(model, nullptr, proto);
      return writeMessage(proto, path);
    }
    DataFile data(dataPath);
    fillModel(model, &data, proto);
    if (std::error_code error = data.finish())
      return createFileError(dataPath, error);
    return writeMessage(proto, path);
  } catch (const std::exception &exception) {
    return createStringError("'" + path + "' cannot be written: " + exception.what());
  }
}

} // namespace fettle::onnx
