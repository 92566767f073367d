//===- Passes.td - contract checks, one per phase -------------------------===//
#ifndef FETTLE_PASSES_VERIFY_PASSES_TD
#define FETTLE_PASSES_VERIFY_PASSES_TD

include "mlir/Pass/PassBase.td"

def VerifyKernelsPass : Pass<"verify-kernels", "::mlir::func::FuncOp"> {
  let summary = "checks what code generation relies on after form-kernels";
  let description = [{
    Only `nn.kernel`, `nn.constant`, `nn.reshape` and the return remain; every kernel names its kind, has distinct
    operands and only splat constants inside; every function result has storage of its own, made by a kernel.
    Changes nothing; each breach is an error on its op.

    ```mlir
    // before: an error, since no kernel computes %0
    %0 = nn.unary relu %x : (tensor<4xf32>) -> tensor<4xf32>
    return %0 : tensor<4xf32>
    // after form-kernels: accepted
    %0 = nn.kernel(%a = %x) attributes {kind = "map"} : (tensor<4xf32>) -> tensor<4xf32> { ... }
    return %0 : tensor<4xf32>
    ```
  }];
}

#endif
