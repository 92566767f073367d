//===- NodeImporter.h - one ONNX node, as its importer sees it ------------===//
#ifndef FETTLE_IR_IMPORT_NODEIMPORTER_H
#define FETTLE_IR_IMPORT_NODEIMPORTER_H

#include "ir/import/Emitter.h"
#include "ir/onnx/Model.h"

namespace fettle {

class GraphImporter;
struct Scope;

/// Sequences exist during import only: a value of tuple type, made by a cast from its tensors, through which every
/// operator on sequences looks. None is left in an imported module.
bool isSequence(mlir::Value value);

class NodeImporter : public Emitter {
public:
  NodeImporter(GraphImporter &graph, Scope &scope, const onnx::Node &node, int64_t opset,
               std::vector<mlir::Value> operands, mlir::OpBuilder &builder, mlir::Location location, mlir::Value poison)
      : Emitter(builder, location, poison), graph(graph), scope(scope), node(node), opset(opset),
        operands(std::move(operands)), results(node.outputs.size()) {}

  //===--- Operands and results ---------------------------------------------===//
  size_t numInputs() const { return operands.size(); }
  bool hasInput(size_t i) const { return i < operands.size() && operands[i]; }
  /// Operand `i`; the node fails where it is omitted, or not a tensor.
  mlir::Value input(size_t i);
  /// Null where omitted.
  mlir::Value optionalInput(size_t i) { return hasInput(i) ? input(i) : mlir::Value(); }
  /// Operand `i`, be it a tensor or a sequence.
  mlir::Value anyInput(size_t i);
  /// The tensors of a sequence; the node fails where the operand is none.
  std::vector<mlir::Value> sequenceInput(size_t i);
  void setSequence(size_t i, llvm::ArrayRef<mlir::Value> tensors);
  bool wantsOutput(size_t i) const { return i < results.size() && !node.outputs[i].empty(); }
  void setOutput(size_t i, mlir::Value value);
  void setOutput(mlir::Value value) { setOutput(0, value); }
  llvm::ArrayRef<mlir::Value> outputs() const { return results; }

  //===--- Constants --------------------------------------------------------===//
  /// The value of operand `i`, which must not depend on the model's inputs.
  std::optional<HostTensor> constantInput(size_t i);
  std::optional<HostTensor> constantOf(mlir::Value value, llvm::StringRef what);
  /// The value if it does not depend on the model's inputs; never a failure.
  std::optional<HostTensor> constantIfKnown(mlir::Value value);
  /// Its elements; nothing after a failure.
  std::vector<int64_t> constantIntegers(size_t i);
  std::optional<double> constantReal(size_t i);

  //===--- Attributes -------------------------------------------------------===//
  bool hasAttribute(llvm::StringRef name) const { return node.find(name) != nullptr; }
  int64_t integer(llvm::StringRef name, int64_t absent);
  double real(llvm::StringRef name, double absent);
  std::string text(llvm::StringRef name, llvm::StringRef absent);
  std::optional<std::vector<int64_t>> integersAttribute(llvm::StringRef name);
  std::optional<std::vector<float>> realsAttribute(llvm::StringRef name);
  std::optional<std::vector<std::string>> textsAttribute(llvm::StringRef name);
  /// The attribute's element type; `absent` where it is missing.
  mlir::Type elementTypeAttribute(llvm::StringRef name, mlir::Type absent);
  /// The attribute's graph; the node fails where it is missing.
  std::shared_ptr<const onnx::Graph> graphAttribute(llvm::StringRef name);
  /// The axes of ops that moved them from an attribute to operand `i`.
  std::optional<std::vector<int64_t>> attributeOrInput(llvm::StringRef name, size_t i);

  GraphImporter &graph;
  Scope &scope;
  const onnx::Node &node;
  const int64_t opset;

private:
  const onnx::Attribute *find(llvm::StringRef name, onnx::Attribute::Kind kind);

  std::vector<mlir::Value> operands, results;
};

} // namespace fettle

#endif
