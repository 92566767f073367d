//===- RandomFunction.h - a function under random construction ------------===//
#ifndef FETTLE_TESTS_UNIT_CODEGEN_RANDOMFUNCTION_H
#define FETTLE_TESTS_UNIT_CODEGEN_RANDOMFUNCTION_H

#include "ir/nn/Nn.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/MLIRContext.h"
#include <random>

namespace fettle::test {

/// Holds an unfinished function @f and the dice. The dice use no distribution of
/// the standard library: those differ between implementations.
class RandomFunction {
public:
  explicit RandomFunction(unsigned seed);

  int64_t roll(int64_t count) { return int64_t(generator() % uint64_t(count)); } ///< 0 .. count - 1
  int64_t roll(int64_t low, int64_t high) { return low + roll(high - low + 1); } ///< low .. high
  bool chance(int64_t oneIn) { return roll(oneIn) == 0; }
  template <typename T> T pick(std::initializer_list<T> choices) { return choices.begin()[roll(choices.size())]; }

  /// One more function argument.
  mlir::Value input(llvm::ArrayRef<int64_t> shape, mlir::Type element);
  /// Ends the function with `results`; its text.
  std::string finish(mlir::ValueRange results);

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::func::FuncOp function;
  mlir::ImplicitLocOpBuilder b;

private:
  std::mt19937 generator;
};

inline llvm::ArrayRef<int64_t> shapeOf(mlir::Value value) {
  return llvm::cast<mlir::RankedTensorType>(value.getType()).getShape();
}
inline mlir::Type elementOf(mlir::Value value) {
  return llvm::cast<mlir::RankedTensorType>(value.getType()).getElementType();
}

} // namespace fettle::test

#endif
