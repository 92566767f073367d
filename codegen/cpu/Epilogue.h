//===- Epilogue.h - what follows a contraction, in registers --------------===//
#ifndef FETTLE_CODEGEN_CPU_EPILOGUE_H
#define FETTLE_CODEGEN_CPU_EPILOGUE_H

#include "codegen/common/Kernel.h"
#include "ir/target/CpuTarget.h"

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
  void prepare(KernelFrame &frame, const CpuTarget &target);

  /// Lanes that lie side by side.
  struct Run {
    mlir::Value row, column;
    bool followsLast; ///< the columns are those after the run's before it, in the same row
  };
  /// The root's `value` for columns [column, column + lanes) of `row`; `mask` (may be null) switches lanes off.
  struct Vector {
    mlir::Value value, row, column, mask;
    bool followsLast = false; ///< the columns are those after the vector's before it, in the same row
    /// Where not empty: lanes in runs of four, which lie there instead. The run after run i of one of four vectors is
    /// run i of the next, that after the last one's is run i + 1 of the first: the order in which BytePack leaves them.
    llvm::SmallVector<Run, 4> runs = {};
  };
  /// Stores the kernel's results there. Vectors are of one length; they should come in fours, which may be packed together.
  void emit(KernelFrame &frame, llvm::ArrayRef<Vector> vectors) const;
  /// Fetches what `emit` will read and write in columns [column, column + columns) of `row` into the first-level cache.
  void emitPrefetch(mlir::ImplicitLocOpBuilder &b, mlir::Value row, mlir::Value column, int64_t columns) const;

private:
  /// A result of bytes that BytePack makes of an f32, the quotient before rounding.
  struct PackedResult {
    nn::QuantizeOp quantize;
    int64_t zeroPoint;
  };
  std::optional<PackedResult> packedResult(mlir::Value yielded) const;
  /// Values of the body for one vector: all but packed results, which get their quotients.
  llvm::DenseMap<mlir::Value, mlir::Value> evaluate(KernelFrame &frame, const Vector &vector, bool packs) const;
  void emitGroup(KernelFrame &frame, llvm::ArrayRef<Vector> vectors) const;
  /// Whether `argument` is read at the place where the root's result is, and by others than the root.
  bool isReadThere(mlir::BlockArgument argument) const;
  mlir::Value offsetOf(mlir::ImplicitLocOpBuilder &b, mlir::Value row, mlir::Value column) const;
  void storePacked(KernelFrame &frame, llvm::ArrayRef<Vector> vectors, mlir::Value bytes, mlir::Value output) const;
  mlir::Value load(KernelFrame &frame, mlir::BlockArgument argument, mlir::Value row, mlir::Value column, mlir::Value mask, int64_t lanes) const;
  mlir::Value load(KernelFrame &frame, mlir::BlockArgument argument, const Vector &vector) const;
  void store(KernelFrame &frame, const Vector &vector, mlir::Type element, mlir::Value value, mlir::Value output) const;

  nn::KernelOp kernel;
  mlir::Operation *root = nullptr;
  llvm::ArrayRef<int64_t> shape;
  llvm::DenseMap<mlir::Value, mlir::Value> flatInputs;
  llvm::SmallVector<mlir::Value> flatOutputs;
  bool canPack = false;
};

/// The row-major index into `dims` of the element that broadcasts to `position` (row-major) of `shape`.
mlir::Value emitBroadcastIndex(mlir::ImplicitLocOpBuilder &b, llvm::ArrayRef<int64_t> dims, llvm::ArrayRef<int64_t> shape, mlir::Value position);

/// Elements in a line of the cache, of any target.
int64_t elementsOfLine(mlir::Type element);

/// A one-dimensional view of a contiguous memref.
mlir::Value flatten(mlir::ImplicitLocOpBuilder &b, mlir::Value buffer);

/// The scalar of a splat nn.constant, in the compute type of its element type.
mlir::Value emitSplat(mlir::ImplicitLocOpBuilder &b, nn::ConstantOp constant);

} // namespace fettle::codegen

#endif
