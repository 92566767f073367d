//===- GraphWriter.h - an ONNX graph under construction -------------------===//
//
// Values are numbered while nodes are made, and named when the op they belong to is done. Then it is known which node
// gives the op's result: that node has the name of the ONNX node which the op came from, and so has its value; nodes
// that only help to compute it are named NODE/Operator.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_IR_EXPORT_GRAPHWRITER_H
#define FETTLE_IR_EXPORT_GRAPHWRITER_H

#include "ir/onnx/Model.h"
#include "ir/support/HostTensor.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/StringSet.h"
#include <map>

namespace fettle {

/// A tensor of the graph, or an omitted operand.
struct Term {
  int64_t id = -1; ///< negative: omitted
  mlir::RankedTensorType type;

  explicit operator bool() const { return id >= 0; }
  llvm::ArrayRef<int64_t> shape() const { return type.getShape(); }
  int64_t rank() const { return type.getRank(); }
  mlir::Type element() const { return type.getElementType(); }
};

/// The attributes of a node, in the order given.
class Attributes {
public:
  Attributes &with(llvm::StringRef name, int64_t value);
  Attributes &with(llvm::StringRef name, double value); ///< stored as f32
  Attributes &with(llvm::StringRef name, llvm::StringRef value);
  Attributes &with(llvm::StringRef name, llvm::ArrayRef<int64_t> values);
  Attributes &with(llvm::StringRef name, llvm::ArrayRef<std::string> values);
  Attributes &with(llvm::StringRef name, onnx::Tensor value);

  std::vector<onnx::Attribute> list;

private:
  onnx::Attribute &add(llvm::StringRef name, onnx::Attribute::Kind kind);
};

class GraphWriter {
public:
  explicit GraphWriter(int64_t opset) : opset(opset) {}
  const int64_t opset;

  /// The data type that elements have in the file: 4-bit integers take 8 bits before opset 21.
  onnx::DataType storedType(mlir::Type element) const;

  Term addInput(llvm::StringRef name, mlir::RankedTensorType type);
  /// The next value of this name is an output: no other value gets it.
  void reserveOutput(llvm::StringRef name) { valueNames.insert(name); }
  /// A weight, named `name` where that is free.
  Term addWeight(const HostTensor &tensor, llvm::StringRef name);
  /// A constant that the export made: equal ones are one initializer.
  Term addConstant(const HostTensor &tensor);
  /// A value that nothing gives, for ops that could not be written.
  Term addNothing(mlir::RankedTensorType type) { return newValue(type); }
  llvm::SmallVector<Term, 1> addNode(llvm::StringRef op, llvm::ArrayRef<Term> inputs,
                                     llvm::ArrayRef<mlir::RankedTensorType> types, Attributes attributes);

  /// Names the nodes since the last call and their values. `results` are those of the op written; outputNames[i] is the
  /// reserved name of result i, or empty.
  /// The first product among the nodes has the `macs` of the op.
  void nameNodes(llvm::StringRef base, llvm::ArrayRef<Term> results, llvm::ArrayRef<std::string> outputNames,
                 int64_t macs = 0);
  /// Adds an output: the value itself if it has the name, else a copy of it.
  void addOutput(llvm::StringRef name, Term value);

  struct Result {
    onnx::Graph graph;
    std::vector<int64_t> macs; ///< of each node
  };
  /// The graph, without nodes and initializers that nothing reads. Nothing can be added afterwards.
  Result take();

private:
  struct Node {
    std::string name, op;
    std::vector<int64_t> inputs, outputs;
    std::vector<onnx::Attribute> attributes;
    int64_t macs = 0;
  };

  Term newValue(mlir::RankedTensorType type, std::string name = {});
  static std::string unique(llvm::StringRef name, llvm::StringSet<> &taken);
  std::vector<bool> findNeeded() const;
  onnx::ValueInfo describe(llvm::StringRef name, mlir::RankedTensorType type) const;

  onnx::Graph graph; ///< nodes are added by take()
  std::vector<Node> nodes;
  std::vector<std::string> values; ///< names by id, empty until named
  llvm::StringSet<> valueNames, nodeNames;
  std::map<std::pair<const void *, std::string>, Term> constants; ///< by type and bytes
  size_t firstUnnamed = 0;
};

} // namespace fettle

#endif
