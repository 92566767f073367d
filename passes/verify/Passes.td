//===- Passes.td - contract checks, one per phase -------------------------===//
#ifndef FETTLE_PASSES_VERIFY_PASSES_TD
#define FETTLE_PASSES_VERIFY_PASSES_TD

include "mlir/Pass/PassBase.td"

def VerifyImportPass : Pass<"verify-import", "::mlir::func::FuncOp"> {
  let summary = "checks what passes rely on after import";
  let description = [{
    Every op is of the nn dialect, and none is a kernel yet.
    Changes nothing; each breach is an error on its op.

    ```mlir
    // an error
    %0 = arith.addf %x, %y : tensor<4xf32>
    // accepted
    %0 = nn.binary add %x, %y : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    ```
  }];
}

def VerifyNormalizePass : Pass<"verify-normalize", "::mlir::func::FuncOp"> {
  let summary = "checks what passes rely on after normalization";
  let description = [{
    No op does nothing, and every op is read.
    Changes nothing; each breach is an error on its op.

    ```mlir
    // an error
    %0 = nn.unary identity %x : (tensor<4xf32>) -> tensor<4xf32>
    // accepted
    %0 = nn.unary relu %x : (tensor<4xf32>) -> tensor<4xf32>
    ```
  }];
}

def VerifyFusePass : Pass<"verify-fuse", "::mlir::func::FuncOp"> {
  let summary = "checks what passes rely on after fusion into weights";
  let description = [{
    No batch norm is left.
    Changes nothing; each breach is an error on its op.

    ```mlir
    // an error
    %0 = nn.batch_norm %x, %scale, %bias, %mean, %variance {epsilon = 1.0e-05} : (...) -> tensor<1x8x4x4xf32>
    // accepted
    %0 = nn.binary mul %x, %factor : (tensor<1x8x4x4xf32>, tensor<8x1x1xf32>) -> tensor<1x8x4x4xf32>
    ```
  }];
}

def VerifyLayoutPass : Pass<"verify-layout", "::mlir::func::FuncOp"> {
  let summary = "checks what kernels rely on after the choice of layouts";
  let description = [{
    Every convolution and pooling is channels-last.
    Changes nothing; each breach is an error on its op.

    ```mlir
    // an error
    %0 = nn.pool average %x {...} : (tensor<1x8x4x4xf32>) -> tensor<1x8x2x2xf32>
    // accepted
    %0 = nn.pool average %x {channels_last, ...} : (tensor<1x4x4x8xf32>) -> tensor<1x2x2x8xf32>
    ```
  }];
}

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
