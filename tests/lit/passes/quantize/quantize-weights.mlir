// RUN: fettle-opt %s --quantize-weights | FileCheck %s

// Each output channel has its scale: 1.27 / 127, 2.54 / 127, and 1 for the dead one.
// CHECK-LABEL: func.func @conv
// CHECK-DAG: %[[Q:.*]] = nn.constant dense<{{\[}}{{\[}}[127], [-50]], {{\[}}[-127], [1]], {{\[}}[0], [0]]]> : tensor<3x2x1xi8>
// CHECK-DAG: %[[S:.*]] = nn.constant dense<[0.00999999977, 2.000000e-02, 1.000000e+00]> : tensor<3xf32>
// CHECK: %[[W:.*]] = nn.dequantize %[[Q]], %[[S]] {axis = 0 : i64} : (tensor<3x2x1xi8>, tensor<3xf32>) -> tensor<3x2x1xf32>
// CHECK: nn.conv %{{.*}}, %[[W]]
func.func @conv(%x: tensor<1x2x4xui8>) -> tensor<1x3x4xf32> {
  %s = nn.constant dense<0.5> : tensor<f32>
  %w = nn.constant dense<[[[1.27], [-0.5]], [[-2.54], [0.02]], [[0.0], [0.0]]]> : tensor<3x2x1xf32>
  %0 = nn.dequantize %x, %s : (tensor<1x2x4xui8>, tensor<f32>) -> tensor<1x2x4xf32>
  %1 = nn.conv %0, %w {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>}
      : (tensor<1x2x4xf32>, tensor<3x2x1xf32>) -> tensor<1x3x4xf32>
  return %1 : tensor<1x3x4xf32>
}

// Output channels are the last axis of a matrix that is not transposed; a product with float input is left alone.
// CHECK-LABEL: func.func @products
// CHECK-DAG: %[[W0:.*]] = nn.constant dense<{{.*}}> : tensor<2x2xf32>
// CHECK-DAG: %[[Q:.*]] = nn.constant dense<{{\[}}[127, 64], [-64, 127]]> : tensor<2x2xi8>
// CHECK-DAG: %[[S:.*]] = nn.constant dense<[0.00787401571, 0.0157480314]> : tensor<2xf32>
// CHECK: %[[W:.*]] = nn.dequantize %[[Q]], %[[S]]
// CHECK: nn.matmul %{{.*}}, %[[W]]
// CHECK: nn.matmul %{{.*}}, %[[W0]]
func.func @products(%x: tensor<1x2xui8>, %y: tensor<1x2xf32>) -> (tensor<1x2xf32>, tensor<1x2xf32>) {
  %s = nn.constant dense<0.5> : tensor<f32>
  %w = nn.constant dense<[[1.0, 1.0], [-0.5, 2.0]]> : tensor<2x2xf32>
  %0 = nn.dequantize %x, %s : (tensor<1x2xui8>, tensor<f32>) -> tensor<1x2xf32>
  %1 = nn.matmul %0, %w : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  %2 = nn.matmul %y, %w : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  return %1, %2 : tensor<1x2xf32>, tensor<1x2xf32>
}

// What is rounded again has a factor with an odd denominator: 1.28 / 127 * 0.5 / 0.25 = 1 / 49.6 becomes 2 / 99, the scale 1 / 99. In
// a sum with bytes that come in with the factor 2 / 3 the denominator is a multiple of 3: 1 / 74.4 becomes 4 / 297, the scale again
// 1 / 99. Of what is not rounded the greatest weight stays 127.
// CHECK-LABEL: func.func @no_ties
// CHECK-DAG: nn.constant dense<0.0101010101> : tensor<1xf32>
// CHECK-DAG: nn.constant dense<0.0101010101> : tensor<1xf32>
// CHECK-DAG: nn.constant dense<0.0100787403> : tensor<1xf32>
func.func @no_ties(%x: tensor<1x2xui8>) -> (tensor<1x1xui8>, tensor<1x1xui8>, tensor<1x1xf32>) {
  %s = nn.constant dense<0.5> : tensor<f32>
  %sy = nn.constant dense<0.25> : tensor<f32>
  %sz = nn.constant dense<0.375> : tensor<f32>
  %w = nn.constant dense<[[1.28], [-0.5]]> : tensor<2x1xf32>
  %0 = nn.dequantize %x, %s : (tensor<1x2xui8>, tensor<f32>) -> tensor<1x2xf32>
  %1 = nn.matmul %0, %w : (tensor<1x2xf32>, tensor<2x1xf32>) -> tensor<1x1xf32>
  %2 = nn.quantize %1, %sy : (tensor<1x1xf32>, tensor<f32>) -> tensor<1x1xui8>
  %3 = nn.dequantize %2, %sy : (tensor<1x1xui8>, tensor<f32>) -> tensor<1x1xf32>
  %4 = nn.matmul %0, %w : (tensor<1x2xf32>, tensor<2x1xf32>) -> tensor<1x1xf32>
  %5 = nn.binary add %4, %3 : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
  %6 = nn.quantize %5, %sz : (tensor<1x1xf32>, tensor<f32>) -> tensor<1x1xui8>
  %7 = nn.matmul %0, %w : (tensor<1x2xf32>, tensor<2x1xf32>) -> tensor<1x1xf32>
  return %2, %6, %7 : tensor<1x1xui8>, tensor<1x1xui8>, tensor<1x1xf32>
}

// RUN: fettle-opt %s --quantize-weights=float-layers=first | FileCheck %s --check-prefix=FLOAT
// A layer that is to stay in float, though its input was rounded for another.
// FLOAT-LABEL: func.func @layers
// FLOAT: %[[D:.*]] = nn.dequantize %arg0
// FLOAT: nn.matmul %[[D]], %[[W:.*]] :
// FLOAT: %[[Q:.*]] = nn.dequantize
// FLOAT: nn.matmul %[[D]], %[[Q]]
func.func @layers(%x: tensor<1x2xui8>) -> (tensor<1x2xf32>, tensor<1x2xf32>) {
  %s = nn.constant dense<0.5> : tensor<f32>
  %w = nn.constant dense<[[1.0, 1.0], [-0.5, 2.0]]> : tensor<2x2xf32>
  %0 = nn.dequantize %x, %s : (tensor<1x2xui8>, tensor<f32>) -> tensor<1x2xf32>
  %1 = nn.matmul %0, %w : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32> loc("first")
  %2 = nn.matmul %0, %w : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32> loc("second")
  return %1, %2 : tensor<1x2xf32>, tensor<1x2xf32>
}
