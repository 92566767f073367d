//===- ValueNames.h - names of tensors that last ---------------------------===//
//
// What is measured is keyed by names that a person finds in the model: an input
// by its own name, any other tensor by the ONNX nodes it was made of, with the
// number of the result where there are several ("Split_3:1"), and a count where
// nodes became more than one tensor ("Conv_7", "Conv_7~2", in program order).
// Names follow from locations alone, so equal modules give equal names in any run. What
// rounds a value, nn.quantize and nn.dequantize behind it, has no name of its own: a
// module keeps its names when values are rounded.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_IR_PROFILE_VALUENAMES_H
#define FETTLE_IR_PROFILE_VALUENAMES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"

namespace fettle {

class ValueNames {
public:
  /// Names the arguments and all results of ops other than constants and roundings.
  explicit ValueNames(mlir::func::FuncOp function);

  /// Empty for a value without a name.
  llvm::StringRef nameOf(mlir::Value value) const;
  /// Null if nothing has that name.
  mlir::Value find(llvm::StringRef name) const { return values.lookup(name); }

private:
  void add(std::string name, mlir::Value value);

  llvm::StringMap<mlir::Value> values;
  llvm::StringMap<unsigned> counts; ///< of the last value of a node that got one
  llvm::DenseMap<mlir::Value, llvm::StringRef> names;
};

} // namespace fettle

#endif
