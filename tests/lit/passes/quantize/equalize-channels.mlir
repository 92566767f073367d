// RUN: fettle-opt %s --equalize-channels=profile=%S/Inputs/channels.json | FileCheck %s

// Channel 1 reaches a tenth as far as channel 0. The depthwise convolution reads each by its own weight: the division
// by 0.1 costs nothing.
// CHECK-LABEL: func.func @main
// CHECK-DAG: %[[W0:.*]] = nn.constant dense<{{\[}}{{\[}}[1.000000e+00]], {{\[}}[2.000000e+01]]]> : tensor<2x1x1xf32>
// CHECK-DAG: %[[B0:.*]] = nn.constant dense<[5.000000e-01, 3.000000e+01]> : tensor<2xf32>
// CHECK: %[[C:.*]] = nn.conv %arg0, %[[W0]], %[[B0]]
// CHECK: %[[R:.*]] = nn.unary relu %[[C]]
// CHECK: %[[W1:.*]] = nn.constant dense<{{\[}}{{\[}}[4.000000e+00]], {{\[}}[5.000000e-01]]]> : tensor<2x1x1xf32>
// CHECK: nn.conv %[[R]], %[[W1]]
func.func @main(%x: tensor<1x1x4xf32> {nn.name = "x"}) -> tensor<1x2x4xf32> {
  %w0 = nn.constant dense<[[[1.0]], [[2.0]]]> : tensor<2x1x1xf32>
  %b0 = nn.constant dense<[0.5, 3.0]> : tensor<2xf32>
  %w1 = nn.constant dense<[[[4.0]], [[5.0]]]> : tensor<2x1x1xf32>
  %0 = nn.conv %x, %w0, %b0 {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>}
      : (tensor<1x1x4xf32>, tensor<2x1x1xf32>, tensor<2xf32>) -> tensor<1x2x4xf32> loc("conv"("Conv"))
  %1 = nn.unary relu %0 : (tensor<1x2x4xf32>) -> tensor<1x2x4xf32> loc("relu"("Relu"))
  %2 = nn.conv %1, %w1 {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, groups = 2}
      : (tensor<1x2x4xf32>, tensor<2x1x1xf32>) -> tensor<1x2x4xf32> loc("depthwise"("Conv"))
  return %2 : tensor<1x2x4xf32>
}
