// RUN: fettle-opt %s --split-input-file --verify-diagnostics --quantize-weights=profile=%S/Inputs/two.json

func.func @main(%x: tensor<1x8xf32> {nn.name = "x"}) -> tensor<1x8xf32> {
  %w = nn.constant dense<0.5> : tensor<8x8xf32>
  %s = nn.constant dense<0.5> : tensor<f32>
  %z = nn.constant dense<3> : tensor<ui8>
  %0 = nn.quantize %x, %s, %z : (tensor<1x8xf32>, tensor<f32>, tensor<ui8>) -> tensor<1x8xui8>
  %1 = nn.dequantize %0, %s, %z : (tensor<1x8xui8>, tensor<f32>, tensor<ui8>) -> tensor<1x8xf32>
  // expected-error @+1 {{the profile has no rows of 'x by 1': it was made from another model or with another recipe}}
  %2 = nn.matmul %1, %w : (tensor<1x8xf32>, tensor<8x8xf32>) -> tensor<1x8xf32>
  return %2 : tensor<1x8xf32>
}

// -----

func.func @main(%x: tensor<1x2xf32> {nn.name = "y"}) -> tensor<1x8xf32> {
  %w = nn.constant dense<0.5> : tensor<2x8xf32>
  %s = nn.constant dense<0.5> : tensor<f32>
  %z = nn.constant dense<3> : tensor<ui8>
  %0 = nn.quantize %x, %s, %z : (tensor<1x2xf32>, tensor<f32>, tensor<ui8>) -> tensor<1x2xui8>
  %1 = nn.dequantize %0, %s, %z : (tensor<1x2xui8>, tensor<f32>, tensor<ui8>) -> tensor<1x2xf32>
  // expected-error @+1 {{the profile has rows of 'y by 1' on another grid: it was made with another recipe}}
  %2 = nn.matmul %1, %w : (tensor<1x2xf32>, tensor<2x8xf32>) -> tensor<1x8xf32>
  return %2 : tensor<1x8xf32>
}

// -----

func.func @main(%x: tensor<1x2xf32> {nn.name = "of a student"}) -> tensor<1x8xf32> {
  %w = nn.constant dense<0.5> : tensor<2x8xf32>
  %s = nn.constant dense<0.5> : tensor<f32>
  %z = nn.constant dense<3> : tensor<ui8>
  %0 = nn.quantize %x, %s, %z : (tensor<1x2xf32>, tensor<f32>, tensor<ui8>) -> tensor<1x2xui8>
  %1 = nn.dequantize %0, %s, %z : (tensor<1x2xui8>, tensor<f32>, tensor<ui8>) -> tensor<1x2xf32>
  // expected-error @+1 {{the profile has rows of 'of a student by 1' in a student: it was made with another recipe}}
  %2 = nn.matmul %1, %w : (tensor<1x2xf32>, tensor<2x8xf32>) -> tensor<1x8xf32>
  return %2 : tensor<1x8xf32>
}
