// RUN: fettle-opt %s --mlir-disable-threading --reduce-tokens="counts=3 rounds=1" | FileCheck %s

// A mean over all tokens is one over the tokens that each became a part of. The mask is what sizes begin with.
// CHECK-LABEL: func.func @pooled
// CHECK: %[[E:.*]] = nn.unary exp %{{.*}} : (tensor<1x8xf32>)
// CHECK: %[[A:.*]] = nn.match_tokens %[[X:.*]], %[[E]] {remove = 3 : i64}
// CHECK: nn.merge_tokens %[[X]], %[[A]], %[[E]] {tokens = 5 : i64}
// CHECK: %[[M:.*]] = nn.matmul %{{.*}}, %arg2
// CHECK: %[[U:.*]] = nn.unmerge_tokens %[[M]], %[[A]]
// CHECK: nn.reduce mean %[[U]]
func.func @pooled(%x: tensor<1x8x4xf32>, %mask: tensor<1x1x1x8xf32>, %w: tensor<4x4xf32>) -> tensor<1x4xf32> {
  %h = nn.reshape %x : (tensor<1x8x4xf32>) -> tensor<1x1x8x4xf32>
  %a = nn.attention %h, %h, %h, %mask {scale = 0.5 : f64} : (tensor<1x1x8x4xf32>, tensor<1x1x8x4xf32>, tensor<1x1x8x4xf32>, tensor<1x1x1x8xf32>) -> tensor<1x1x8x4xf32>
  %r = nn.reshape %a : (tensor<1x1x8x4xf32>) -> tensor<1x8x4xf32>
  %y = nn.binary add %x, %r : (tensor<1x8x4xf32>, tensor<1x8x4xf32>) -> tensor<1x8x4xf32>
  %m = nn.matmul %y, %w : (tensor<1x8x4xf32>, tensor<4x4xf32>) -> tensor<1x8x4xf32>
  %p = nn.reduce mean %m {axes = array<i64: 1>} : (tensor<1x8x4xf32>) -> tensor<1x4xf32>
  return %p : tensor<1x4xf32>
}

// Which tokens count in a mean is known of each of them as it was.
// CHECK-LABEL: func.func @masked_mean
// CHECK: %[[M:.*]] = nn.matmul %{{.*}} -> tensor<1x5x4xf32>
// CHECK: %[[U:.*]] = nn.unmerge_tokens %[[M]]
// CHECK: nn.binary mul %[[U]], %arg2
func.func @masked_mean(%x: tensor<1x8x4xf32>, %mask: tensor<1x1x1x8xf32>, %flags: tensor<1x8x1xf32>, %w: tensor<4x4xf32>) -> tensor<1x4xf32> {
  %h = nn.reshape %x : (tensor<1x8x4xf32>) -> tensor<1x1x8x4xf32>
  %a = nn.attention %h, %h, %h, %mask {scale = 0.5 : f64} : (tensor<1x1x8x4xf32>, tensor<1x1x8x4xf32>, tensor<1x1x8x4xf32>, tensor<1x1x1x8xf32>) -> tensor<1x1x8x4xf32>
  %r = nn.reshape %a : (tensor<1x1x8x4xf32>) -> tensor<1x8x4xf32>
  %y = nn.binary add %x, %r : (tensor<1x8x4xf32>, tensor<1x8x4xf32>) -> tensor<1x8x4xf32>
  %m = nn.matmul %y, %w : (tensor<1x8x4xf32>, tensor<4x4xf32>) -> tensor<1x8x4xf32>
  %p = nn.binary mul %m, %flags : (tensor<1x8x4xf32>, tensor<1x8x1xf32>) -> tensor<1x8x4xf32>
  %s = nn.reduce sum %p {axes = array<i64: 1>} : (tensor<1x8x4xf32>) -> tensor<1x4xf32>
  return %s : tensor<1x4xf32>
}
