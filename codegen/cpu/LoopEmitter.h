//===- LoopEmitter.h - loops and index arithmetic -------------------------===//
#ifndef FETTLE_CODEGEN_CPU_LOOPEMITTER_H
#define FETTLE_CODEGEN_CPU_LOOPEMITTER_H

#include "codegen/common/Kernel.h"

namespace fettle::codegen {

using CarriedValues = llvm::SmallVector<mlir::Value>;

mlir::Value indexConstant(mlir::ImplicitLocOpBuilder &b, int64_t value);
mlir::Value addIndex(mlir::ImplicitLocOpBuilder &b, mlir::Value x, mlir::Value y);
mlir::Value addIndex(mlir::ImplicitLocOpBuilder &b, mlir::Value x, int64_t y);
mlir::Value mulIndex(mlir::ImplicitLocOpBuilder &b, mlir::Value x, int64_t y);
mlir::Value minIndex(mlir::ImplicitLocOpBuilder &b, mlir::Value x, mlir::Value y);

/// `index` as a value of which LLVM knows nothing. What is loaded from there is then not moved out of the loop that this
/// stands in, where it would take a register in all of the loop's turns.
mlir::Value emitOpaque(mlir::ImplicitLocOpBuilder &b, mlir::Value index);

/// A point that LLVM moves no load across.
void emitSchedulingBarrier(mlir::ImplicitLocOpBuilder &b);

/// for (i = low; i < high; i += step) with values carried from turn to turn:
/// `body` takes i and the values and returns the next ones. Bounds may be
/// constants; a loop of at most one turn known to be taken is no loop.
CarriedValues emitFor(mlir::ImplicitLocOpBuilder &b, mlir::Value low, mlir::Value high, int64_t step,
                      mlir::ValueRange initial, llvm::function_ref<CarriedValues(mlir::Value, mlir::ValueRange)> body);
CarriedValues emitFor(mlir::ImplicitLocOpBuilder &b, int64_t low, int64_t high, int64_t step, mlir::ValueRange initial,
                      llvm::function_ref<CarriedValues(mlir::Value, mlir::ValueRange)> body);
/// The same without carried values.
void emitFor(mlir::ImplicitLocOpBuilder &b, mlir::Value low, mlir::Value high, int64_t step,
             llvm::function_ref<void(mlir::Value)> body);
void emitFor(mlir::ImplicitLocOpBuilder &b, int64_t low, int64_t high, int64_t step,
             llvm::function_ref<void(mlir::Value)> body);

/// Keeps LLVM from unrolling a loop. Of a loop over the rows of a window it would make straight-line code with a way out
/// between the turns, in which depthwise convolutions were measured a quarter slower, dense ones with few channels 5 %.
void forbidUnrolling(mlir::scf::ForOp loop);

/// if (condition) body.
void emitIf(mlir::ImplicitLocOpBuilder &b, mlir::Value condition, llvm::function_ref<void()> body);
/// if (condition) body; else otherwise.
void emitIf(mlir::ImplicitLocOpBuilder &b, mlir::Value condition, llvm::function_ref<void()> body,
            llvm::function_ref<void()> otherwise);

/// Row-major coordinates of the linear index `index` in a space of `extents`.
llvm::SmallVector<mlir::Value> delinearize(mlir::ImplicitLocOpBuilder &b, mlir::Value index,
                                           llvm::ArrayRef<int64_t> extents);

/// A kernel whose buffers are addressed as flat arrays.
class FlatFrame : public KernelFrame {
public:
  FlatFrame(nn::KernelOp kernel, mlir::OpBuilder &moduleBuilder, llvm::ArrayRef<mlir::MemRefType> packedTypes = {});

  /// One-dimensional memref of all elements of a body argument, or of result `i`.
  mlir::Value flat(mlir::BlockArgument argument) const { return flats[argument.getArgNumber()]; }
  mlir::Value flatOutput(unsigned i) const { return flats[numInputs + i]; }
  /// Scratch of `elements` elements on the stack, made once per call, aligned to 64 bytes.
  mlir::Value scratch(mlir::Type element, int64_t elements);

private:
  unsigned numInputs;
  llvm::SmallVector<mlir::Value> flats;
};

} // namespace fettle::codegen

#endif
