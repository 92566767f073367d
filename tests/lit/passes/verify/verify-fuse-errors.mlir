// RUN: fettle-opt %s --split-input-file --verify-diagnostics --verify-fuse

func.func @norm(%x: tensor<1x2x4xf32>, %p: tensor<2xf32>) -> tensor<1x2x4xf32> {
  // expected-error @+1 {{a batch norm is left; code generation knows products and sums}}
  %0 = nn.batch_norm %x, %p, %p, %p, %p {epsilon = 1.0}
      : (tensor<1x2x4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x4xf32>
  return %0 : tensor<1x2x4xf32>
}
