//===- NodeWriter.h - one nn op, as its exporter sees it ------------------===//
#ifndef FETTLE_IR_EXPORT_NODEWRITER_H
#define FETTLE_IR_EXPORT_NODEWRITER_H

#include "ir/export/GraphWriter.h"
#include "ir/nn/Nn.h"
#include "llvm/ADT/DenseMap.h"

namespace fettle {

/// The tensors of the graph that values of the module have become. Constants become initializers when they are asked
/// for: many are only looked at.
class TermTable {
public:
  explicit TermTable(GraphWriter &graph) : graph(graph) {}
  Term lookup(mlir::Value value);
  void define(mlir::Value value, Term term) { terms[value] = term; }

private:
  Term addConstant(nn::ConstantOp constant);

  GraphWriter &graph;
  llvm::DenseMap<mlir::Value, Term> terms;
  llvm::DenseMap<mlir::Attribute, Term> weights; ///< equal constants are one initializer
};

/// The elements of a constant; none for any other value. Not a copy.
std::optional<HostTensor> knownTensor(mlir::Value value);
mlir::RankedTensorType typeOf(mlir::Value value);

/// Makes the nodes of one op. After a failure the nodes are of no account, and exporters run to their end.
class NodeWriter {
public:
  NodeWriter(GraphWriter &graph, TermTable &terms, mlir::Operation *op)
      : op(op), opset(graph.opset), graph(graph), terms(terms), resultTerms(op->getNumResults()) {}

  mlir::Operation *const op;
  const int64_t opset;

  //===--- Operands, results, failure ---------------------------------------===//
  /// The tensor that `value` has become; omitted for a null value.
  Term term(mlir::Value value) { return value ? terms.lookup(value) : Term(); }
  /// The same under another shape; a constant is stored under it. Omitted for a null value.
  Term shaped(mlir::Value value, llvm::ArrayRef<int64_t> shape);
  /// The type of result `i`.
  mlir::RankedTensorType resultType(unsigned i = 0) const { return typeOf(op->getResult(i)); }
  void setResult(unsigned i, Term term) { resultTerms[i] = term; }
  void setResult(Term term) { setResult(0, term); }
  llvm::ArrayRef<Term> results() const { return resultTerms; }
  /// Records the first failure.
  void fail(const llvm::Twine &reason, const llvm::Twine &remedy = "");
  bool failed() const { return hasFailed; }
  const std::string &reason() const { return failureReason; }
  const std::string &remedy() const { return failureRemedy; }

  //===--- Constants --------------------------------------------------------===//
  Term constant(const HostTensor &tensor) { return graph.addConstant(tensor); }
  Term weight(const HostTensor &tensor, llvm::StringRef name) { return graph.addWeight(tensor, name); }
  Term scalar(double value, mlir::Type element);
  Term scalarLike(double value, Term like) { return scalar(value, like.element()); }
  /// A vector of i64.
  Term integers(llvm::ArrayRef<int64_t> values);
  Term splat(double value, llvm::ArrayRef<int64_t> shape, mlir::Type element);

  //===--- Any node ---------------------------------------------------------===//
  Term node(llvm::StringRef name, llvm::ArrayRef<Term> inputs, mlir::RankedTensorType type, Attributes attributes = {});
  llvm::SmallVector<Term, 1> nodes(llvm::StringRef name, llvm::ArrayRef<Term> inputs,
                                   llvm::ArrayRef<mlir::RankedTensorType> types, Attributes attributes = {});
  /// A node on operands of one element type, that of the first; those of another are passed as they are. Where the
  /// operator lacks the type, the operands are cast to one that holds it, and the result back.
  Term apply(llvm::StringRef name, llvm::ArrayRef<Term> inputs, llvm::ArrayRef<int64_t> shape,
             Attributes attributes = {});
  /// The same for operators whose results are elements of their operands.
  Term move(llvm::StringRef name, llvm::ArrayRef<Term> inputs, llvm::ArrayRef<int64_t> shape,
            Attributes attributes = {});
  /// The same for operators that answer with another type whatever they compare.
  Term test(llvm::StringRef name, llvm::ArrayRef<Term> inputs, llvm::ArrayRef<int64_t> shape, mlir::Type answer,
            Attributes attributes = {});
  /// What apply computes in: fails, and gives `element`, where there is no such type.
  mlir::Type computeType(llvm::StringRef name, mlir::Type element);

  //===--- Elementwise ------------------------------------------------------===//
  Term cast(Term input, mlir::Type element);
  /// f16 and bf16 as f32, for what is composed of several nodes.
  Term widened(Term input);
  Term unary(llvm::StringRef name, Term input, Attributes attributes = {});
  Term binary(llvm::StringRef name, Term lhs, Term rhs, Attributes attributes = {});
  Term add(Term lhs, Term rhs) { return binary("Add", lhs, rhs); }
  Term sub(Term lhs, Term rhs) { return binary("Sub", lhs, rhs); }
  Term mul(Term lhs, Term rhs) { return binary("Mul", lhs, rhs); }
  Term div(Term lhs, Term rhs) { return binary("Div", lhs, rhs); }
  Term scaled(Term input, double factor) { return factor == 1 ? input : mul(input, scalarLike(factor, input)); }
  Term equal(Term lhs, Term rhs);
  Term where(Term condition, Term onTrue, Term onFalse);

  //===--- Reductions and movement ------------------------------------------===//
  /// Over at least one axis.
  Term reduce(llvm::StringRef name, Term input, llvm::ArrayRef<int64_t> axes, bool keepDims);
  Term reshape(Term input, llvm::ArrayRef<int64_t> shape);
  Term transpose(Term input, llvm::ArrayRef<int64_t> perm);
  Term expand(Term input, llvm::ArrayRef<int64_t> shape);

  mlir::MLIRContext *context() const { return op->getContext(); }
  mlir::Type f32() const { return mlir::Float32Type::get(context()); }
  mlir::Type f64() const { return mlir::Float64Type::get(context()); }
  mlir::Type i32() const { return mlir::IntegerType::get(context(), 32); }
  mlir::Type i64() const { return mlir::IntegerType::get(context(), 64); }
  mlir::Type boolean() const { return mlir::IntegerType::get(context(), 1); }

private:
  GraphWriter &graph;
  TermTable &terms;
  llvm::SmallVector<Term> resultTerms;
  bool hasFailed = false;
  std::string failureReason, failureRemedy;
};

} // namespace fettle

#endif
