//===- BytePack.h - four vectors of reals to one of bytes -----------------===//
//
// A quantized result is a quarter as wide as the sums it comes from. Narrowing each
// vector by itself takes as many instructions as computing it; x86 has two that take
// two vectors each and saturate on the way:
//
//   f32 x4 -> i32 x4 (rounds to even) -> i16 x2, add the zero point -> ui8 x1
//
// They work within 128 bits, so that dword d of vector k lands at place k of 128-bit
// part d; one permutation of dwords brings the vectors back in order, where the caller
// could not make them in that order from the start. With the bound that keeps the
// first conversion from overflowing that is 22 instructions for four vectors and their
// multiplications, where 32 would be needed.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_CODEGEN_CPU_BYTEPACK_H
#define FETTLE_CODEGEN_CPU_BYTEPACK_H

#include "ir/target/CpuTarget.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace fettle::codegen {

/// Vectors per pack.
constexpr int64_t packedVectors = 4;

/// Whether `target` packs vectors of f32 that fill its registers or an aligned part of them.
bool hasBytePack(const CpuTarget &target);

/// Lanes of a run: what 128 bits hold of a vector.
constexpr int64_t runLanes = 4;
/// What follows what in the packed bytes: whole vectors, or run i of each of the four and then run i + 1, which saves the
/// permutation.
enum class PackOrder { vectors, runs };
/// A vector of `runs`, of runLanes lanes each.
mlir::Value joinRuns(mlir::ImplicitLocOpBuilder &b, llvm::ArrayRef<mlir::Value> runs);

/// round(x) + zeroPoint of four vectors of f32, rounded to even and saturated to ui8 (NaN: 0).
mlir::Value emitBytePack(mlir::ImplicitLocOpBuilder &b, llvm::ArrayRef<mlir::Value> vectors, int64_t zeroPoint, PackOrder order);

} // namespace fettle::codegen

#endif
