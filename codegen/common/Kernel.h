//===- Kernel.h - what a kernel builder gives -----------------------------===//
//
// A kernel builder turns one nn.kernel into a function over memrefs:
//
//   func.func @k(%in0: memref<..>, ..., %out0: memref<..>, ..., %begin: index, %end: index)
//
// with one argument per operand and per result of the nn.kernel, in order, each
// contiguous (identity layout) and with static shape, and the range of tiles to
// run: tiles [0, tiles) may run in any order and on any threads. Inputs never
// alias outputs. The body uses scf, arith, math, vector and memref (and, for a
// target's own instructions, llvm.call_intrinsic); no calls, no heap.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_CODEGEN_COMMON_KERNEL_H
#define FETTLE_CODEGEN_COMMON_KERNEL_H

#include "ir/nn/Nn.h"
#include "ir/support/HostTensor.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include <functional>

namespace fettle::codegen {

/// How an element type lies in memory: i1 as i8, ui8 as i8 (signedness lives in
/// the nn types), everything else as itself.
mlir::Type storageType(mlir::Type element);
/// How an element type is computed with: f16 and bf16 as f32, ui8 as i8, i1 as i1.
mlir::Type computeType(mlir::Type element);
/// Contiguous memref of the storage type; axes of extent 0 become 1.
mlir::MemRefType bufferType(mlir::RankedTensorType type);

/// What the width of panels of weights was chosen for (chooseTile); others will do, at some cost.
struct PanelChoice {
  int64_t rows, columnVectors;
  int64_t parts, temporaries;
  int64_t bytes; ///< of the packed weights
};

/// A constant operand whose bytes the builder wants in another order. The driver
/// calls `pack` once and passes the result in place of the operand; the memref
/// argument then has `packedType`.
struct OperandPacking {
  unsigned operand;
  mlir::MemRefType packedType;
  std::function<std::vector<char>(const HostTensor &)> pack;
  std::string layout; ///< names the packing, e.g. "conv NR=32": equal (operand bytes, layout) are stored once
  std::optional<PanelChoice> panels = std::nullopt; ///< where the packing is panels of a width that was chosen
};

struct LoweredKernel {
  mlir::func::FuncOp function;
  int64_t tiles = 1;
  std::vector<OperandPacking> packings;
  std::optional<double> cycles = std::nullopt; ///< of the root, on one core, where the builder knows better than StepCost.h

  const OperandPacking *packingOf(unsigned operand) const;
};

/// The function of a kernel while it is being built: arguments by the values
/// they stand for, insertion point at the end of the entry block (before the return).
class KernelFrame {
public:
  /// `packedTypes` overrides the argument type of packed operands (null: bufferType).
  KernelFrame(nn::KernelOp kernel, mlir::OpBuilder &moduleBuilder, llvm::ArrayRef<mlir::MemRefType> packedTypes = {});

  mlir::func::FuncOp function;
  mlir::ImplicitLocOpBuilder b;
  /// Memref of a kernel body argument.
  mlir::Value buffer(mlir::BlockArgument argument) { return function.getArgument(argument.getArgNumber()); }
  /// Memref of result `i` of the kernel.
  mlir::Value output(unsigned i) { return function.getArgument(numInputs + i); }
  mlir::Value begin() { return function.getArgument(function.getNumArguments() - 2); }
  mlir::Value end() { return function.getArgument(function.getNumArguments() - 1); }

private:
  unsigned numInputs;
};

} // namespace fettle::codegen

#endif
