// RUN: fettle-opt %s -split-input-file --reduce-tokens="counts=3 method=drop" 2>&1 | FileCheck %s
// RUN: not fettle-opt %s -split-input-file --reduce-tokens="counts=3,2" 2>&1 | FileCheck %s --check-prefix=COUNTS

// CHECK: tokens stay as they are: '{{.*}}' is causal: a token must not take part in others before it
func.func @causal(%x: tensor<1x8x4xf32>, %w: tensor<4x4xf32>) -> tensor<1x8x4xf32> {
  %h = nn.reshape %x : (tensor<1x8x4xf32>) -> tensor<1x1x8x4xf32>
  %a = nn.attention %h, %h, %h {scale = 0.5 : f64, causal} : (tensor<1x1x8x4xf32>, tensor<1x1x8x4xf32>, tensor<1x1x8x4xf32>) -> tensor<1x1x8x4xf32>
  %r = nn.reshape %a : (tensor<1x1x8x4xf32>) -> tensor<1x8x4xf32>
  %m = nn.matmul %r, %w : (tensor<1x8x4xf32>, tensor<4x4xf32>) -> tensor<1x8x4xf32>
  return %m : tensor<1x8x4xf32>
}

// -----

// CHECK: tokens stay as they are: an input has an entry for each pair of tokens
// CHECK: tokens stay as they are: '{{.*}}' has a mask for each pair of tokens
func.func @positions(%x: tensor<1x8x4xf32>, %bias: tensor<8x8xf32>, %w: tensor<4x4xf32>) -> tensor<1x8x4xf32> {
  %h = nn.reshape %x : (tensor<1x8x4xf32>) -> tensor<1x1x8x4xf32>
  %a = nn.attention %h, %h, %h, %bias {scale = 0.5 : f64} : (tensor<1x1x8x4xf32>, tensor<1x1x8x4xf32>, tensor<1x1x8x4xf32>, tensor<8x8xf32>) -> tensor<1x1x8x4xf32>
  %r = nn.reshape %a : (tensor<1x1x8x4xf32>) -> tensor<1x8x4xf32>
  %m = nn.matmul %r, %w : (tensor<1x8x4xf32>, tensor<4x4xf32>) -> tensor<1x8x4xf32>
  return %m : tensor<1x8x4xf32>
}

// -----

// CHECK: tokens stay as they are: '{{.*}}' and what follows leave no place where all tokens lie in one tensor [n, t, c]
func.func @last(%x: tensor<1x8x4xf32>) -> tensor<1x1x8x4xf32> {
  %h = nn.reshape %x : (tensor<1x8x4xf32>) -> tensor<1x1x8x4xf32>
  %a = nn.attention %h, %h, %h {scale = 0.5 : f64} : (tensor<1x1x8x4xf32>, tensor<1x1x8x4xf32>, tensor<1x1x8x4xf32>) -> tensor<1x1x8x4xf32>
  return %a : tensor<1x1x8x4xf32>
}

// -----

// The residual of what attends in two windows is not in windows.
// CHECK: tokens stay as they are: '{{.*}}' works on windows, or on other tokens than those it is added to
func.func @windows(%x: tensor<1x16x4xf32>, %w: tensor<4x4xf32>) -> tensor<1x16x4xf32> {
  %h = nn.reshape %x : (tensor<1x16x4xf32>) -> tensor<2x1x8x4xf32>
  %a = nn.attention %h, %h, %h {scale = 0.5 : f64} : (tensor<2x1x8x4xf32>, tensor<2x1x8x4xf32>, tensor<2x1x8x4xf32>) -> tensor<2x1x8x4xf32>
  %r = nn.reshape %a : (tensor<2x1x8x4xf32>) -> tensor<2x8x4xf32>
  %m = nn.matmul %r, %w : (tensor<2x8x4xf32>, tensor<4x4xf32>) -> tensor<2x8x4xf32>
  %b = nn.reshape %m : (tensor<2x8x4xf32>) -> tensor<1x16x4xf32>
  %y = nn.binary add %x, %b : (tensor<1x16x4xf32>, tensor<1x16x4xf32>) -> tensor<1x16x4xf32>
  %z = nn.matmul %y, %w : (tensor<1x16x4xf32>, tensor<4x4xf32>) -> tensor<1x16x4xf32>
  return %z : tensor<1x16x4xf32>
}

// -----

// CHECK: tokens stay as they are: the output reads each token: they can be merged, not dropped
// CHECK-NOT: drop_tokens
// COUNTS: error: counts has 2 numbers for 1 place where tokens can go, behind '{{.+}}'
func.func @dropped(%x: tensor<1x8x4xf32>, %w: tensor<4x4xf32>) -> tensor<1x8x4xf32> {
  %h = nn.reshape %x : (tensor<1x8x4xf32>) -> tensor<1x1x8x4xf32>
  %a = nn.attention %h, %h, %h {scale = 0.5 : f64} : (tensor<1x1x8x4xf32>, tensor<1x1x8x4xf32>, tensor<1x1x8x4xf32>) -> tensor<1x1x8x4xf32>
  %r = nn.reshape %a : (tensor<1x1x8x4xf32>) -> tensor<1x8x4xf32>
  %y = nn.binary add %x, %r : (tensor<1x8x4xf32>, tensor<1x8x4xf32>) -> tensor<1x8x4xf32>
  %m = nn.matmul %y, %w : (tensor<1x8x4xf32>, tensor<4x4xf32>) -> tensor<1x8x4xf32>
  return %m : tensor<1x8x4xf32>
}
