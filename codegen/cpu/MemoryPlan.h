//===- MemoryPlan.h - where every value lies at run time ------------------===//
#ifndef FETTLE_CODEGEN_CPU_MEMORYPLAN_H
#define FETTLE_CODEGEN_CPU_MEMORYPLAN_H

#include "codegen/artifact/CompiledModel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"

namespace fettle::codegen {

/// A block of memory needed from step `first` to step `last`, inclusive.
struct LiveRange {
  int64_t bytes;
  int64_t first, last;
};

/// Offsets (64-byte aligned) such that ranges that overlap in time do not in
/// space; returns the total.
///
/// Greedy by size: the largest block is placed first, each at the lowest offset
/// where it fits between the blocks already placed that live at the same time.
/// Example: sizes 4 (steps 0-1), 2 (1-2), 4 (2-3) need 6: the two large blocks
/// share offset 0. Sound by construction; O(n^2). Best known simple heuristic
/// (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net
/// Inference", 2020).
int64_t planArena(llvm::ArrayRef<LiveRange> ranges, llvm::MutableArrayRef<int64_t> offsets);

/// The most bytes that live at one step, each range rounded up to the alignment: no plan takes less.
int64_t largestLiveSet(llvm::ArrayRef<LiveRange> ranges);

/// The buffer of every tensor value of a function of nn.kernel, nn.reshape and
/// constants: reshapes share their operand's, results of the function are
/// written in place, everything else lives in the arena. Constants have none.
struct MemoryPlan {
  llvm::DenseMap<mlir::Value, BufferReference> buffers;
  int64_t arenaBytes = 0, largestLiveBytes = 0;
};
MemoryPlan planMemory(mlir::func::FuncOp function);

/// The value whose storage `value` shares: looks through nn.reshape.
mlir::Value storageRoot(mlir::Value value);

} // namespace fettle::codegen

#endif
