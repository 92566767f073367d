// RUN: not fettle-opt %s --split-input-file --refit-products=profile=%S/Inputs/refits.json 2>&1 | FileCheck %s
// RUN: not fettle-opt %s --refit-products=profile=%S/Inputs/none.json 2>&1 | FileCheck %s --check-prefix=FILE

// FILE: none.json

// CHECK: the profile fits 1 products, of which there are 0 here: it was made from another model or with other options
func.func @other(%x: tensor<1x3x2xf32> {nn.name = "x"}) -> tensor<1x3x2xf32> {
  %w = nn.constant dense<2.0> : tensor<2x2xf32>
  %0 = nn.matmul %x, %w : (tensor<1x3x2xf32>, tensor<2x2xf32>) -> tensor<1x3x2xf32> loc("head")
  return %0 : tensor<1x3x2xf32>
}

// -----

// CHECK: the profile fits a product of 2 by 2 weights: it was made from another model or with other options
func.func @wider(%x: tensor<1x3x4xf32> {nn.name = "x"}) -> tensor<1x3x2xf32> {
  %w = nn.constant dense<2.0> : tensor<4x2xf32>
  %0 = nn.matmul %x, %w : (tensor<1x3x4xf32>, tensor<4x2xf32>) -> tensor<1x3x2xf32> loc("fc")
  return %0 : tensor<1x3x2xf32>
}
