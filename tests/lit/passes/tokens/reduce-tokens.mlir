// RUN: fettle-opt %s --reduce-tokens="counts=3 rounds=1" | FileCheck %s
// RUN: fettle-opt %s --reduce-tokens="counts=3 method=drop" | FileCheck %s --check-prefix=DROP
// RUN: fettle-opt %s --reduce-tokens=counts=0 | FileCheck %s --check-prefix=NONE

// Behind the attention, at the residual, 3 of 9 tokens are merged, but for the first, which the head reads. Positions that are added
// later are merged likewise, and the next attention weighs keys by their sizes.
// CHECK-LABEL: func.func @pre_norm
// CHECK: %[[POS:.*]] = nn.constant
// CHECK: %[[X:.*]] = nn.binary add %arg0, %{{.*}} : (tensor<1x9x8xf32>
// CHECK: %[[A:.*]] = nn.match_tokens %[[X]] {protect = 1 : i64, remove = 3 : i64} : (tensor<1x9x8xf32>) -> tensor<1x9xi32>
// CHECK: %[[Y:.*]], %[[SIZES:.*]] = nn.merge_tokens %[[X]], %[[A]] {tokens = 6 : i64}
// CHECK: nn.layer_norm %[[Y]]
// CHECK: %[[Z:.*]] = nn.binary add %[[Y]], %{{.*}} : (tensor<1x6x8xf32>
// CHECK: %[[P:.*]] = nn.reshape %[[POS]] : (tensor<9x8xf32>) -> tensor<1x9x8xf32>
// CHECK: %[[Q:.*]], %{{.*}} = nn.merge_tokens %[[P]], %[[A]] {tokens = 6 : i64}
// CHECK: %[[R:.*]] = nn.reshape %[[Q]] : (tensor<1x6x8xf32>) -> tensor<6x8xf32>
// CHECK: nn.binary add %[[Z]], %[[R]]
// CHECK: %[[C:.*]] = nn.clamp %[[SIZES]]
// CHECK: %[[L:.*]] = nn.unary log %[[C]]
// CHECK: %[[B:.*]] = nn.reshape %[[L]] : (tensor<1x6xf32>) -> tensor<1x1x1x6xf32>
// CHECK: nn.attention %{{.*}}, %{{.*}}, %{{.*}}, %[[B]] {{.*}} -> tensor<1x1x6x8xf32>
// CHECK: nn.slice %{{.*}} : (tensor<1x6x8xf32>) -> tensor<1x1x8xf32>
// DROP-LABEL: func.func @pre_norm
// DROP: nn.softmax {{.*}} : (tensor<1x2x1x9xf32>)
// DROP: %[[S:.*]] = nn.reduce mean {{.*}} -> tensor<1x9xf32>
// DROP: nn.drop_tokens %[[S]] {keep = 6 : i64, protect = 1 : i64}
// NONE-NOT: _tokens
func.func @pre_norm(%x: tensor<1x9x8xf32>, %wqkv: tensor<8x24xf32>, %wo: tensor<8x8xf32>, %w1: tensor<8x16xf32>, %w2: tensor<16x8xf32>) -> tensor<1x1x8xf32> {
  %pos = nn.constant dense<1.0> : tensor<9x8xf32>
  %n = nn.layer_norm %x {axis = 2 : i64, epsilon = 1.0e-6 : f64, operandSegmentSizes = array<i32: 1, 0, 0>} : (tensor<1x9x8xf32>) -> tensor<1x9x8xf32>
  %qkv = nn.matmul %n, %wqkv : (tensor<1x9x8xf32>, tensor<8x24xf32>) -> tensor<1x9x24xf32>
  %q = nn.slice %qkv {sizes = array<i64: 1, 9, 8>, starts = array<i64: 0, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<1x9x24xf32>) -> tensor<1x9x8xf32>
  %k = nn.slice %qkv {sizes = array<i64: 1, 9, 8>, starts = array<i64: 0, 0, 8>, steps = array<i64: 1, 1, 1>} : (tensor<1x9x24xf32>) -> tensor<1x9x8xf32>
  %v = nn.slice %qkv {sizes = array<i64: 1, 9, 8>, starts = array<i64: 0, 0, 16>, steps = array<i64: 1, 1, 1>} : (tensor<1x9x24xf32>) -> tensor<1x9x8xf32>
  %q4 = nn.reshape %q : (tensor<1x9x8xf32>) -> tensor<1x9x2x4xf32>
  %k4 = nn.reshape %k : (tensor<1x9x8xf32>) -> tensor<1x9x2x4xf32>
  %v4 = nn.reshape %v : (tensor<1x9x8xf32>) -> tensor<1x9x2x4xf32>
  %qh = nn.transpose %q4 {perm = array<i64: 0, 2, 1, 3>} : (tensor<1x9x2x4xf32>) -> tensor<1x2x9x4xf32>
  %kh = nn.transpose %k4 {perm = array<i64: 0, 2, 1, 3>} : (tensor<1x9x2x4xf32>) -> tensor<1x2x9x4xf32>
  %vh = nn.transpose %v4 {perm = array<i64: 0, 2, 1, 3>} : (tensor<1x9x2x4xf32>) -> tensor<1x2x9x4xf32>
  %a = nn.attention %qh, %kh, %vh {scale = 0.5 : f64} : (tensor<1x2x9x4xf32>, tensor<1x2x9x4xf32>, tensor<1x2x9x4xf32>) -> tensor<1x2x9x4xf32>
  %at = nn.transpose %a {perm = array<i64: 0, 2, 1, 3>} : (tensor<1x2x9x4xf32>) -> tensor<1x9x2x4xf32>
  %ar = nn.reshape %at : (tensor<1x9x2x4xf32>) -> tensor<1x9x8xf32>
  %o = nn.matmul %ar, %wo : (tensor<1x9x8xf32>, tensor<8x8xf32>) -> tensor<1x9x8xf32>
  %y = nn.binary add %x, %o : (tensor<1x9x8xf32>, tensor<1x9x8xf32>) -> tensor<1x9x8xf32>
  %n2 = nn.layer_norm %y {axis = 2 : i64, epsilon = 1.0e-6 : f64, operandSegmentSizes = array<i32: 1, 0, 0>} : (tensor<1x9x8xf32>) -> tensor<1x9x8xf32>
  %h = nn.matmul %n2, %w1 : (tensor<1x9x8xf32>, tensor<8x16xf32>) -> tensor<1x9x16xf32>
  %g = nn.unary gelu %h : (tensor<1x9x16xf32>) -> tensor<1x9x16xf32>
  %m = nn.matmul %g, %w2 : (tensor<1x9x16xf32>, tensor<16x8xf32>) -> tensor<1x9x8xf32>
  %z0 = nn.binary add %y, %m : (tensor<1x9x8xf32>, tensor<1x9x8xf32>) -> tensor<1x9x8xf32>
  %z = nn.binary add %z0, %pos : (tensor<1x9x8xf32>, tensor<9x8xf32>) -> tensor<1x9x8xf32>
  %kh2 = nn.reshape %z : (tensor<1x9x8xf32>) -> tensor<1x9x1x8xf32>
  %kt2 = nn.transpose %kh2 {perm = array<i64: 0, 2, 1, 3>} : (tensor<1x9x1x8xf32>) -> tensor<1x1x9x8xf32>
  %a2 = nn.attention %kt2, %kt2, %kt2 {scale = 0.5 : f64} : (tensor<1x1x9x8xf32>, tensor<1x1x9x8xf32>, tensor<1x1x9x8xf32>) -> tensor<1x1x9x8xf32>
  %a2t = nn.reshape %a2 : (tensor<1x1x9x8xf32>) -> tensor<1x9x8xf32>
  %r = nn.matmul %a2t, %wo : (tensor<1x9x8xf32>, tensor<8x8xf32>) -> tensor<1x9x8xf32>
  %r2 = nn.binary add %r, %z : (tensor<1x9x8xf32>, tensor<1x9x8xf32>) -> tensor<1x9x8xf32>
  %cls = nn.slice %r2 {sizes = array<i64: 1, 1, 8>, starts = array<i64: 0, 0, 0>, steps = array<i64: 1, 1, 1>} : (tensor<1x9x8xf32>) -> tensor<1x1x8xf32>
  return %cls : tensor<1x1x8xf32>
}
