//===- Passes.td - fusion passes ------------------------------------------===//
#ifndef FETTLE_PASSES_FUSE_PASSES_TD
#define FETTLE_PASSES_FUSE_PASSES_TD

include "mlir/Pass/PassBase.td"

def FormKernelsPass : Pass<"form-kernels", "::mlir::func::FuncOp"> {
  let summary = "groups the ops of a function into nn.kernel ops";
  let description = [{
    After it the function holds only `nn.kernel`, `nn.constant`, `nn.reshape` (a view between kernels) and the return.
    A kernel is a contraction, row, window or whole-tensor op with the pointwise ops around it, or a cluster of
    pointwise and movement ops (`kind = "map"`). Scalar and splat constants are cloned into the kernels that compute
    with them; every other outside value is an operand.

    ```mlir
    // before
    %0 = nn.conv %x, %w {...} : (...) -> tensor<1x8x4x4xf32>
    %1 = nn.binary add %0, %r : (...) -> tensor<1x8x4x4xf32>
    %2 = nn.unary relu %1 : (...) -> tensor<1x8x4x4xf32>
    // after
    %2 = nn.kernel(%a = %x, %b = %w, %c = %r) attributes {kind = "conv"} : (...) -> tensor<1x8x4x4xf32> {
      %0 = nn.conv %a, %b {...}
      %1 = nn.binary add %0, %c
      %2 = nn.unary relu %1
      nn.yield %2
    }
    ```
  }];
  let dependentDialects = ["::fettle::nn::NnDialect"];
}

#endif
