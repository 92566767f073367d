//===- UnwrittenBuilders.cpp - builders that other kernels wait for -------===//

#include "codegen/cpu/KernelBuilders.h"

namespace fettle::codegen {

mlir::FailureOr<LoweredKernel> buildRecurrent(nn::KernelOp kernel, const CpuTarget &, mlir::OpBuilder &) {
  return mlir::failure();
}
mlir::FailureOr<LoweredKernel> buildSequential(nn::KernelOp kernel, const CpuTarget &, mlir::OpBuilder &) {
  return mlir::failure();
}

} // namespace fettle::codegen
