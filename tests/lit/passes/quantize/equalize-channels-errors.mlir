// RUN: fettle-opt %s --split-input-file --verify-diagnostics --equalize-channels=profile=%S/Inputs/channels.json

func.func @main(%x: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %w = nn.constant dense<1.0> : tensor<2x2xf32>
  %0 = nn.matmul %x, %w : (tensor<3x2xf32>, tensor<2x2xf32>) -> tensor<3x2xf32>
  // expected-error @+1 {{the profile has no channels of 'unary': it was made from another model or with another recipe}}
  %1 = nn.unary relu %0 : (tensor<3x2xf32>) -> tensor<3x2xf32>
  %2 = nn.matmul %1, %w : (tensor<3x2xf32>, tensor<2x2xf32>) -> tensor<3x2xf32>
  return %2 : tensor<3x2xf32>
}
