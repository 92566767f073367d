//===- Model.h - an ONNX file as plain structures -------------------------===//
//
// The only view of ONNX that the rest of the tree has: protobuf stays in
// ir/onnx. Tensor data are views of the file or of the parsed message, kept
// alive by `owner`.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_IR_ONNX_MODEL_H
#define FETTLE_IR_ONNX_MODEL_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>
#include <vector>

namespace fettle::onnx {

/// TensorProto.DataType of the newest ONNX (numbers are the file format's).
enum class DataType : int32_t {
  Undefined = 0, Float = 1, Uint8 = 2, Int8 = 3, Uint16 = 4, Int16 = 5, Int32 = 6, Int64 = 7, String = 8, Bool = 9,
  Float16 = 10, Double = 11, Uint32 = 12, Uint64 = 13, Complex64 = 14, Complex128 = 15, Bfloat16 = 16,
  Float8E4M3FN = 17, Float8E4M3FNUZ = 18, Float8E5M2 = 19, Float8E5M2FNUZ = 20, Uint4 = 21, Int4 = 22, Float4E2M1 = 23
};
/// "float16", "uint8"...
std::string dataTypeName(DataType type);

struct Tensor {
  std::string name;
  DataType type = DataType::Undefined;
  std::vector<int64_t> dims;
  llvm::ArrayRef<char> bytes; ///< little-endian, row-major; 4-bit types still packed two per byte
  std::shared_ptr<const void> owner;
  std::string problem; ///< why the data could not be had (missing file, wrong size, outside the folder); empty if fine
};

struct Graph;
struct Attribute {
  enum Kind { Float, Int, String, Tensor_, Graph_, Floats, Ints, Strings, Reference, Other };
  std::string name;
  Kind kind = Other;
  float f = 0;
  int64_t i = 0;
  std::string s; ///< string value, or the name of the function attribute referred to (Reference)
  Tensor t;
  std::shared_ptr<Graph> g;
  std::vector<float> floats;
  std::vector<int64_t> ints;
  std::vector<std::string> strings;
};

struct Node {
  std::string name, op, domain; ///< domain "ai.onnx" is given as ""
  std::vector<std::string> inputs, outputs; ///< "" where omitted
  std::vector<Attribute> attributes;
  const Attribute *find(llvm::StringRef name) const;
};

struct Dim {
  int64_t value = -1; ///< -1: symbolic or unknown
  std::string symbol;
};
struct ValueInfo {
  std::string name;
  DataType type = DataType::Undefined; ///< Undefined: not a tensor (sequence, optional, map)
  std::string kind = "tensor";         ///< "tensor", "sequence", "optional", "map", "sparse tensor"
  bool hasShape = false;
  std::vector<Dim> dims;
};

struct Graph {
  std::string name;
  std::vector<Node> nodes;
  std::vector<Tensor> initializers;
  std::vector<ValueInfo> inputs, outputs;
  bool hasSparseInitializers = false;
};

struct Function {
  std::string name, domain;
  std::vector<std::string> inputs, outputs, attributes;
  std::vector<Node> nodes;
  llvm::StringMap<int64_t> opsets;
};

struct Model {
  int64_t irVersion = 0;
  std::string producer, producerVersion;
  llvm::StringMap<int64_t> opsets; ///< by domain, "" for ai.onnx
  Graph graph;
  std::vector<Function> functions;
};

/// Reads a model; external data is mapped, and may not leave the model's folder.
/// Errors: unreadable file, not a protobuf, nesting deeper than 64 graphs.
llvm::Expected<std::shared_ptr<Model>> readModel(llvm::StringRef path);
/// Writes a model. Its bytes depend on the model and the name of the file only. Where the weights take more than
/// `inlineLimit` bytes (protobuf ends at 2 GiB), all tensors from 1 KiB on lie in a second file, `path` + ".data",
/// page-aligned, so that a reader can map it. Errors: a file cannot be written; a message that protobuf refuses.
llvm::Error writeModel(const Model &model, llvm::StringRef path, int64_t inlineLimit = int64_t(1) << 30);

/// Reads a serialized TensorProto (.pb).
llvm::Expected<Tensor> readTensor(llvm::StringRef path);

} // namespace fettle::onnx

#endif
