// RUN: fettle-opt %s --split-input-file --verify-diagnostics --verify-kernels

func.func @loose(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{no kernel computes this op}}
  %0 = nn.unary relu %x : (tensor<4xf32>) -> tensor<4xf32>
  // expected-error @+1 {{result 0 has no storage of its own}}
  return %0 : tensor<4xf32>
}

// -----

func.func @weights(%x: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error @+2 {{kernel has no kind}}
  // expected-error @+1 {{kernel takes the same value twice}}
  %0 = nn.kernel(%a = %x, %b = %x) : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32> {
    // expected-error @+1 {{a constant inside a kernel must be a splat; weights are operands}}
    %w = nn.constant dense<[1.0, 2.0]> : tensor<2xf32>
    %1 = nn.binary add %a, %w : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
    nn.yield %1 : tensor<2xf32>
  }
  return %0 : tensor<2xf32>
}

// -----

func.func @idle(%x: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error @+1 {{kernel gives back a value that it does not compute}}
  %0 = nn.kernel(%a = %x) attributes {kind = "map"} : (tensor<2xf32>) -> tensor<2xf32> {
    nn.yield %a : tensor<2xf32>
  }
  return %0 : tensor<2xf32>
}
