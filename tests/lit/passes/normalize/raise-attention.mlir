// RUN: fettle-opt %s --simplify --raise-attention --simplify | FileCheck %s

// Scaled behind the product, keys transposed by their own op, an additive mask.
// CHECK-LABEL: func.func @masked
// CHECK-NEXT: %[[K:.*]] = nn.transpose %arg1 {perm = array<i64: 0, 2, 1, 3>}
// CHECK-NEXT: %[[A:.*]] = nn.attention %arg0, %[[K]], %arg2, %arg3 {scale = 5.000000e-01 : f64}
// CHECK-NEXT: return %[[A]]
func.func @masked(%q: tensor<1x2x3x4xf32>, %k: tensor<1x5x2x4xf32>, %v: tensor<1x2x5x4xf32>, %m: tensor<1x1x3x5xf32>) -> tensor<1x2x3x4xf32> {
  %two = nn.constant dense<2.0> : tensor<f32>
  %kt = nn.transpose %k {perm = array<i64: 0, 2, 3, 1>} : (tensor<1x5x2x4xf32>) -> tensor<1x2x4x5xf32>
  %0 = nn.matmul %q, %kt : (tensor<1x2x3x4xf32>, tensor<1x2x4x5xf32>) -> tensor<1x2x3x5xf32>
  %1 = nn.binary div %0, %two : (tensor<1x2x3x5xf32>, tensor<f32>) -> tensor<1x2x3x5xf32>
  %2 = nn.binary add %1, %m : (tensor<1x2x3x5xf32>, tensor<1x1x3x5xf32>) -> tensor<1x2x3x5xf32>
  %3 = nn.softmax %2 {axis = 3} : (tensor<1x2x3x5xf32>) -> tensor<1x2x3x5xf32>
  %4 = nn.matmul %3, %v : (tensor<1x2x3x5xf32>, tensor<1x2x5x4xf32>) -> tensor<1x2x3x4xf32>
  return %4 : tensor<1x2x3x4xf32>
}

// Queries and keys scaled before the product, three axes, a selecting mask that is causal.
// CHECK-LABEL: func.func @causal
// CHECK-DAG: %[[Q:.*]] = nn.reshape %arg0 : (tensor<2x3x4xf32>) -> tensor<1x2x3x4xf32>
// CHECK-DAG: %[[K:.*]] = nn.reshape %arg1
// CHECK-DAG: %[[V:.*]] = nn.reshape %arg2
// CHECK: %[[A:.*]] = nn.attention %[[Q]], %[[K]], %[[V]] {causal, scale = 2.500000e-01 : f64}
// CHECK: nn.reshape %[[A]]
func.func @causal(%q: tensor<2x3x4xf32>, %k: tensor<2x3x4xf32>, %v: tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
  %half = nn.constant dense<0.5> : tensor<f32>
  %low = nn.constant dense<-3.0e+38> : tensor<f32>
  %seen = nn.constant dense<[[true, false, false], [true, true, false], [true, true, true]]> : tensor<3x3xi1>
  %qs = nn.binary mul %q, %half : (tensor<2x3x4xf32>, tensor<f32>) -> tensor<2x3x4xf32>
  %ks = nn.binary mul %k, %half : (tensor<2x3x4xf32>, tensor<f32>) -> tensor<2x3x4xf32>
  %kt = nn.transpose %ks {perm = array<i64: 0, 2, 1>} : (tensor<2x3x4xf32>) -> tensor<2x4x3xf32>
  %0 = nn.matmul %qs, %kt : (tensor<2x3x4xf32>, tensor<2x4x3xf32>) -> tensor<2x3x3xf32>
  %1 = nn.select %seen, %0, %low : (tensor<3x3xi1>, tensor<2x3x3xf32>, tensor<f32>) -> tensor<2x3x3xf32>
  %2 = nn.softmax %1 {axis = 2} : (tensor<2x3x3xf32>) -> tensor<2x3x3xf32>
  %3 = nn.matmul %2, %v : (tensor<2x3x3xf32>, tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  return %3 : tensor<2x3x4xf32>
}

// Two query heads share a key head.
// CHECK-LABEL: func.func @grouped
// CHECK-NEXT: %[[A:.*]] = nn.attention %arg0, %arg1, %arg2 {scale = 1.000000e+00 : f64, softcap = 5.000000e+00 : f64}
// CHECK-NEXT: return %[[A]]
func.func @grouped(%q: tensor<1x4x3x4xf32>, %k: tensor<1x2x3x4xf32>, %v: tensor<1x2x3x4xf32>) -> tensor<1x4x3x4xf32> {
  %five = nn.constant dense<5.0> : tensor<f32>
  %k5 = nn.reshape %k : (tensor<1x2x3x4xf32>) -> tensor<1x2x1x3x4xf32>
  %kb = nn.broadcast %k5 : (tensor<1x2x1x3x4xf32>) -> tensor<1x2x2x3x4xf32>
  %kr = nn.reshape %kb : (tensor<1x2x2x3x4xf32>) -> tensor<1x4x3x4xf32>
  %v5 = nn.reshape %v : (tensor<1x2x3x4xf32>) -> tensor<1x2x1x3x4xf32>
  %vb = nn.concat %v5, %v5 {axis = 2} : (tensor<1x2x1x3x4xf32>, tensor<1x2x1x3x4xf32>) -> tensor<1x2x2x3x4xf32>
  %vr = nn.reshape %vb : (tensor<1x2x2x3x4xf32>) -> tensor<1x4x3x4xf32>
  %0 = nn.matmul %q, %kr {transpose_rhs} : (tensor<1x4x3x4xf32>, tensor<1x4x3x4xf32>) -> tensor<1x4x3x3xf32>
  %1 = nn.binary div %0, %five : (tensor<1x4x3x3xf32>, tensor<f32>) -> tensor<1x4x3x3xf32>
  %2 = nn.unary tanh %1 : (tensor<1x4x3x3xf32>) -> tensor<1x4x3x3xf32>
  %3 = nn.binary mul %2, %five : (tensor<1x4x3x3xf32>, tensor<f32>) -> tensor<1x4x3x3xf32>
  %4 = nn.softmax %3 {axis = 3} : (tensor<1x4x3x3xf32>) -> tensor<1x4x3x3xf32>
  %5 = nn.matmul %4, %vr : (tensor<1x4x3x3xf32>, tensor<1x4x3x4xf32>) -> tensor<1x4x3x4xf32>
  return %5 : tensor<1x4x3x4xf32>
}

// Probabilities that are wanted elsewhere must exist.
// CHECK-LABEL: func.func @shown
// CHECK: nn.softmax
func.func @shown(%q: tensor<2x3x4xf32>, %v: tensor<2x3x4xf32>) -> (tensor<2x3x4xf32>, tensor<2x3x3xf32>) {
  %0 = nn.matmul %q, %q {transpose_rhs} : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<2x3x3xf32>
  %1 = nn.softmax %0 {axis = 2} : (tensor<2x3x3xf32>) -> tensor<2x3x3xf32>
  %2 = nn.matmul %1, %v : (tensor<2x3x3xf32>, tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  return %2, %1 : tensor<2x3x4xf32>, tensor<2x3x3xf32>
}

// A mask that is not low enough to hide a score replaces it by a value that counts.
// CHECK-LABEL: func.func @weak
// CHECK: nn.softmax
func.func @weak(%q: tensor<2x3x4xf32>, %v: tensor<2x3x4xf32>, %c: tensor<3x3xi1>) -> tensor<2x3x4xf32> {
  %low = nn.constant dense<-10.0> : tensor<f32>
  %0 = nn.matmul %q, %q {transpose_rhs} : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<2x3x3xf32>
  %1 = nn.select %c, %low, %0 : (tensor<3x3xi1>, tensor<f32>, tensor<2x3x3xf32>) -> tensor<2x3x3xf32>
  %2 = nn.softmax %1 {axis = 2} : (tensor<2x3x3xf32>) -> tensor<2x3x3xf32>
  %3 = nn.matmul %2, %v : (tensor<2x3x3xf32>, tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  return %3 : tensor<2x3x4xf32>
}

// Keys times queries, transposed; batch and heads are one axis in the products, apart where the mask is added.
// CHECK-LABEL: func.func @turned
// CHECK-DAG: %[[Q:.*]] = nn.reshape %arg0 : (tensor<4x3x5xf32>) -> tensor<2x2x3x5xf32>
// CHECK-DAG: %[[K:.*]] = nn.reshape %arg1 : (tensor<4x6x5xf32>) -> tensor<2x2x6x5xf32>
// CHECK-DAG: %[[V:.*]] = nn.reshape %arg2 : (tensor<4x6x7xf32>) -> tensor<2x2x6x7xf32>
// CHECK: %[[A:.*]] = nn.attention %[[Q]], %[[K]], %[[V]], %arg3 {scale = 1.000000e+00 : f64}
// CHECK-NEXT: nn.reshape %[[A]] : (tensor<2x2x3x7xf32>) -> tensor<4x3x7xf32>
func.func @turned(%q: tensor<4x3x5xf32>, %k: tensor<4x6x5xf32>, %v: tensor<4x6x7xf32>, %m: tensor<2x1x1x6xf32>) -> tensor<4x3x7xf32> {
  %0 = nn.matmul %k, %q {transpose_rhs} : (tensor<4x6x5xf32>, tensor<4x3x5xf32>) -> tensor<4x6x3xf32>
  %1 = nn.reshape %0 : (tensor<4x6x3xf32>) -> tensor<2x2x6x3xf32>
  %2 = nn.transpose %1 {perm = array<i64: 0, 1, 3, 2>} : (tensor<2x2x6x3xf32>) -> tensor<2x2x3x6xf32>
  %3 = nn.binary add %2, %m : (tensor<2x2x3x6xf32>, tensor<2x1x1x6xf32>) -> tensor<2x2x3x6xf32>
  %4 = nn.softmax %3 {axis = 3} : (tensor<2x2x3x6xf32>) -> tensor<2x2x3x6xf32>
  %5 = nn.reshape %4 : (tensor<2x2x3x6xf32>) -> tensor<4x3x6xf32>
  %6 = nn.matmul %5, %v : (tensor<4x3x6xf32>, tensor<4x6x7xf32>) -> tensor<4x3x7xf32>
  return %6 : tensor<4x3x7xf32>
}

// A mask for the products' own axes is not one for the scores'.
// CHECK-LABEL: func.func @masked_early
// CHECK: nn.softmax
func.func @masked_early(%q: tensor<4x3x5xf32>, %v: tensor<4x3x7xf32>, %m: tensor<4x3x3xf32>) -> tensor<4x3x7xf32> {
  %0 = nn.matmul %q, %q {transpose_rhs} : (tensor<4x3x5xf32>, tensor<4x3x5xf32>) -> tensor<4x3x3xf32>
  %1 = nn.binary add %0, %m : (tensor<4x3x3xf32>, tensor<4x3x3xf32>) -> tensor<4x3x3xf32>
  %2 = nn.reshape %1 : (tensor<4x3x3xf32>) -> tensor<2x2x3x3xf32>
  %3 = nn.softmax %2 {axis = 3} : (tensor<2x2x3x3xf32>) -> tensor<2x2x3x3xf32>
  %4 = nn.reshape %3 : (tensor<2x2x3x3xf32>) -> tensor<4x3x3xf32>
  %5 = nn.matmul %4, %v : (tensor<4x3x3xf32>, tensor<4x3x7xf32>) -> tensor<4x3x7xf32>
  return %5 : tensor<4x3x7xf32>
}
