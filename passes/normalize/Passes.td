//===- Passes.td - normalization passes -----------------------------------===//
#ifndef FETTLE_PASSES_NORMALIZE_PASSES_TD
#define FETTLE_PASSES_NORMALIZE_PASSES_TD

include "mlir/Pass/PassBase.td"

def FoldConstantsPass : Pass<"fold-constants", "::mlir::func::FuncOp"> {
  let summary = "computes what depends on constants only";
  let description = [{
    Through the reference interpreter, so that it rounds as the oracle does. A result that is not a splat and has more
    elements than each operand may exceed them by `growth` bytes at most: a broadcast weight stays small.

    ```mlir
    // before
    %w = nn.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
    %0 = nn.transpose %w {perm = array<i64: 1, 0>} : (tensor<1x2xf32>) -> tensor<2x1xf32>
    // after
    %0 = nn.constant dense<[[1.0], [2.0]]> : tensor<2x1xf32>
    ```
  }];
  let options = [Option<"growth", "growth", "int64_t", "65536", "bytes a folded result may exceed its operands by">,
                 Option<"keepsPairs", "keeps-pairs", "bool", "false", "dequantized constants stay dequantized">];
  let dependentDialects = ["::fettle::nn::NnDialect"];
}

def SimplifyPass : Pass<"simplify", "::mlir::func::FuncOp"> {
  let summary = "removes ops that do nothing and rewrites ops to cheaper equal ones";
  let description = [{
    Neutral operands, powers by small exponents, divisions by powers of two, minima and maxima that clamp, casts there
    and back, slices of concatenations, gathers of a constant range, padding that a convolution can do itself. Includes
    the folders of the ops and removes dead ops.

    ```mlir
    // before
    %0 = nn.binary pow %x, %two : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    %1 = nn.binary div %0, %four : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    // after
    %0 = nn.binary mul %x, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %1 = nn.binary mul %0, %quarter : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    ```
  }];
  let dependentDialects = ["::fettle::nn::NnDialect"];
}

def RaiseLayerNormPass : Pass<"raise-layer-norm", "::mlir::func::FuncOp"> {
  let summary = "finds layer norms and root mean square norms in what exporters make of them";
  let description = [{
    Expects `simplify` to have run. A scale and an offset that follow become the norm's own.

    ```mlir
    // before
    %m = nn.reduce mean %x {axes = array<i64: 1>, keep_dims} : (tensor<4x8xf32>) -> tensor<4x1xf32>
    %d = nn.binary sub %x, %m : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xf32>
    %q = nn.binary mul %d, %d : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
    %v = nn.reduce mean %q {axes = array<i64: 1>, keep_dims} : (tensor<4x8xf32>) -> tensor<4x1xf32>
    %e = nn.binary add %v, %epsilon : (tensor<4x1xf32>, tensor<f32>) -> tensor<4x1xf32>
    %s = nn.unary sqrt %e : (tensor<4x1xf32>) -> tensor<4x1xf32>
    %y = nn.binary div %d, %s : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xf32>
    // after
    %y = nn.layer_norm %x {axis = 1, epsilon = 1.0e-05} : (tensor<4x8xf32>) -> tensor<4x8xf32>
    ```
  }];
  let dependentDialects = ["::fettle::nn::NnDialect"];
}

def RaiseActivationPass : Pass<"raise-activation", "::mlir::func::FuncOp"> {
  let summary = "finds activations in what exporters make of them";
  let description = [{
    gelu (both forms), silu, hard_swish, mish, softplus, sigmoid, leaky_relu. Expects `simplify` to have run.

    ```mlir
    // before
    %0 = nn.unary sigmoid %x : (tensor<4xf32>) -> tensor<4xf32>
    %1 = nn.binary mul %x, %0 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    // after
    %1 = nn.unary silu %x : (tensor<4xf32>) -> tensor<4xf32>
    ```
  }];
  let dependentDialects = ["::fettle::nn::NnDialect"];
}

def RaiseAttentionPass : Pass<"raise-attention", "::mlir::func::FuncOp"> {
  let summary = "finds attention in the products, masks and softmax that exporters make of it";
  let description = [{
    Scales before and behind the first product, additive and selecting masks (causal ones become an attribute),
    softcaps, grouped heads with repeated keys and values. Expects `simplify` to have run.

    ```mlir
    // before
    %0 = nn.matmul %q, %k {transpose_rhs} : (tensor<1x8x65x16xf32>, tensor<1x8x65x16xf32>) -> tensor<1x8x65x65xf32>
    %1 = nn.binary mul %0, %quarter : (tensor<1x8x65x65xf32>, tensor<f32>) -> tensor<1x8x65x65xf32>
    %2 = nn.softmax %1 {axis = 3} : (tensor<1x8x65x65xf32>) -> tensor<1x8x65x65xf32>
    %3 = nn.matmul %2, %v : (tensor<1x8x65x65xf32>, tensor<1x8x65x16xf32>) -> tensor<1x8x65x16xf32>
    // after
    %3 = nn.attention %q, %k, %v {scale = 0.25} : (...) -> tensor<1x8x65x16xf32>
    ```
  }];
  let dependentDialects = ["::fettle::nn::NnDialect"];
}

#endif
