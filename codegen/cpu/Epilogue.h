//===- Epilogue.h - what follows a contraction, in registers --------------===//
#ifndef FETTLE_CODEGEN_CPU_EPILOGUE_H
#define FETTLE_CODEGEN_CPU_EPILOGUE_H

#include "codegen/common/Kernel.h"

namespace fettle::codegen {

/// The pointwise ops after a kernel's root, evaluated on vectors of the root's
/// result before anything is stored. The root's result is seen as a matrix: rows
/// are all its axes but the last, columns the last.
class Epilogue {
public:
  /// Fails unless every op but `root` (and constants) is pointwise of the root's
  /// shape and every result of the kernel has that shape.
  static mlir::FailureOr<Epilogue> match(nn::KernelOp kernel, mlir::Operation *root);

  /// Creates the flat views of the buffers; call once, at the start of the function.
  void prepare(KernelFrame &frame);

  /// Stores the kernel's results for columns [column, column + lanes) of `row`,
  /// given the root's `value` there. `mask` (may be null) switches lanes off.
  void emit(KernelFrame &frame, mlir::Value value, mlir::Value row, mlir::Value column, mlir::Value mask) const;

private:
  mlir::Value load(KernelFrame &frame, mlir::BlockArgument argument, mlir::Value row, mlir::Value column, mlir::Value mask, int64_t lanes) const;

  nn::KernelOp kernel;
  mlir::Operation *root = nullptr;
  llvm::ArrayRef<int64_t> shape;
  llvm::DenseMap<mlir::Value, mlir::Value> flatInputs;
  llvm::SmallVector<mlir::Value> flatOutputs;
};

/// The row-major index into `dims` of the element that broadcasts to `position` (row-major) of `shape`.
mlir::Value emitBroadcastIndex(mlir::ImplicitLocOpBuilder &b, llvm::ArrayRef<int64_t> dims, llvm::ArrayRef<int64_t> shape, mlir::Value position);

/// A one-dimensional view of a contiguous memref.
mlir::Value flatten(mlir::ImplicitLocOpBuilder &b, mlir::Value buffer);

/// The scalar of a splat nn.constant, in the compute type of its element type.
mlir::Value emitSplat(mlir::ImplicitLocOpBuilder &b, nn::ConstantOp constant);

} // namespace fettle::codegen

#endif
