// RUN: fettle-opt %s --split-input-file --verify-diagnostics --verify-layout

func.func @first(%x: tensor<1x2x4xf32>) -> tensor<1x2x2xf32> {
  // expected-error @+1 {{a spatial op is not channels-last}}
  %0 = nn.pool max_pool %x {kernel = array<i64: 2>, strides = array<i64: 2>, pads = array<i64: 0, 0>, dilations = array<i64: 1>} : (tensor<1x2x4xf32>) -> tensor<1x2x2xf32>
  return %0 : tensor<1x2x2xf32>
}
