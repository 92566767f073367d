//===- Passes.td - fusion passes ------------------------------------------===//
#ifndef FETTLE_PASSES_FUSE_PASSES_TD
#define FETTLE_PASSES_FUSE_PASSES_TD

include "mlir/Pass/PassBase.td"

def FoldBatchNormPass : Pass<"fold-batch-norm", "::mlir::func::FuncOp"> {
  let summary = "rewrites batch norms to a product and a sum per channel";
  let description = [{
    With constant statistics the factor and the offset are constants, which `fold-affine` moves into the weights
    before or behind them; otherwise they are computed by small ops over the channels.

    ```mlir
    // before
    %0 = nn.batch_norm %x, %scale, %bias, %mean, %variance {epsilon = 1.0e-05} : (...) -> tensor<1x8x4x4xf32>
    // after: factor = scale / sqrt(variance + epsilon), offset = bias - mean * factor
    %0 = nn.binary mul %x, %factor : (tensor<1x8x4x4xf32>, tensor<8x1x1xf32>) -> tensor<1x8x4x4xf32>
    %1 = nn.binary add %0, %offset : (tensor<1x8x4x4xf32>, tensor<8x1x1xf32>) -> tensor<1x8x4x4xf32>
    ```
  }];
  let dependentDialects = ["::fettle::nn::NnDialect"];
}

def WidenHalfPass : Pass<"widen-half", "::mlir::func::FuncOp"> {
  let summary = "computes half precision (f16, bf16) in single";
  let description = [{
    Ops that compute read and give f32; casts stand at inputs, outputs and behind what only moves 16 bits. Values between
    are not rounded to 16 bits any more; casts of the model itself still round.

    ```mlir
    // before
    %0 = nn.conv %x, %w {...} : (tensor<1x8x4x4xf16>, ...) -> tensor<1x8x4x4xf16>
    %1 = nn.conv %0, %v {...} : (tensor<1x8x4x4xf16>, ...) -> tensor<1x8x4x4xf16>
    // after
    %xs = nn.cast %x : (tensor<1x8x4x4xf16>) -> tensor<1x8x4x4xf32>
    %0 = nn.conv %xs, %ws {...} : (tensor<1x8x4x4xf32>, ...) -> tensor<1x8x4x4xf32>
    %1 = nn.conv %0, %vs {...} : (tensor<1x8x4x4xf32>, ...) -> tensor<1x8x4x4xf32>
    %2 = nn.cast %1 : (tensor<1x8x4x4xf32>) -> tensor<1x8x4x4xf16>
    ```
  }];
  let dependentDialects = ["::fettle::nn::NnDialect"];
}

def Bf16ProductsPass : Pass<"bf16-products", "::mlir::func::FuncOp"> {
  let summary = "rounds the operands of products to bf16; sums stay f32";
  let description = [{
    Convolutions (but depthwise ones) and matrix products with constant weights, in f32. Inputs are rounded where they are
    computed, weights by `fold-constants`; pointwise ops and rows that read such an input read what it is rounded to.

    ```mlir
    // before
    %1 = nn.unary relu %0 : (tensor<4x8xf32>) -> tensor<4x8xf32>
    %2 = nn.matmul %1, %w : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
    %3 = nn.binary add %1, %2 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
    // after
    %1 = nn.unary relu %0 : (tensor<4x8xf32>) -> tensor<4x8xf32>
    %h = nn.cast %1 {flushes} : (tensor<4x8xf32>) -> tensor<4x8xbf16>
    %s = nn.cast %h : (tensor<4x8xbf16>) -> tensor<4x8xf32>
    %2 = nn.matmul %h, %wh {f32_sums} : (tensor<4x8xbf16>, tensor<8x8xbf16>) -> tensor<4x8xf32>
    %3 = nn.binary add %s, %2 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
    ```
  }];
  let dependentDialects = ["::fettle::nn::NnDialect"];
}

def FoldAffinePass : Pass<"fold-affine", "::mlir::func::FuncOp"> {
  let summary = "folds products and sums with constants into the weights and biases of contractions";
  let description = [{
    A factor per output channel behind a convolution or matrix product goes into its weights and bias, an offset into
    its bias; a factor per input channel before it goes into its weights, an offset into its bias where no padding would
    have to carry it. Chains of such factors and offsets are merged first. Values may differ in the last bits:
    the product is rounded once instead of twice.

    ```mlir
    // before
    %0 = nn.conv %x, %w {...} : (...) -> tensor<1x8x4x4xf32>
    %1 = nn.binary mul %0, %factor : (tensor<1x8x4x4xf32>, tensor<8x1x1xf32>) -> tensor<1x8x4x4xf32>
    %2 = nn.binary add %1, %offset : (tensor<1x8x4x4xf32>, tensor<8x1x1xf32>) -> tensor<1x8x4x4xf32>
    // after: weights w * factor, bias offset
    %2 = nn.conv %x, %wf, %offset8 {...} : (...) -> tensor<1x8x4x4xf32>
    ```
  }];
  let dependentDialects = ["::fettle::nn::NnDialect"];
}

def ConvertLayoutPass : Pass<"convert-layout", "::mlir::func::FuncOp"> {
  let summary = "makes spatial ops channels-last and cancels the transposes between them";
  let description = [{
    Convolutions, transposed convolutions and pooling; transposes sink through what is between them. Results of the
    function keep their layout.

    ```mlir
    // before
    %0 = nn.conv %x, %w {...} : (tensor<1x3x8x8xf32>, tensor<4x3x1x1xf32>) -> tensor<1x4x8x8xf32>
    %1 = nn.unary relu %0 : (tensor<1x4x8x8xf32>) -> tensor<1x4x8x8xf32>
    // after
    %t = nn.transpose %x {perm = array<i64: 0, 2, 3, 1>} : (tensor<1x3x8x8xf32>) -> tensor<1x8x8x3xf32>
    %0 = nn.conv %t, %w {channels_last, ...} : (tensor<1x8x8x3xf32>, tensor<4x3x1x1xf32>) -> tensor<1x8x8x4xf32>
    %r = nn.unary relu %0 : (tensor<1x8x8x4xf32>) -> tensor<1x8x8x4xf32>
    %1 = nn.transpose %r {perm = array<i64: 0, 3, 1, 2>} : (tensor<1x8x8x4xf32>) -> tensor<1x4x8x8xf32>
    ```
  }];
  let dependentDialects = ["::fettle::nn::NnDialect"];
}

def MergeProductsPass : Pass<"merge-products", "::mlir::func::FuncOp"> {
  let summary = "makes one matrix product of those that share their input";
  let description = [{
    Products with constant weights whose results are only moved: queries, keys and values. Leaves concatenations of
    constants to `fold-constants`.

    ```mlir
    // before
    %q = nn.matmul %x, %wq : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
    %k = nn.matmul %x, %wk : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
    // after: w = [wq wk]
    %p = nn.matmul %x, %w : (tensor<4x8xf32>, tensor<8x16xf32>) -> tensor<4x16xf32>
    %q = nn.slice %p {starts = array<i64: 0, 0>, ...} : (tensor<4x16xf32>) -> tensor<4x8xf32>
    %k = nn.slice %p {starts = array<i64: 0, 8>, ...} : (tensor<4x16xf32>) -> tensor<4x8xf32>
    ```
  }];
  let dependentDialects = ["::fettle::nn::NnDialect"];
}

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

def PairDirectionsPass : Pass<"pair-directions", "::mlir::func::FuncOp"> {
  let summary = "makes one kernel of both directions of a recurrent layer";
  let description = [{
    Two kernels with one `nn.lstm`, `nn.gru` or `nn.rnn` each that read one input in opposite directions, with constant
    weights of their own, become one kernel with the results of both, which two threads can share.

    ```mlir
    // before
    %f:3 = nn.kernel(%a = %x, ...) { nn.lstm forward %a, ... }
    %b:3 = nn.kernel(%a = %x, ...) { nn.lstm backward %a, ... }
    // after
    %p:6 = nn.kernel(%a = %x, ...) { nn.lstm forward %a, ...; nn.lstm backward %a, ... }
    ```
  }];
  let dependentDialects = ["::fettle::nn::NnDialect"];
}

#endif
