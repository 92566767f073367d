//===- KernelBuilders.h - one builder per kind of root op -----------------===//
//
// Each builder gives the code of one nn.kernel, or fails with a reason in `why`
// (then buildKernel tries the next one; the loop builder takes everything).
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_CODEGEN_CPU_KERNELBUILDERS_H
#define FETTLE_CODEGEN_CPU_KERNELBUILDERS_H

#include "codegen/common/Kernel.h"
#include "ir/target/CpuTarget.h"

namespace fettle::codegen {

/// Dense and depthwise convolution, matrix products: register tiles over packed weights (f32).
mlir::FailureOr<LoweredKernel> buildContraction(nn::KernelOp kernel, const CpuTarget &target, mlir::OpBuilder &b);
/// Depthwise convolution (groups == channels).
mlir::FailureOr<LoweredKernel> buildDepthwise(nn::KernelOp kernel, const CpuTarget &target, mlir::OpBuilder &b);
/// Convolution with stride 1 and 3 or 5 taps in one or both dimensions by Winograd's algorithm, where that is estimated to be faster (f32).
mlir::FailureOr<LoweredKernel> buildWinograd(nn::KernelOp kernel, const CpuTarget &target, mlir::OpBuilder &b);
/// The form `index` (0 or 1) of those that there are, faster or not: for tests and measurements.
template <size_t index> mlir::FailureOr<LoweredKernel> buildWinogradForm(nn::KernelOp kernel, const CpuTarget &target, mlir::OpBuilder &b);
/// Softmax, layer norm and reductions: one row at a time, vectorized along the row (or across rows).
mlir::FailureOr<LoweredKernel> buildRows(nn::KernelOp kernel, const CpuTarget &target, mlir::OpBuilder &b);
/// nn.attention: blocks of query rows; the score matrix exists one block at a time.
mlir::FailureOr<LoweredKernel> buildAttention(nn::KernelOp kernel, const CpuTarget &target, mlir::OpBuilder &b);
/// nn.lstm, nn.gru, nn.rnn.
mlir::FailureOr<LoweredKernel> buildRecurrent(nn::KernelOp kernel, const CpuTarget &target, mlir::OpBuilder &b);
/// Ops whose result cannot be computed element by element: top_k, cumsum, scatter, non_max_suppression, match_tokens...
mlir::FailureOr<LoweredKernel> buildSequential(nn::KernelOp kernel, const CpuTarget &target, mlir::OpBuilder &b);
/// Everything else: a loop nest over the result, producers computed where they are read.
mlir::FailureOr<LoweredKernel> buildLoops(nn::KernelOp kernel, const CpuTarget &target, mlir::OpBuilder &b);

} // namespace fettle::codegen

#endif
