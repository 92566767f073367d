//===- NestEmitter.h - the body of a kernel's loops -----------------------===//
#ifndef FETTLE_CODEGEN_CPU_NESTEMITTER_H
#define FETTLE_CODEGEN_CPU_NESTEMITTER_H

#include "codegen/common/Kernel.h"
#include "codegen/cpu/LoopPlan.h"

namespace fettle::codegen {

/// Weights that are stored with other axes fastest than their tensor's: (kernel argument, axes).
using StorageOrders = llvm::SmallVector<std::pair<mlir::BlockArgument, llvm::SmallVector<int64_t>>>;

/// Those whose output channel can be made the fastest axis, for the sake of vectors along it.
StorageOrders chooseStorageOrders(nn::KernelOp kernel);
OperandPacking packInOrder(mlir::BlockArgument weight, llvm::ArrayRef<int64_t> axes);

/// Emits into one function: the kernel's, or one for trial.
class NestEmitter {
public:
  NestEmitter(nn::KernelOp kernel, KernelFrame &frame, const StorageOrders &orders);

  /// How a body runs: scalars (no lanes), or vectors along one of the loops.
  struct Mode {
    int64_t lanes = 0;
    unsigned vectorLoop = 0;
  };

  /// The values of `results` at one element (or `lanes` elements), with the loops' variables given (none on trial).
  llvm::SmallVector<mlir::Value> emitValues(const LoopPiece &piece, llvm::ArrayRef<unsigned> results, llvm::ArrayRef<mlir::Value> variables, Mode mode, IndexSpace &space);
  /// Stores what emitValues gave, with the same variables and mode.
  void emitStores(const LoopPiece &piece, llvm::ArrayRef<unsigned> results, llvm::ArrayRef<mlir::Value> variables, Mode mode, mlir::ValueRange values, IndexSpace &space);
  void emitBody(const LoopPiece &piece, llvm::ArrayRef<unsigned> results, llvm::ArrayRef<mlir::Value> variables, Mode mode, IndexSpace &space) {
    llvm::SmallVector<mlir::Value> values = emitValues(piece, results, variables, mode, space);
    emitStores(piece, results, variables, mode, values, space);
  }

  mlir::ImplicitLocOpBuilder &b;

private:
  void setVariables(const LoopPiece &piece, llvm::ArrayRef<mlir::Value> variables, Mode mode, IndexSpace &space);

  nn::KernelOp kernel;
  const StorageOrders &orders;
  llvm::DenseMap<mlir::Value, mlir::Value> flatInputs;
  llvm::SmallVector<mlir::Value> flatOutputs;
};

} // namespace fettle::codegen

#endif
