// RUN: fettle-opt %s --convert-layout --fold-constants --simplify --cse | FileCheck %s

// Between convolutions no transpose is left: not at the activation, nor at the offset per channel.
// CHECK-LABEL: func.func @chain
// CHECK: %[[T:.*]] = nn.transpose %arg0 {perm = array<i64: 0, 2, 3, 1>}
// CHECK-NEXT: %[[A:.*]] = nn.conv %[[T]], %arg1 {channels_last
// CHECK-NEXT: %[[B:.*]] = nn.binary add %[[A]], %{{.*}} : (tensor<1x8x8x2xf32>, tensor<1x1x1x2xf32>)
// CHECK-NEXT: %[[C:.*]] = nn.unary relu %[[B]]
// CHECK-NEXT: %[[D:.*]] = nn.pool max_pool %[[C]] {channels_last
// CHECK-NEXT: %[[E:.*]] = nn.conv %[[D]], %arg2 {channels_last
// CHECK-NEXT: %[[R:.*]] = nn.transpose %[[E]] {perm = array<i64: 0, 3, 1, 2>}
// CHECK-NEXT: return %[[R]]
func.func @chain(%x: tensor<1x3x8x8xf32>, %w: tensor<2x3x1x1xf32>, %v: tensor<5x2x1x1xf32>) -> tensor<1x5x4x4xf32> {
  %d = nn.constant dense<[[[1.0]], [[2.0]]]> : tensor<2x1x1xf32>
  %0 = nn.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x3x8x8xf32>, tensor<2x3x1x1xf32>) -> tensor<1x2x8x8xf32>
  %1 = nn.binary add %0, %d : (tensor<1x2x8x8xf32>, tensor<2x1x1xf32>) -> tensor<1x2x8x8xf32>
  %2 = nn.unary relu %1 : (tensor<1x2x8x8xf32>) -> tensor<1x2x8x8xf32>
  %3 = nn.pool max_pool %2 {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x2x8x8xf32>) -> tensor<1x2x4x4xf32>
  %4 = nn.conv %3, %v {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x2x4x4xf32>, tensor<5x2x1x1xf32>) -> tensor<1x5x4x4xf32>
  return %4 : tensor<1x5x4x4xf32>
}

// Global average pooling and flattening need no transpose; nor does a gate of one value per channel.
// CHECK-LABEL: func.func @head
// CHECK: %[[T:.*]] = nn.transpose %arg0
// CHECK: %[[A:.*]] = nn.conv %[[T]]
// CHECK: %[[G:.*]] = nn.reshape %arg2 : (tensor<1x4x1x1xf32>) -> tensor<1x1x1x4xf32>
// CHECK: %[[M:.*]] = nn.binary mul %[[A]], %[[G]]
// CHECK: %[[P:.*]] = nn.reduce mean %[[M]] {axes = array<i64: 1, 2>, keep_dims}
// CHECK: %[[R:.*]] = nn.reshape %[[P]] : (tensor<1x1x1x4xf32>) -> tensor<1x4xf32>
// CHECK-NEXT: return %[[R]]
func.func @head(%x: tensor<1x3x8x8xf32>, %w: tensor<4x3x1x1xf32>, %g: tensor<1x4x1x1xf32>) -> tensor<1x4xf32> {
  %0 = nn.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x3x8x8xf32>, tensor<4x3x1x1xf32>) -> tensor<1x4x8x8xf32>
  %1 = nn.binary mul %0, %g : (tensor<1x4x8x8xf32>, tensor<1x4x1x1xf32>) -> tensor<1x4x8x8xf32>
  %2 = nn.reduce mean %1 {axes = array<i64: 2, 3>, keep_dims} : (tensor<1x4x8x8xf32>) -> tensor<1x4x1x1xf32>
  %3 = nn.reshape %2 : (tensor<1x4x1x1xf32>) -> tensor<1x4xf32>
  return %3 : tensor<1x4xf32>
}

// Patches of a vision transformer: the exporter's transpose meets ours through the reshape.
// CHECK-LABEL: func.func @patches
// CHECK: %[[A:.*]] = nn.conv
// CHECK-NEXT: %[[R:.*]] = nn.reshape %[[A]] : (tensor<1x2x2x4xf32>) -> tensor<1x4x4xf32>
// CHECK-NEXT: return %[[R]]
func.func @patches(%x: tensor<1x3x8x8xf32>, %w: tensor<4x3x4x4xf32>) -> tensor<1x4x4xf32> {
  %0 = nn.conv %x, %w {strides = array<i64: 4, 4>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x3x8x8xf32>, tensor<4x3x4x4xf32>) -> tensor<1x4x2x2xf32>
  %1 = nn.reshape %0 : (tensor<1x4x2x2xf32>) -> tensor<1x4x4xf32>
  %2 = nn.transpose %1 {perm = array<i64: 0, 2, 1>} : (tensor<1x4x4xf32>) -> tensor<1x4x4xf32>
  return %2 : tensor<1x4x4xf32>
}

// Concatenation, slicing, padding, interpolation and softmax over channels take their axes along.
// CHECK-LABEL: func.func @axes
// CHECK: nn.concat %{{.*}} {axis = 3 : i64}
// CHECK: nn.slice %{{.*}} {sizes = array<i64: 1, 4, 4, 3>, starts = array<i64: 0, 0, 0, 1>
// CHECK: nn.pad edge %{{.*}} {high = array<i64: 0, 0, 2, 0>, low = array<i64: 0, 1, 0, 0>}
// CHECK: nn.resize nearest %{{.*}}scales = array<f64: 1.000000e+00, 2.000000e+00, 1.000000e+00, 1.000000e+00>{{.*}} -> tensor<1x10x6x3xf32>
// CHECK: nn.softmax %{{.*}} {axis = 3 : i64}
// CHECK: nn.transpose
// CHECK-NEXT: return
func.func @axes(%x: tensor<1x2x4x4xf32>, %w: tensor<2x2x1x1xf32>) -> tensor<1x3x10x6xf32> {
  %0 = nn.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x2x4x4xf32>, tensor<2x2x1x1xf32>) -> tensor<1x2x4x4xf32>
  %1 = nn.unary exp %0 : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  %2 = nn.concat %0, %1 {axis = 1} : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x4x4x4xf32>
  %3 = nn.slice %2 {starts = array<i64: 0, 1, 0, 0>, sizes = array<i64: 1, 3, 4, 4>, steps = array<i64: 1, 1, 1, 1>} : (tensor<1x4x4x4xf32>) -> tensor<1x3x4x4xf32>
  %4 = nn.pad edge %3 {low = array<i64: 0, 0, 1, 0>, high = array<i64: 0, 0, 0, 2>} : (tensor<1x3x4x4xf32>) -> tensor<1x3x5x6xf32>
  %5 = nn.resize nearest %4 {scales = array<f64: 1.0, 1.0, 2.0, 1.0>, roi = array<f64>, coordinates = #nn<coordinate_kind asymmetric>, rounding = #nn<round_kind floor_down>} : (tensor<1x3x5x6xf32>) -> tensor<1x3x10x6xf32>
  %6 = nn.softmax %5 {axis = 1} : (tensor<1x3x10x6xf32>) -> tensor<1x3x10x6xf32>
  return %6 : tensor<1x3x10x6xf32>
}

// Weights behind a flattened image are reordered, not the image.
// CHECK-LABEL: func.func @flatten
// CHECK-DAG: %[[W:.*]] = nn.constant dense<[{{\[1.0.*\], \[3.0.*\], \[2.0.*\], \[4.0.*\]}}]> : tensor<4x1xf32>
// CHECK: %[[A:.*]] = nn.conv
// CHECK-NEXT: %[[R:.*]] = nn.reshape %[[A]] : (tensor<1x2x2xf32>) -> tensor<1x4xf32>
// CHECK-NEXT: nn.matmul %[[R]], %[[W]]
func.func @flatten(%x: tensor<1x1x2xf32>, %k: tensor<2x1x1xf32>) -> tensor<1x1xf32> {
  %w = nn.constant dense<[[1.0], [2.0], [3.0], [4.0]]> : tensor<4x1xf32>
  %0 = nn.conv %x, %k {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>} : (tensor<1x1x2xf32>, tensor<2x1x1xf32>) -> tensor<1x2x2xf32>
  %1 = nn.reshape %0 : (tensor<1x2x2xf32>) -> tensor<1x4xf32>
  %2 = nn.matmul %1, %w : (tensor<1x4xf32>, tensor<4x1xf32>) -> tensor<1x1xf32>
  return %2 : tensor<1x1xf32>
}

// Without elements there is nothing to gain: the other operand of the addition is not transposed instead, which would
// never end.
// CHECK-LABEL: func.func @empty
// CHECK: nn.transpose
// CHECK: nn.transpose
// CHECK: nn.binary add
// CHECK-NEXT: return
func.func @empty(%x: tensor<1x2x8x0xf32>, %w: tensor<2x2x1x1xf32>, %y: tensor<1x2x8x0xf32>) -> tensor<1x2x8x0xf32> {
  %0 = nn.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x2x8x0xf32>, tensor<2x2x1x1xf32>) -> tensor<1x2x8x0xf32>
  %1 = nn.binary add %0, %y : (tensor<1x2x8x0xf32>, tensor<1x2x8x0xf32>) -> tensor<1x2x8x0xf32>
  return %1 : tensor<1x2x8x0xf32>
}
