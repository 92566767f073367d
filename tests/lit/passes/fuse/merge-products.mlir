// RUN: fettle-opt %s --merge-products --fold-constants | FileCheck %s

// CHECK-LABEL: func.func @qkv
// CHECK-DAG: %[[W:.*]] = nn.constant dense<{{.*}}1.0{{.*}}2.0{{.*}}3.0{{.*}}> : tensor<1x3xf32>
// CHECK-DAG: %[[B:.*]] = nn.constant dense<[5.000000e+00, 0.000000e+00, 0.000000e+00]> : tensor<3xf32>
// CHECK: %[[P:.*]] = nn.matmul %arg0, %[[W]], %[[B]] : (tensor<4x1xf32>, tensor<1x3xf32>, tensor<3xf32>) -> tensor<4x3xf32>
// CHECK: nn.slice %[[P]] {sizes = array<i64: 4, 1>, starts = array<i64: 0, 0>
// CHECK: nn.slice %[[P]] {sizes = array<i64: 4, 2>, starts = array<i64: 0, 1>
func.func @qkv(%x: tensor<4x1xf32>) -> (tensor<1x4xf32>, tensor<2x4xf32>) {
  %wq = nn.constant dense<1.0> : tensor<1x1xf32>
  %wk = nn.constant dense<[[2.0, 3.0]]> : tensor<1x2xf32>
  %bq = nn.constant dense<5.0> : tensor<1xf32>
  %0 = nn.matmul %x, %wq, %bq : (tensor<4x1xf32>, tensor<1x1xf32>, tensor<1xf32>) -> tensor<4x1xf32>
  %1 = nn.matmul %x, %wk : (tensor<4x1xf32>, tensor<1x2xf32>) -> tensor<4x2xf32>
  %2 = nn.transpose %0 {perm = array<i64: 1, 0>} : (tensor<4x1xf32>) -> tensor<1x4xf32>
  %3 = nn.transpose %1 {perm = array<i64: 1, 0>} : (tensor<4x2xf32>) -> tensor<2x4xf32>
  return %2, %3 : tensor<1x4xf32>, tensor<2x4xf32>
}

// Weights as Gemm has them.
// CHECK-LABEL: func.func @turned
// CHECK-DAG: %[[W:.*]] = nn.constant dense<{{\[}}[1.000000e+00], [2.000000e+00], [3.000000e+00]]> : tensor<3x1xf32>
// CHECK-DAG: %[[B:.*]] = nn.constant dense<[0.000000e+00, 5.000000e+00, 6.000000e+00]> : tensor<3xf32>
// CHECK: %[[P:.*]] = nn.matmul %arg0, %[[W]], %[[B]] {transpose_rhs} : (tensor<4x1xf32>, tensor<3x1xf32>, tensor<3xf32>) -> tensor<4x3xf32>
// CHECK: nn.slice %[[P]] {sizes = array<i64: 4, 1>, starts = array<i64: 0, 0>
// CHECK: nn.slice %[[P]] {sizes = array<i64: 4, 2>, starts = array<i64: 0, 1>
func.func @turned(%x: tensor<4x1xf32>) -> (tensor<1x4xf32>, tensor<2x4xf32>) {
  %wq = nn.constant dense<1.0> : tensor<1x1xf32>
  %wk = nn.constant dense<[[2.0], [3.0]]> : tensor<2x1xf32>
  %bk = nn.constant dense<[5.0, 6.0]> : tensor<2xf32>
  %0 = nn.matmul %x, %wq {transpose_rhs} : (tensor<4x1xf32>, tensor<1x1xf32>) -> tensor<4x1xf32>
  %1 = nn.matmul %x, %wk, %bk {transpose_rhs} : (tensor<4x1xf32>, tensor<2x1xf32>, tensor<2xf32>) -> tensor<4x2xf32>
  %2 = nn.transpose %0 {perm = array<i64: 1, 0>} : (tensor<4x1xf32>) -> tensor<1x4xf32>
  %3 = nn.transpose %1 {perm = array<i64: 1, 0>} : (tensor<4x2xf32>) -> tensor<2x4xf32>
  return %2, %3 : tensor<1x4xf32>, tensor<2x4xf32>
}

// An activation is worth more as an epilogue.
// CHECK-LABEL: func.func @gated
// CHECK: nn.matmul
// CHECK: nn.matmul
func.func @gated(%x: tensor<4x1xf32>) -> tensor<4x2xf32> {
  %w = nn.constant dense<[[1.0, 4.0]]> : tensor<1x2xf32>
  %v = nn.constant dense<[[2.0, 3.0]]> : tensor<1x2xf32>
  %0 = nn.matmul %x, %w : (tensor<4x1xf32>, tensor<1x2xf32>) -> tensor<4x2xf32>
  %1 = nn.matmul %x, %v : (tensor<4x1xf32>, tensor<1x2xf32>) -> tensor<4x2xf32>
  %2 = nn.unary silu %0 : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %3 = nn.binary mul %1, %2 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  return %3 : tensor<4x2xf32>
}
