//===- GraphImporter.h - from nodes in a scope to ops in a block ----------===//
//
// Names in ONNX are scoped: a subgraph (of If, Loop, Scan) sees the names
// around it, a model-local function sees only its parameters. All of it is
// emitted into the one block of @main, so that a value, once made, may be used
// by everything that follows.
//
// A value whose node failed is *poisoned*: it has a name and no Value. Nodes
// that read it are passed over in silence, so that one run reports every
// problem of a model and none of their consequences.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_IR_IMPORT_GRAPHIMPORTER_H
#define FETTLE_IR_IMPORT_GRAPHIMPORTER_H

#include "ir/import/Import.h"
#include "ir/onnx/Model.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringSet.h"

namespace fettle {

struct Scope {
  const Scope *parent = nullptr;
  const llvm::StringMap<int64_t> *opsets = nullptr;
  llvm::StringMap<mlir::Value> values;                  ///< null: poisoned
  llvm::StringMap<const onnx::Tensor *> initializers;   ///< not read yet
  int callDepth = 0;                                    ///< of model-local functions
};

class GraphImporter {
public:
  GraphImporter(mlir::OpBuilder &builder, const onnx::Model &model, mlir::Value poison,
                std::vector<Problem> &problems);

  /// Imports initializers and nodes of a graph whose inputs are bound in `scope`.
  void importGraph(const onnx::Graph &graph, Scope &scope);
  /// The values of `names`, null where poisoned. A name that nothing defines is
  /// a problem (of `user`).
  std::vector<mlir::Value> lookupAll(llvm::ArrayRef<std::string> names, Scope &scope, const Problem &user);

  void report(Problem problem);
  /// The names of the model's inputs that `value` is computed from.
  std::vector<std::string> inputsBehind(mlir::Value value);
  /// How many nodes have been imported so far, in unrolled loops once per turn.
  int64_t importedNodes() const { return nodeCount; }

  const onnx::Model &model;

private:
  void importNodes(llvm::ArrayRef<onnx::Node> nodes, Scope &scope);
  void importNode(const onnx::Node &node, Scope &scope);
  void callFunction(const onnx::Function &function, const onnx::Node &node, llvm::ArrayRef<mlir::Value> operands,
                    Scope &scope, const Problem &context);
  void define(const onnx::Node &node, size_t output, mlir::Value value, Scope &scope);
  /// The value, or null for a poisoned one; nothing if the name is unknown.
  std::optional<mlir::Value> lookup(llvm::StringRef name, Scope &scope);
  mlir::Value readInitializer(const onnx::Tensor &tensor);

  mlir::OpBuilder &builder;
  mlir::Value poison;
  std::vector<Problem> &problems;
  llvm::StringSet<> reported;
  llvm::StringMap<const onnx::Function *> functions; ///< by "domain:name"
  int64_t nodeCount = 0;
};

/// What the user would call the node: its name, or its first output.
std::string nodeName(const onnx::Node &node);
/// Operator with domain, unless that is the default one.
std::string operatorName(const onnx::Node &node);

} // namespace fettle

#endif
