//===- AnyBuilder.h - the builders as the compiler asks them --------------===//
#ifndef FETTLE_TESTS_UNIT_CODEGEN_ANYBUILDER_H
#define FETTLE_TESTS_UNIT_CODEGEN_ANYBUILDER_H

#include "codegen/cpu/KernelBuilders.h"

namespace fettle::test {

/// The builders in the order in which the compiler asks them.
inline mlir::FailureOr<codegen::LoweredKernel> buildAny(nn::KernelOp kernel, const CpuTarget &target,
                                                        mlir::OpBuilder &b) {
  for (auto builder : {codegen::buildDepthwise, codegen::buildWinograd, codegen::buildContraction, codegen::buildAttention,
                       codegen::buildRows, codegen::buildRecurrent, codegen::buildSequential})
    if (mlir::FailureOr<codegen::LoweredKernel> lowered = builder(kernel, target, b); mlir::succeeded(lowered))
      return lowered;
  return codegen::buildLoops(kernel, target, b);
}

} // namespace fettle::test

#endif
