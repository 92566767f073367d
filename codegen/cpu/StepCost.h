//===- StepCost.h - how long a step may take ------------------------------===//
#ifndef FETTLE_CODEGEN_CPU_STEPCOST_H
#define FETTLE_CODEGEN_CPU_STEPCOST_H

#include "codegen/common/Kernel.h"
#include "ir/target/CpuTarget.h"

namespace fettle::codegen {

/// Nanoseconds that one core of `target` takes for the kernel, roughly: what its instructions would take at full rate plus
/// what its bytes take from the second level of the cache. Good enough to tell two microseconds from twenty, which
/// decides whether other threads are asked to help (model_runtime.c). `lowered`: what the kernel has become.
int64_t estimateNanoseconds(nn::KernelOp kernel, const LoweredKernel &lowered, const CpuTarget &target);

/// What it reads and writes: operands as they are packed, each once, and results.
int64_t countBytes(nn::KernelOp kernel, const LoweredKernel &lowered);

} // namespace fettle::codegen

#endif
