// RUN: fettle-opt %s --split-input-file --verify-diagnostics --verify-normalize

func.func @idle(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{nothing reads this op}}
  %0 = nn.unary relu %x : (tensor<4xf32>) -> tensor<4xf32>
  // expected-error @+1 {{an identity is left}}
  %1 = nn.unary identity %x : (tensor<4xf32>) -> tensor<4xf32>
  return %1 : tensor<4xf32>
}
