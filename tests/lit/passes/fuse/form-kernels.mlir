// RUN: fettle-opt %s --split-input-file --form-kernels --verify-kernels | FileCheck %s

// A convolution takes its bias as operand, the residual add and the activation as epilogue;
// the scalar goes inside.
// CHECK-LABEL: func.func @residual
// CHECK-DAG: %[[W:.*]] = nn.constant dense_resource<w>
// CHECK: %[[K:.*]] = nn.kernel({{.*}} = %arg0, {{.*}} = %[[W]], {{.*}} = %arg1) attributes {kind = "conv"}
// CHECK: nn.conv
// CHECK: nn.binary add
// CHECK: nn.unary sigmoid
// CHECK: nn.binary mul
// CHECK: nn.binary mul
// CHECK: nn.yield
// CHECK: return %[[K]]
func.func @residual(%x: tensor<1x4x8x8xf32>, %r: tensor<1x8x8x8xf32>) -> tensor<1x8x8x8xf32> {
  %w = nn.constant dense_resource<w> : tensor<8x4x1x1xf32>
  %half = nn.constant dense<0.5> : tensor<f32>
  %0 = nn.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>}
      : (tensor<1x4x8x8xf32>, tensor<8x4x1x1xf32>) -> tensor<1x8x8x8xf32>
  %1 = nn.binary add %0, %r : (tensor<1x8x8x8xf32>, tensor<1x8x8x8xf32>) -> tensor<1x8x8x8xf32>
  %2 = nn.unary sigmoid %1 : (tensor<1x8x8x8xf32>) -> tensor<1x8x8x8xf32>
  %3 = nn.binary mul %1, %2 : (tensor<1x8x8x8xf32>, tensor<1x8x8x8xf32>) -> tensor<1x8x8x8xf32>
  %4 = nn.binary mul %3, %half : (tensor<1x8x8x8xf32>, tensor<f32>) -> tensor<1x8x8x8xf32>
  return %4 : tensor<1x8x8x8xf32>
}
{-# dialect_resources: { builtin: { w: "0x04000000000000000000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F" } } #-}

// -----

// A value read twice ends the kernel that makes it; the layer norm takes what only it reads.
// CHECK-LABEL: func.func @spine
// CHECK: %[[M:.*]] = nn.kernel({{.*}}) attributes {kind = "matmul"}
// CHECK: nn.binary add
// CHECK: nn.yield
// CHECK: %[[N:.*]] = nn.kernel({{.*}} = %[[M]]) attributes {kind = "layer_norm"}
// CHECK: nn.constant dense<2.0
// CHECK: nn.binary mul
// CHECK: nn.layer_norm
// CHECK: return %[[M]], %[[N]]
func.func @spine(%x: tensor<4x8xf32>, %w: tensor<8x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %two = nn.constant dense<2.0> : tensor<f32>
  %0 = nn.matmul %x, %w : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %1 = nn.binary add %0, %x : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %2 = nn.binary mul %1, %two : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %3 = nn.layer_norm %2 {axis = 1, epsilon = 1.0e-05, operandSegmentSizes = array<i32: 1, 0, 0>} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return %1, %3 : tensor<4x8xf32>, tensor<4x8xf32>
}

// -----

// Movement and pointwise ops cluster; a view between kernels stays outside.
// CHECK-LABEL: func.func @heads
// CHECK: %[[M:.*]] = nn.kernel({{.*}}) attributes {kind = "matmul"}
// CHECK: %[[V:.*]] = nn.reshape %[[M]]
// CHECK: %[[T:.*]] = nn.kernel({{.*}} = %[[V]]) attributes {kind = "map"}
// CHECK: nn.transpose
// CHECK: nn.unary relu
// CHECK: return %[[T]]
func.func @heads(%x: tensor<4x8xf32>, %w: tensor<8x8xf32>) -> tensor<2x4x4xf32> {
  %0 = nn.matmul %x, %w : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %1 = nn.reshape %0 : (tensor<4x8xf32>) -> tensor<4x2x4xf32>
  %2 = nn.transpose %1 {perm = array<i64: 1, 0, 2>} : (tensor<4x2x4xf32>) -> tensor<2x4x4xf32>
  %3 = nn.unary relu %2 : (tensor<2x4x4xf32>) -> tensor<2x4x4xf32>
  return %3 : tensor<2x4x4xf32>
}

// -----

// What is expensive is not computed once per copy.
// CHECK-LABEL: func.func @expand
// CHECK: nn.kernel
// CHECK-NEXT: nn.unary exp
// CHECK-NEXT: nn.yield
// CHECK: nn.kernel
// CHECK-NEXT: nn.binary add
func.func @expand(%x: tensor<8x1xf32>, %y: tensor<8x64xf32>) -> tensor<8x64xf32> {
  %0 = nn.unary exp %x : (tensor<8x1xf32>) -> tensor<8x1xf32>
  %1 = nn.binary add %0, %y : (tensor<8x1xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  return %1 : tensor<8x64xf32>
}

// -----

// Each result has storage of its own.
// CHECK-LABEL: func.func @passthrough
// CHECK: %[[D:.*]] = nn.kernel
// CHECK-NEXT: nn.unary relu
// CHECK: %[[V:.*]] = nn.reshape %[[D]]
// CHECK: %[[A:.*]] = nn.kernel({{.*}} = %arg0) attributes {kind = "map"}
// CHECK-NEXT: nn.unary identity
// CHECK: %[[B:.*]] = nn.kernel() attributes {kind = "map"}
// CHECK-NEXT: nn.constant
// CHECK-NEXT: nn.unary identity
// CHECK: %[[E:.*]] = nn.kernel({{.*}} = %[[V]])
// CHECK-NEXT: nn.unary identity
// CHECK: return %[[A]], %[[B]], %[[D]], %[[E]]
func.func @passthrough(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<i64>, tensor<4xf32>, tensor<2x2xf32>) {
  %c = nn.constant dense<7> : tensor<i64>
  %0 = nn.unary relu %x : (tensor<4xf32>) -> tensor<4xf32>
  %1 = nn.reshape %0 : (tensor<4xf32>) -> tensor<2x2xf32>
  return %x, %c, %0, %1 : tensor<4xf32>, tensor<i64>, tensor<4xf32>, tensor<2x2xf32>
}

// -----

// Attention reads heads out of one packed projection and writes them side by side: nothing is moved before or behind it.
// CHECK-LABEL: func.func @packed
// CHECK: %[[P:.*]] = nn.reshape %arg0
// CHECK-NEXT: %[[A:.*]] = nn.kernel(%{{.*}} = %[[P]]) attributes {kind = "attention"} : (tensor<1x5x3x2x4xf32>) -> tensor<1x5x2x4xf32>
// CHECK-COUNT-3: nn.slice
// CHECK: nn.attention
// CHECK-NEXT: nn.transpose
// CHECK-NEXT: nn.yield
// CHECK: nn.reshape %[[A]]
func.func @packed(%x: tensor<1x5x24xf32>) -> (tensor<1x5x8xf32>) {
  %0 = nn.reshape %x : (tensor<1x5x24xf32>) -> tensor<1x5x3x2x4xf32>
  %1 = nn.transpose %0 {perm = array<i64: 2, 0, 3, 1, 4>} : (tensor<1x5x3x2x4xf32>) -> tensor<3x1x2x5x4xf32>
  %2 = nn.slice %1 {starts = array<i64: 0, 0, 0, 0, 0>, sizes = array<i64: 1, 1, 2, 5, 4>, steps = array<i64: 1, 1, 1, 1, 1>} : (tensor<3x1x2x5x4xf32>) -> tensor<1x1x2x5x4xf32>
  %3 = nn.slice %1 {starts = array<i64: 1, 0, 0, 0, 0>, sizes = array<i64: 1, 1, 2, 5, 4>, steps = array<i64: 1, 1, 1, 1, 1>} : (tensor<3x1x2x5x4xf32>) -> tensor<1x1x2x5x4xf32>
  %4 = nn.slice %1 {starts = array<i64: 2, 0, 0, 0, 0>, sizes = array<i64: 1, 1, 2, 5, 4>, steps = array<i64: 1, 1, 1, 1, 1>} : (tensor<3x1x2x5x4xf32>) -> tensor<1x1x2x5x4xf32>
  %q = nn.reshape %2 : (tensor<1x1x2x5x4xf32>) -> tensor<1x2x5x4xf32>
  %k = nn.reshape %3 : (tensor<1x1x2x5x4xf32>) -> tensor<1x2x5x4xf32>
  %v = nn.reshape %4 : (tensor<1x1x2x5x4xf32>) -> tensor<1x2x5x4xf32>
  %5 = nn.attention %q, %k, %v {scale = 0.5} : (tensor<1x2x5x4xf32>, tensor<1x2x5x4xf32>, tensor<1x2x5x4xf32>) -> tensor<1x2x5x4xf32>
  %6 = nn.transpose %5 {perm = array<i64: 0, 2, 1, 3>} : (tensor<1x2x5x4xf32>) -> tensor<1x5x2x4xf32>
  %7 = nn.reshape %6 : (tensor<1x5x2x4xf32>) -> tensor<1x5x8xf32>
  return %7 : tensor<1x5x8xf32>
}

// -----

// A transpose that exists anyway is read where it is.
// CHECK-LABEL: func.func @cache
// CHECK: %[[C:.*]] = nn.kernel(%{{.*}} = %arg0, %{{.*}} = %arg1) attributes {kind = "map"}
// CHECK-NEXT: nn.concat
// CHECK-NEXT: nn.yield
// CHECK: %[[T:.*]] = nn.kernel(%{{.*}} = %[[C]]) attributes {kind = "map"}
// CHECK-NEXT: nn.transpose
// CHECK: %[[A:.*]] = nn.kernel(%{{.*}} = %[[T]]) attributes {kind = "attention"}
// CHECK-NEXT: nn.attention
// CHECK: return %[[A]], %[[T]]
func.func @cache(%past: tensor<1x3x2x4xf32>, %new: tensor<1x1x2x4xf32>) -> (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) {
  %0 = nn.concat %past, %new {axis = 1} : (tensor<1x3x2x4xf32>, tensor<1x1x2x4xf32>) -> tensor<1x4x2x4xf32>
  %1 = nn.transpose %0 {perm = array<i64: 0, 2, 1, 3>} : (tensor<1x4x2x4xf32>) -> tensor<1x2x4x4xf32>
  %2 = nn.attention %1, %1, %1 {scale = 0.5} : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  return %2, %1 : tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>
}

// What an epilogue reads dequantized, it reads as bytes, also where others read it.
// CHECK-LABEL: func.func @bytes
// CHECK: nn.kernel({{.*}} = %arg1, {{.*}} = %arg0) attributes {kind = "matmul"} : (tensor<4x4xui8>, tensor<4x4xf32>) -> tensor<4x4xf32>
// CHECK: nn.dequantize
// CHECK: nn.kernel({{.*}} = %arg1) attributes {kind = "softmax"}
func.func @bytes(%x: tensor<4x4xf32>, %q: tensor<4x4xui8>) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  %s = nn.constant dense<0.5> : tensor<f32>
  %0 = nn.dequantize %q, %s : (tensor<4x4xui8>, tensor<f32>) -> tensor<4x4xf32>
  %1 = nn.matmul %x, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %2 = nn.binary add %1, %0 : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %3 = nn.softmax %0 {axis = 1 : i64} : (tensor<4x4xf32>) -> tensor<4x4xf32>
  return %2, %3 : tensor<4x4xf32>, tensor<4x4xf32>
}

// Tokens are matched and merged in kernels of their own; the sizes that nobody reads are written all the same.
// CHECK-LABEL: func.func @tokens
// CHECK: nn.kernel({{.*}}) attributes {kind = "map"}
// CHECK: %[[A:.*]] = nn.kernel({{.*}}) attributes {kind = "match_tokens"}
// CHECK-NEXT: nn.match_tokens
// CHECK-NEXT: nn.yield
// CHECK: nn.kernel({{.*}} = %[[A]]) attributes {kind = "merge_tokens"} : {{.*}} -> (tensor<1x5x8xf32>, tensor<1x5xf32>)
// CHECK-NEXT: nn.merge_tokens
// CHECK-NEXT: nn.yield
// CHECK: nn.kernel({{.*}}) attributes {kind = "map"}
func.func @tokens(%x: tensor<1x7x8xf32>) -> tensor<1x5x8xf32> {
  %0 = nn.unary exp %x : (tensor<1x7x8xf32>) -> tensor<1x7x8xf32>
  %1 = nn.match_tokens %0 {remove = 2 : i64} : (tensor<1x7x8xf32>) -> tensor<1x7xi32>
  %2, %3 = nn.merge_tokens %0, %1 {tokens = 5 : i64} : (tensor<1x7x8xf32>, tensor<1x7xi32>) -> (tensor<1x5x8xf32>, tensor<1x5xf32>)
  %4 = nn.unary exp %2 : (tensor<1x5x8xf32>) -> tensor<1x5x8xf32>
  return %4 : tensor<1x5x8xf32>
}
