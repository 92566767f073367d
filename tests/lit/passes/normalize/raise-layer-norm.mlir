// RUN: fettle-opt %s --simplify --cse --raise-layer-norm --simplify | FileCheck %s

// As torch exports it, with a squared power and a division.
// CHECK-LABEL: func.func @torch
// CHECK: nn.layer_norm %arg0, %{{.*}}, %{{.*}} {axis = 1 : i64, epsilon = {{.*}}, operandSegmentSizes = array<i32: 1, 1, 1>}
// CHECK-NEXT: return
func.func @torch(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %two = nn.constant dense<2.0> : tensor<f32>
  %epsilon = nn.constant dense<1.0e-05> : tensor<f32>
  %scale = nn.constant dense<3.0> : tensor<8xf32>
  %bias = nn.constant dense<4.0> : tensor<8xf32>
  %m = nn.reduce mean %x {axes = array<i64: 1>, keep_dims} : (tensor<4x8xf32>) -> tensor<4x1xf32>
  %d = nn.binary sub %x, %m : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xf32>
  %q = nn.binary pow %d, %two : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %v = nn.reduce mean %q {axes = array<i64: 1>, keep_dims} : (tensor<4x8xf32>) -> tensor<4x1xf32>
  %e = nn.binary add %v, %epsilon : (tensor<4x1xf32>, tensor<f32>) -> tensor<4x1xf32>
  %s = nn.unary sqrt %e : (tensor<4x1xf32>) -> tensor<4x1xf32>
  %y = nn.binary div %d, %s : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xf32>
  %z = nn.binary mul %y, %scale : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  %w = nn.binary add %z, %bias : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  return %w : tensor<4x8xf32>
}

// As TensorFlow writes it: x r + (bias - m r), r = rsqrt(v + epsilon) scale, with two differences.
// CHECK-LABEL: func.func @tensorflow
// CHECK: nn.layer_norm %arg0, %{{.*}}, %{{.*}} {axis = 2 : i64, {{.*}}operandSegmentSizes = array<i32: 1, 1, 1>}
// CHECK-NEXT: return
func.func @tensorflow(%x: tensor<1x4x8xf32>) -> tensor<1x4x8xf32> {
  %epsilon = nn.constant dense<1.0e-05> : tensor<f32>
  %scale = nn.constant dense<3.0> : tensor<8xf32>
  %bias = nn.constant dense<4.0> : tensor<8xf32>
  %m = nn.reduce mean %x {axes = array<i64: 2>, keep_dims} : (tensor<1x4x8xf32>) -> tensor<1x4x1xf32>
  %d = nn.binary sub %x, %m : (tensor<1x4x8xf32>, tensor<1x4x1xf32>) -> tensor<1x4x8xf32>
  %q = nn.binary mul %d, %d : (tensor<1x4x8xf32>, tensor<1x4x8xf32>) -> tensor<1x4x8xf32>
  %v = nn.reduce mean %q {axes = array<i64: 2>, keep_dims} : (tensor<1x4x8xf32>) -> tensor<1x4x1xf32>
  %e = nn.binary add %v, %epsilon : (tensor<1x4x1xf32>, tensor<f32>) -> tensor<1x4x1xf32>
  %s = nn.unary sqrt %e : (tensor<1x4x1xf32>) -> tensor<1x4x1xf32>
  %r = nn.unary reciprocal %s : (tensor<1x4x1xf32>) -> tensor<1x4x1xf32>
  %f = nn.binary mul %r, %scale : (tensor<1x4x1xf32>, tensor<8xf32>) -> tensor<1x4x8xf32>
  %g = nn.binary mul %m, %f : (tensor<1x4x1xf32>, tensor<1x4x8xf32>) -> tensor<1x4x8xf32>
  %h = nn.binary sub %bias, %g : (tensor<8xf32>, tensor<1x4x8xf32>) -> tensor<1x4x8xf32>
  %k = nn.binary mul %x, %f : (tensor<1x4x8xf32>, tensor<1x4x8xf32>) -> tensor<1x4x8xf32>
  %y = nn.binary add %k, %h : (tensor<1x4x8xf32>, tensor<1x4x8xf32>) -> tensor<1x4x8xf32>
  return %y : tensor<1x4x8xf32>
}

// CHECK-LABEL: func.func @rms
// CHECK: nn.layer_norm %arg0, %{{.*}} {axis = 1 : i64, epsilon = {{.*}}, operandSegmentSizes = array<i32: 1, 1, 0>, rms}
// CHECK-NEXT: return
func.func @rms(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %two = nn.constant dense<2.0> : tensor<f32>
  %one = nn.constant dense<1.0> : tensor<f32>
  %epsilon = nn.constant dense<1.0e-05> : tensor<f32>
  %scale = nn.constant dense<3.0> : tensor<8xf32>
  %q = nn.binary pow %x, %two : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %v = nn.reduce mean %q {axes = array<i64: 1>, keep_dims} : (tensor<4x8xf32>) -> tensor<4x1xf32>
  %e = nn.binary add %v, %epsilon : (tensor<4x1xf32>, tensor<f32>) -> tensor<4x1xf32>
  %s = nn.unary sqrt %e : (tensor<4x1xf32>) -> tensor<4x1xf32>
  %r = nn.binary div %one, %s : (tensor<f32>, tensor<4x1xf32>) -> tensor<4x1xf32>
  %y = nn.binary mul %x, %r : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xf32>
  %z = nn.binary mul %scale, %y : (tensor<8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %z : tensor<4x8xf32>
}

// As flax writes it: the variance from two moments, the scale with the deviation.
// CHECK-LABEL: func.func @flax
// CHECK: nn.layer_norm %arg0, %{{.*}} {axis = 1 : i64, {{.*}}operandSegmentSizes = array<i32: 1, 1, 0>}
// CHECK-NEXT: return
func.func @flax(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %zero = nn.constant dense<0.0> : tensor<f32>
  %epsilon = nn.constant dense<1.0e-06> : tensor<f32>
  %scale = nn.constant dense<3.0> : tensor<8xf32>
  %m = nn.reduce mean %x {axes = array<i64: 1>, keep_dims} : (tensor<4x8xf32>) -> tensor<4x1xf32>
  %q = nn.binary mul %x, %x : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %v = nn.reduce mean %q {axes = array<i64: 1>, keep_dims} : (tensor<4x8xf32>) -> tensor<4x1xf32>
  %n = nn.binary mul %m, %m : (tensor<4x1xf32>, tensor<4x1xf32>) -> tensor<4x1xf32>
  %u = nn.binary sub %v, %n : (tensor<4x1xf32>, tensor<4x1xf32>) -> tensor<4x1xf32>
  %w = nn.binary max %u, %zero : (tensor<4x1xf32>, tensor<f32>) -> tensor<4x1xf32>
  %e = nn.binary add %w, %epsilon : (tensor<4x1xf32>, tensor<f32>) -> tensor<4x1xf32>
  %r = nn.unary rsqrt %e : (tensor<4x1xf32>) -> tensor<4x1xf32>
  %f = nn.binary mul %r, %scale : (tensor<4x1xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  %d = nn.binary sub %x, %m : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xf32>
  %y = nn.binary mul %d, %f : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// Division by the deviation of something else is no norm.
// CHECK-LABEL: func.func @other
// CHECK-NOT: nn.layer_norm
func.func @other(%x: tensor<4x8xf32>, %y: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %epsilon = nn.constant dense<1.0e-05> : tensor<f32>
  %q = nn.binary mul %x, %x : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %v = nn.reduce mean %q {axes = array<i64: 1>, keep_dims} : (tensor<4x8xf32>) -> tensor<4x1xf32>
  %e = nn.binary add %v, %epsilon : (tensor<4x1xf32>, tensor<f32>) -> tensor<4x1xf32>
  %s = nn.unary sqrt %e : (tensor<4x1xf32>) -> tensor<4x1xf32>
  %z = nn.binary div %y, %s : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xf32>
  return %z : tensor<4x8xf32>
}
