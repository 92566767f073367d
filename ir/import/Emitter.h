//===- Emitter.h - making nn ops that may turn out to be wrong ------------===//
//
// A model may ask for an op that nn refuses: a matmul of shapes that do not
// fit, a reshape to another number of elements. An importer would have to test
// after every op it makes; instead the emitter remembers the first failure and
// from then on gives `poison`, an ordinary scalar that no one will read, for
// every value. An importer therefore runs to its end whatever happens, and must
// only take care to ask for dims with dimOf, which knows no wrong index.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_IR_IMPORT_EMITTER_H
#define FETTLE_IR_IMPORT_EMITTER_H

#include "ir/nn/TryCreate.h"
#include "ir/support/HostTensor.h"
#include "mlir/IR/Diagnostics.h"

namespace fettle {

llvm::ArrayRef<int64_t> shapeOf(mlir::Value value);
int64_t rankOf(mlir::Value value);
mlir::Type elementOf(mlir::Value value);
bool isFloat(mlir::Value value);
int64_t elementsOf(mlir::Value value);
/// Extent of an axis (negative: from the end); 1 for an axis the value does not have.
int64_t dimOf(mlir::Value value, int64_t axis);
/// Product of the extents in [begin, end).
int64_t extentOf(mlir::Value value, int64_t begin, int64_t end);
std::vector<int64_t> allAxes(mlir::Value value);
/// `shape` as "2x3x4", "scalar" for rank 0.
std::string formatShape(llvm::ArrayRef<int64_t> shape);

class Emitter {
public:
  Emitter(mlir::OpBuilder &builder, mlir::Location location, mlir::Value poison)
      : builder(builder), location(location), poison(poison) {}

  //===--- Failure ----------------------------------------------------------===//
  bool failed() const { return hasFailed; }
  /// Records the first failure of the node.
  void fail(const llvm::Twine &reason, const llvm::Twine &remedy = "");
  /// Gives up without a word: the cause has been reported elsewhere.
  void failSilently() { hasFailed = true; }
  llvm::StringRef reason() const { return failureReason; }
  llvm::StringRef remedy() const { return failureRemedy; }

  //===--- Constants --------------------------------------------------------===//
  mlir::Value constant(const HostTensor &tensor, llvm::StringRef name = "constant");
  /// A scalar of the given element type.
  mlir::Value scalar(double value, mlir::Type element);
  mlir::Value scalarLike(double value, mlir::Value like) { return scalar(value, elementOf(like)); }
  mlir::Value splat(double value, llvm::ArrayRef<int64_t> shape, mlir::Type element);
  /// int64 tensor; one-dimensional unless a shape is given.
  mlir::Value integers(llvm::ArrayRef<int64_t> values);
  mlir::Value integers(llvm::ArrayRef<int64_t> values, llvm::ArrayRef<int64_t> shape);
  /// 0 ... count - 1 along `axis` of a tensor whose other extents are 1.
  mlir::Value countUp(int64_t count, int64_t axis, int64_t rank);
  mlir::Value reals(llvm::ArrayRef<double> values, llvm::ArrayRef<int64_t> shape, mlir::Type element);

  //===--- Elementwise ------------------------------------------------------===//
  mlir::Value unary(nn::UnaryKind kind, mlir::Value input, double alpha = 1, double beta = 0);
  mlir::Value binary(nn::BinaryKind kind, mlir::Value lhs, mlir::Value rhs);
  mlir::Value add(mlir::Value lhs, mlir::Value rhs) { return binary(nn::BinaryKind::add, lhs, rhs); }
  mlir::Value sub(mlir::Value lhs, mlir::Value rhs) { return binary(nn::BinaryKind::sub, lhs, rhs); }
  mlir::Value mul(mlir::Value lhs, mlir::Value rhs) { return binary(nn::BinaryKind::mul, lhs, rhs); }
  mlir::Value div(mlir::Value lhs, mlir::Value rhs) { return binary(nn::BinaryKind::div, lhs, rhs); }
  mlir::Value scaled(mlir::Value input, double factor);
  mlir::Value compare(nn::CompareKind kind, mlir::Value lhs, mlir::Value rhs);
  mlir::Value logicalNot(mlir::Value input) { return unary(nn::UnaryKind::logical_not, input); }
  mlir::Value select(mlir::Value condition, mlir::Value onTrue, mlir::Value onFalse);
  mlir::Value clamp(mlir::Value input, double low, double high);
  /// The input itself where it has that element type.
  mlir::Value cast(mlir::Value input, mlir::Type element);

  //===--- Contractions, reductions, normalization --------------------------===//
  mlir::Value matmul(mlir::Value lhs, mlir::Value rhs, mlir::Value bias = {}, bool transposeLhs = false,
                     bool transposeRhs = false);
  mlir::Value reduce(nn::ReduceKind kind, mlir::Value input, llvm::ArrayRef<int64_t> axes, bool keepDims);
  mlir::Value softmax(mlir::Value input, int64_t axis, bool log = false);
  mlir::Value layerNorm(mlir::Value input, mlir::Value scale, mlir::Value bias, int64_t axis, double epsilon,
                        bool rms = false);

  //===--- Movement ---------------------------------------------------------===//
  mlir::Value reshape(mlir::Value input, llvm::ArrayRef<int64_t> shape);
  /// Inserts axes of extent 1 at the positions (of the result).
  mlir::Value unsqueeze(mlir::Value input, llvm::ArrayRef<int64_t> axes);
  mlir::Value transpose(mlir::Value input, llvm::ArrayRef<int64_t> perm);
  mlir::Value swapAxes(mlir::Value input, int64_t a, int64_t b);
  mlir::Value broadcast(mlir::Value input, llvm::ArrayRef<int64_t> shape);
  mlir::Value concat(llvm::ArrayRef<mlir::Value> inputs, int64_t axis);
  mlir::Value slice(mlir::Value input, llvm::ArrayRef<int64_t> starts, llvm::ArrayRef<int64_t> sizes,
                    llvm::ArrayRef<int64_t> steps);
  mlir::Value sliceAxis(mlir::Value input, int64_t axis, int64_t start, int64_t size, int64_t step = 1);
  mlir::Value pad(nn::PadMode mode, mlir::Value input, llvm::ArrayRef<int64_t> low, llvm::ArrayRef<int64_t> high,
                  mlir::Value value = {});
  mlir::Value gather(mlir::Value input, mlir::Value indices, int64_t axis);

  //===--- Quantization -----------------------------------------------------===//
  mlir::Value quantize(mlir::Value input, mlir::Value scale, mlir::Value zeroPoint, mlir::Type element,
                       int64_t axis = 1);
  mlir::Value dequantize(mlir::Value input, mlir::Value scale, mlir::Value zeroPoint, int64_t axis = 1);

  //===--- Any op -----------------------------------------------------------===//

  /// Makes an op whose type follows from its operands; `args` are those of its
  /// builder with attributes in C++ form (floats as llvm::APFloat).
  template <typename Op, typename... Args> mlir::Value create(Args &&...args) {
    return createMany<Op>(1, std::forward<Args>(args)...).front();
  }
  template <typename Op, typename... Args>
  llvm::SmallVector<mlir::Value> createMany(unsigned results, Args &&...args) {
    if (!hasFailed) {
      Listener listener(*this);
      mlir::FailureOr<Op> op = nn::tryCreate<Op>(builder, location, std::forward<Args>(args)...);
      if (mlir::succeeded(op) && op->getOperation()->getNumResults() == results)
        return llvm::to_vector_of<mlir::Value>(op->getOperation()->getResults());
    }
    return llvm::SmallVector<mlir::Value>(results, poison);
  }
  /// Makes an op of a given result type.
  template <typename Op, typename... Args>
  mlir::Value createTyped(llvm::ArrayRef<int64_t> shape, mlir::Type element, Args &&...args) {
    if (hasFailed || !checkShape(shape))
      return poison;
    mlir::OperationState state(location, Op::getOperationName());
    Op::build(builder, state, mlir::TypeRange(mlir::RankedTensorType::get(shape, element)),
              std::forward<Args>(args)...);
    return verified(state);
  }

  mlir::MLIRContext *context() const { return builder.getContext(); }
  mlir::Type f32() const { return builder.getF32Type(); }
  mlir::Type i64() const { return builder.getIntegerType(64); }
  mlir::Type i32() const { return builder.getIntegerType(32); }
  mlir::Type boolean() const { return builder.getIntegerType(1); }

  /// Fails where the extents are negative or their product is beyond reach.
  bool checkShape(llvm::ArrayRef<int64_t> shape);
  /// Fails where a constant of these extents is too large to be written out at import. To be asked before its elements
  /// are computed: extents come from the model, and need not be backed by any data.
  bool checkConstant(llvm::ArrayRef<int64_t> shape);
  /// `axis` counted from the front. Fails where the rank has no such axis.
  int64_t normalizeAxis(int64_t axis, int64_t rank);
  std::vector<int64_t> normalizeAxes(llvm::ArrayRef<int64_t> axes, int64_t rank);

protected:
  mlir::OpBuilder &builder;
  mlir::Location location;
  mlir::Value poison;

private:
  /// Takes what inference or verification reports for the failure of the node.
  class Listener {
  public:
    explicit Listener(Emitter &emitter)
        : handler(emitter.context(), [&emitter](mlir::Diagnostic &diagnostic) {
            emitter.fail(diagnostic.str());
            return mlir::success();
          }) {}

  private:
    mlir::ScopedDiagnosticHandler handler;
  };
  mlir::Value verified(mlir::OperationState &state);

  bool hasFailed = false;
  std::string failureReason, failureRemedy;
};

} // namespace fettle

#endif
