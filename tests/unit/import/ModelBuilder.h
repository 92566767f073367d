//===- ModelBuilder.h - small ONNX models for tests -----------------------===//
//
// Writes the protobuf wire format by hand, field by field: tests need neither
// ONNX's headers nor its checks, and can write files that no library would.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_TESTS_UNIT_IMPORT_MODELBUILDER_H
#define FETTLE_TESTS_UNIT_IMPORT_MODELBUILDER_H

#include "ir/import/Import.h"
#include "ir/onnx/Model.h"
#include <string>
#include <vector>

namespace fettle::test {

/// One message under construction.
struct Message {
  std::string bytes;

  Message &integer(int field, int64_t value);
  Message &text(int field, const std::string &value);
  Message &message(int field, const Message &value) { return text(field, value.bytes); }
};

/// A dim of an input: an extent or a name.
struct DimSpec {
  DimSpec(int value) : value(value) {}
  DimSpec(const char *name) : name(name) {}
  int64_t value = -1;
  std::string name;
};

/// NodeProto with attributes of the common kinds.
struct NodeSpec {
  std::string op;
  std::vector<std::string> inputs, outputs;
  std::string name = {}, domain = {};
  std::vector<Message> attributes = {};
};
Message integerAttribute(const std::string &name, int64_t value);
Message integersAttribute(const std::string &name, const std::vector<int64_t> &values);
Message graphAttribute(const std::string &name, const Message &graph);

/// GraphProto, piece by piece.
class GraphSpec {
public:
  GraphSpec &input(const std::string &name, const std::vector<DimSpec> &dims,
                   onnx::DataType type = onnx::DataType::Float);
  GraphSpec &output(const std::string &name);
  GraphSpec &node(const NodeSpec &node);
  GraphSpec &initializer(const Message &tensor) { return proto.message(5, tensor), *this; }
  GraphSpec &integers(const std::string &name, const std::vector<int64_t> &values);

  Message proto;
};

Message tensor(const std::string &name, onnx::DataType type, const std::vector<int64_t> &dims);

/// A folder of its own, removed at the end, with `model.onnx` in it.
class ModelFolder {
public:
  ModelFolder();
  ~ModelFolder();
  void write(const GraphSpec &graph, int64_t opset = 17, const std::vector<Message> &functions = {});
  void writeBytes(const std::string &name, const std::string &bytes);
  std::string file(const std::string &name = "model.onnx") const { return path + "/" + name; }

  std::string path;
};

} // namespace fettle::test

#endif
