//===- ModelBuilder.cpp - small ONNX models for tests ---------------------===//

#include "tests/unit/import/ModelBuilder.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

namespace fettle::test {

static void appendVarint(std::string &bytes, uint64_t value) {
  for (; value >= 128; value >>= 7)
    bytes += char(value | 128);
  bytes += char(value);
}

Message &Message::integer(int field, int64_t value) {
  appendVarint(bytes, uint64_t(field) << 3);
  appendVarint(bytes, uint64_t(value));
  return *this;
}

Message &Message::text(int field, const std::string &value) {
  appendVarint(bytes, uint64_t(field) << 3 | 2);
  appendVarint(bytes, value.size());
  bytes += value;
  return *this;
}

Message integerAttribute(const std::string &name, int64_t value) {
  return Message().text(1, name).integer(3, value).integer(20, 2);
}

Message integersAttribute(const std::string &name, const std::vector<int64_t> &values) {
  Message result = Message().text(1, name).integer(20, 7);
  for (int64_t value : values)
    result.integer(8, value);
  return result;
}

Message graphAttribute(const std::string &name, const Message &graph) {
  return Message().text(1, name).message(6, graph).integer(20, 5);
}

Message tensor(const std::string &name, onnx::DataType type, const std::vector<int64_t> &dims) {
  Message result;
  for (int64_t dim : dims)
    result.integer(1, dim);
  return result.integer(2, int64_t(type)).text(8, name);
}

GraphSpec &GraphSpec::input(const std::string &name, const std::vector<DimSpec> &dims, onnx::DataType type) {
  Message shape;
  for (const DimSpec &dim : dims)
    shape.message(1, dim.name.empty() ? Message().integer(1, dim.value) : Message().text(2, dim.name));
  Message tensorType = Message().integer(1, int64_t(type)).message(2, shape);
  proto.message(11, Message().text(1, name).message(2, Message().message(1, tensorType)));
  return *this;
}

GraphSpec &GraphSpec::output(const std::string &name) {
  Message tensorType = Message().integer(1, int64_t(onnx::DataType::Float));
  proto.message(12, Message().text(1, name).message(2, Message().message(1, tensorType)));
  return *this;
}

GraphSpec &GraphSpec::node(const NodeSpec &node) {
  Message message;
  for (const std::string &input : node.inputs)
    message.text(1, input);
  for (const std::string &output : node.outputs)
    message.text(2, output);
  message.text(3, node.name).text(4, node.op).text(7, node.domain);
  for (const Message &attribute : node.attributes)
    message.message(5, attribute);
  proto.message(1, message);
  return *this;
}

GraphSpec &GraphSpec::integers(const std::string &name, const std::vector<int64_t> &values) {
  std::string raw(reinterpret_cast<const char *>(values.data()), values.size() * sizeof(int64_t));
  return initializer(tensor(name, onnx::DataType::Int64, {int64_t(values.size())}).text(9, raw));
}

ModelFolder::ModelFolder() {
  llvm::SmallString<128> created;
  if (!llvm::sys::fs::createUniqueDirectory("fettle-import-test", created))
    path = created.str().str();
}

ModelFolder::~ModelFolder() { llvm::sys::fs::remove_directories(path); }

void ModelFolder::write(const GraphSpec &graph, int64_t opset, const std::vector<Message> &functions) {
  Message model = Message().integer(1, 8).message(8, Message().text(1, "").integer(2, opset));
  model.message(8, Message().text(1, "local").integer(2, 1)).message(7, graph.proto);
  for (const Message &function : functions)
    model.message(25, function);
  writeBytes("model.onnx", model.bytes);
}

void ModelFolder::writeBytes(const std::string &name, const std::string &bytes) {
  std::error_code error;
  llvm::raw_fd_ostream(file(name), error) << bytes;
}

} // namespace fettle::test
