// RUN: fettle-opt %s --fold-affine | FileCheck %s

// (x w) * [2, 3] + [1, 1], w = [[1, 2]]^T
// CHECK-LABEL: func.func @behind
// CHECK-DAG: %[[W:.*]] = nn.constant dense<{{.*}}2.0{{.*}}6.0{{.*}}> : tensor<2x1x1x1xf32>
// CHECK-DAG: %[[B:.*]] = nn.constant dense<1.000000e+00> : tensor<2xf32>
// CHECK: %[[C:.*]] = nn.conv %arg0, %[[W]], %[[B]]
// CHECK-NEXT: return %[[C]]
func.func @behind(%x: tensor<1x1x4x4xf32>) -> tensor<1x2x4x4xf32> {
  %w = nn.constant dense<[[[[1.0]]], [[[2.0]]]]> : tensor<2x1x1x1xf32>
  %f = nn.constant dense<[[[2.0]], [[3.0]]]> : tensor<2x1x1xf32>
  %d = nn.constant dense<1.0> : tensor<2x1x1xf32>
  %0 = nn.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x1x4x4xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x4x4xf32>
  %1 = nn.binary mul %0, %f : (tensor<1x2x4x4xf32>, tensor<2x1x1xf32>) -> tensor<1x2x4x4xf32>
  %2 = nn.binary add %1, %d : (tensor<1x2x4x4xf32>, tensor<2x1x1xf32>) -> tensor<1x2x4x4xf32>
  return %2 : tensor<1x2x4x4xf32>
}

// (x + [1, 2]) w, w = [[1, 2], [3, 4]]: the bias is [7, 10].
// CHECK-LABEL: func.func @before
// CHECK: %[[B:.*]] = nn.constant dense<[7.000000e+00, 1.000000e+01]> : tensor<2xf32>
// CHECK: nn.matmul %arg0, %{{.*}}, %[[B]]
func.func @before(%x: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %w = nn.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %d = nn.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %0 = nn.binary add %x, %d : (tensor<3x2xf32>, tensor<2xf32>) -> tensor<3x2xf32>
  %1 = nn.matmul %0, %w : (tensor<3x2xf32>, tensor<2x2xf32>) -> tensor<3x2xf32>
  return %1 : tensor<3x2xf32>
}

// Padding is not shifted by the offset, so only the factor goes in.
// CHECK-LABEL: func.func @padded
// CHECK: %[[X:.*]] = nn.binary add %arg0
// CHECK: nn.conv %[[X]]
func.func @padded(%x: tensor<1x1x4xf32>) -> tensor<1x1x4xf32> {
  %w = nn.constant dense<[[[1.0, 2.0, 3.0]]]> : tensor<1x1x3xf32>
  %d = nn.constant dense<0.5> : tensor<f32>
  %0 = nn.binary add %x, %d : (tensor<1x1x4xf32>, tensor<f32>) -> tensor<1x1x4xf32>
  %1 = nn.conv %0, %w {strides = array<i64: 1>, pads = array<i64: 1, 1>, dilations = array<i64: 1>} : (tensor<1x1x4xf32>, tensor<1x1x3xf32>) -> tensor<1x1x4xf32>
  return %1 : tensor<1x1x4xf32>
}

// Grouped weights [out, in/groups]: the factor of input channel 1 meets output channel 1 only.
// CHECK-LABEL: func.func @grouped
// CHECK: nn.constant dense<{{.*}}3.0{{.*}}8.0{{.*}}> : tensor<2x1x1xf32>
// CHECK: nn.conv %arg0
func.func @grouped(%x: tensor<1x2x4xf32>) -> tensor<1x2x4xf32> {
  %w = nn.constant dense<[[[1.0]], [[2.0]]]> : tensor<2x1x1xf32>
  %f = nn.constant dense<[[3.0], [4.0]]> : tensor<2x1xf32>
  %0 = nn.binary mul %x, %f : (tensor<1x2x4xf32>, tensor<2x1xf32>) -> tensor<1x2x4xf32>
  %1 = nn.conv %0, %w {strides = array<i64: 1>, pads = array<i64: 1, 1>, dilations = array<i64: 1>, groups = 2} : (tensor<1x2x4xf32>, tensor<2x1x1xf32>) -> tensor<1x2x6xf32>
  %2 = nn.slice %1 {starts = array<i64: 0, 0, 1>, sizes = array<i64: 1, 2, 4>, steps = array<i64: 1, 1, 1>} : (tensor<1x2x6xf32>) -> tensor<1x2x4xf32>
  return %2 : tensor<1x2x4xf32>
}

// (x + 1) * 2 = x * 2 + 2
// CHECK-LABEL: func.func @merge
// CHECK: %[[M:.*]] = nn.binary mul %arg0
// CHECK: nn.binary add %[[M]]
func.func @merge(%x: tensor<4xf32>) -> tensor<4xf32> {
  %one = nn.constant dense<1.0> : tensor<f32>
  %two = nn.constant dense<2.0> : tensor<f32>
  %0 = nn.binary add %x, %one : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %1 = nn.binary mul %0, %two : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %1 : tensor<4xf32>
}
