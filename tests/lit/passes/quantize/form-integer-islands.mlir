// RUN: fettle-opt %s --form-integer-islands | FileCheck %s

// Scales 0.5 and 2, bias 3 = 3 steps of 1; relu passes the factor and is implied by saturation at zero point 0; 1 / 0.25.
// CHECK-LABEL: func.func @product
// CHECK-DAG: %[[W:.*]] = nn.constant dense<{{\[\[}}1, -2], [3, 4]]> : tensor<2x2xi8>
// CHECK-DAG: %[[B:.*]] = nn.constant dense<3> : tensor<2xi32>
// CHECK-DAG: %[[F:.*]] = nn.constant dense<4.000000e+00> : tensor<f32>
// CHECK: %[[P:.*]] = nn.matmul %arg0, %[[W]], %[[B]] {zero_point = 7 : i64} : (tensor<3x2xui8>, tensor<2x2xi8>, tensor<2xi32>) -> tensor<3x2xi32>
// CHECK-NEXT: %[[R:.*]] = nn.cast %[[P]]
// CHECK-NEXT: %[[S:.*]] = nn.binary mul %[[R]], %[[F]]
// CHECK-NEXT: %[[Q:.*]] = nn.quantize %[[S]]
// CHECK-NEXT: return %[[Q]]
func.func @product(%x: tensor<3x2xui8>) -> tensor<3x2xui8> {
  %sx = nn.constant dense<0.5> : tensor<f32>
  %zx = nn.constant dense<7> : tensor<ui8>
  %w = nn.constant dense<[[1, -2], [3, 4]]> : tensor<2x2xi8>
  %sw = nn.constant dense<2.0> : tensor<f32>
  %b = nn.constant dense<3.0> : tensor<2xf32>
  %sy = nn.constant dense<0.25> : tensor<f32>
  %zy = nn.constant dense<0> : tensor<ui8>
  %0 = nn.dequantize %x, %sx, %zx : (tensor<3x2xui8>, tensor<f32>, tensor<ui8>) -> tensor<3x2xf32>
  %1 = nn.dequantize %w, %sw : (tensor<2x2xi8>, tensor<f32>) -> tensor<2x2xf32>
  %2 = nn.matmul %0, %1, %b : (tensor<3x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<3x2xf32>
  %3 = nn.unary relu %2 : (tensor<3x2xf32>) -> tensor<3x2xf32>
  %4 = nn.quantize %3, %sy, %zy : (tensor<3x2xf32>, tensor<f32>, tensor<ui8>) -> tensor<3x2xui8>
  return %4 : tensor<3x2xui8>
}

// One scale per output channel; unsigned weights of zero point 128 are signed ones without.
// CHECK-LABEL: func.func @channels
// CHECK-DAG: nn.constant dense<{{.*}}1.000000e+00{{.*}}2.000000e+00{{.*}}> : tensor<2x1x1xf32>
// CHECK-DAG: %[[W:.*]] = nn.constant dense<{{.*}}-128{{.*}}127{{.*}}> : tensor<2x1x1x1xi8>
// CHECK: nn.conv %arg0, %[[W]]
// CHECK-SAME: zero_point = 3
func.func @channels(%x: tensor<1x1x2x2xui8>) -> tensor<1x2x2x2xf32> {
  %sx = nn.constant dense<1.0> : tensor<f32>
  %zx = nn.constant dense<3> : tensor<ui8>
  %w = nn.constant dense<[[[[0]]], [[[255]]]]> : tensor<2x1x1x1xui8>
  %sw = nn.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %zw = nn.constant dense<128> : tensor<2xui8>
  %0 = nn.dequantize %x, %sx, %zx : (tensor<1x1x2x2xui8>, tensor<f32>, tensor<ui8>) -> tensor<1x1x2x2xf32>
  %1 = nn.dequantize %w, %sw, %zw {axis = 0 : i64} : (tensor<2x1x1x1xui8>, tensor<2xf32>, tensor<2xui8>) -> tensor<2x1x1x1xf32>
  %2 = nn.conv %0, %1 {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x1x2x2xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x2x2xf32>
  return %2 : tensor<1x2x2x2xf32>
}

// A full unsigned range around another zero point has nine bits.
// CHECK-LABEL: func.func @nine_bits
// CHECK: nn.constant dense<{{\[\[}}-100], [155]]> : tensor<2x1xi16>
func.func @nine_bits(%x: tensor<3x2xui8>) -> tensor<3x1xf32> {
  %s = nn.constant dense<1.0> : tensor<f32>
  %w = nn.constant dense<[[0], [255]]> : tensor<2x1xui8>
  %zw = nn.constant dense<100> : tensor<ui8>
  %0 = nn.dequantize %x, %s : (tensor<3x2xui8>, tensor<f32>) -> tensor<3x2xf32>
  %1 = nn.dequantize %w, %s, %zw : (tensor<2x1xui8>, tensor<f32>, tensor<ui8>) -> tensor<2x1xf32>
  %2 = nn.matmul %0, %1 : (tensor<3x2xf32>, tensor<2x1xf32>) -> tensor<3x1xf32>
  return %2 : tensor<3x1xf32>
}

// Signed activations become unsigned; movement and maxima run on bytes.
// CHECK-LABEL: func.func @moves
// CHECK-DAG: %[[Z:.*]] = nn.constant dense<138> : tensor<ui8>
// CHECK: %[[Q:.*]] = nn.quantize %arg0, %{{.*}}, %[[Z]]
// CHECK: %[[T:.*]] = nn.transpose %[[Q]]
// CHECK: %[[M:.*]] = nn.pool max_pool %[[T]]
// CHECK: nn.dequantize %[[M]]
func.func @moves(%x: tensor<1x4x2xf32>) -> tensor<1x2x2xf32> {
  %s = nn.constant dense<0.5> : tensor<f32>
  %z = nn.constant dense<10> : tensor<i8>
  %0 = nn.quantize %x, %s, %z : (tensor<1x4x2xf32>, tensor<f32>, tensor<i8>) -> tensor<1x4x2xi8>
  %1 = nn.dequantize %0, %s, %z : (tensor<1x4x2xi8>, tensor<f32>, tensor<i8>) -> tensor<1x4x2xf32>
  %2 = nn.transpose %1 {perm = array<i64: 0, 2, 1>} : (tensor<1x4x2xf32>) -> tensor<1x2x4xf32>
  %3 = nn.pool max_pool %2 {kernel = array<i64: 2>, strides = array<i64: 2>, pads = array<i64: 0, 0>, dilations = array<i64: 1>} : (tensor<1x2x4xf32>) -> tensor<1x2x2xf32>
  return %3 : tensor<1x2x2xf32>
}

// CHECK-LABEL: func.func @concat
// CHECK: %[[C:.*]] = nn.concat %arg0, %arg1 {{.*}} -> tensor<4xui8>
// CHECK: return %[[C]]
func.func @concat(%x: tensor<2xui8>, %y: tensor<2xui8>) -> tensor<4xui8> {
  %s = nn.constant dense<0.5> : tensor<f32>
  %0 = nn.dequantize %x, %s : (tensor<2xui8>, tensor<f32>) -> tensor<2xf32>
  %1 = nn.dequantize %y, %s : (tensor<2xui8>, tensor<f32>) -> tensor<2xf32>
  %2 = nn.concat %0, %1 {axis = 0 : i64} : (tensor<2xf32>, tensor<2xf32>) -> tensor<4xf32>
  %3 = nn.quantize %2, %s : (tensor<4xf32>, tensor<f32>) -> tensor<4xui8>
  return %3 : tensor<4xui8>
}

// The mean of 4 bytes of zero point 2: (sum - 8) * 0.5 / 4.
// CHECK-LABEL: func.func @mean
// CHECK-DAG: nn.constant dense<1.250000e-01> : tensor<f32>
// CHECK-DAG: %[[Z:.*]] = nn.constant dense<8> : tensor<i32>
// CHECK: %[[S:.*]] = nn.reduce sum %{{.*}} -> tensor<3xi32>
// CHECK: nn.binary sub %[[S]], %[[Z]]
func.func @mean(%x: tensor<3x4xui8>) -> tensor<3xf32> {
  %s = nn.constant dense<0.5> : tensor<f32>
  %z = nn.constant dense<2> : tensor<ui8>
  %0 = nn.dequantize %x, %s, %z : (tensor<3x4xui8>, tensor<f32>, tensor<ui8>) -> tensor<3x4xf32>
  %1 = nn.reduce mean %0 {axes = array<i64: 1>} : (tensor<3x4xf32>) -> tensor<3xf32>
  return %1 : tensor<3xf32>
}

// MatMulInteger behind DynamicQuantizeLinear: the computed zero point times the column sums 4 and 6.
// CHECK-LABEL: func.func @dynamic
// CHECK-DAG: %[[S:.*]] = nn.constant dense<[4, 6]> : tensor<2xi32>
// CHECK-DAG: %[[P:.*]] = nn.matmul %arg0, %{{.*}} : (tensor<3x2xui8>, tensor<2x2xi8>) -> tensor<3x2xi32>
// CHECK-DAG: %[[Z:.*]] = nn.binary mul %[[S]], %{{.*}}
// CHECK: nn.binary sub %[[P]], %[[Z]]
func.func @dynamic(%x: tensor<3x2xui8>, %z: tensor<ui8>) -> tensor<3x2xi32> {
  %w = nn.constant dense<[[1, 2], [3, 4]]> : tensor<2x2xi8>
  %0 = nn.cast %x : (tensor<3x2xui8>) -> tensor<3x2xi32>
  %1 = nn.cast %z : (tensor<ui8>) -> tensor<i32>
  %2 = nn.binary sub %0, %1 : (tensor<3x2xi32>, tensor<i32>) -> tensor<3x2xi32>
  %3 = nn.cast %w : (tensor<2x2xi8>) -> tensor<2x2xi32>
  %4 = nn.matmul %2, %3 : (tensor<3x2xi32>, tensor<2x2xi32>) -> tensor<3x2xi32>
  return %4 : tensor<3x2xi32>
}

// A bound that saturation does not imply stays.
// CHECK-LABEL: func.func @bound
// CHECK: nn.clamp %{{.*}} {high = {{.*}}, low = 0xFFF0000000000000 : f64}
func.func @bound(%x: tensor<3x2xi32>) -> tensor<3x2xui8> {
  %f = nn.constant dense<0.5> : tensor<f32>
  %s = nn.constant dense<0.25> : tensor<f32>
  %0 = nn.cast %x : (tensor<3x2xi32>) -> tensor<3x2xf32>
  %1 = nn.binary mul %0, %f : (tensor<3x2xf32>, tensor<f32>) -> tensor<3x2xf32>
  %2 = nn.clamp %1 {low = 0.0 : f64, high = 6.0 : f64} : (tensor<3x2xf32>) -> tensor<3x2xf32>
  %3 = nn.quantize %2, %s : (tensor<3x2xf32>, tensor<f32>) -> tensor<3x2xui8>
  return %3 : tensor<3x2xui8>
}

// Weights that are computed, and scales along another axis, stay float.
// CHECK-LABEL: func.func @float
// CHECK: nn.matmul {{.*}} -> tensor<2x2xf32>
func.func @float(%x: tensor<2x2xui8>, %w: tensor<2x2xi8>) -> tensor<2x2xf32> {
  %s = nn.constant dense<0.5> : tensor<f32>
  %0 = nn.dequantize %x, %s : (tensor<2x2xui8>, tensor<f32>) -> tensor<2x2xf32>
  %1 = nn.dequantize %w, %s : (tensor<2x2xi8>, tensor<f32>) -> tensor<2x2xf32>
  %2 = nn.matmul %0, %1 : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  return %2 : tensor<2x2xf32>
}

// What is added behind a product is its bias: 3 = 3 steps of 1; one in the product's own steps stays as it is.
// CHECK-LABEL: func.func @bias_behind
// CHECK-DAG: %[[B:.*]] = nn.constant dense<[3, -5]> : tensor<2xi32>
// CHECK-DAG: %[[C:.*]] = nn.constant dense<[2000000001, 7]> : tensor<2xi32>
// CHECK: nn.matmul %arg0, %{{.*}}, %[[B]]
// CHECK-NOT: nn.binary add
// CHECK: nn.matmul %arg0, %{{.*}}, %[[C]]
// CHECK-NOT: nn.binary add
// CHECK: return
func.func @bias_behind(%x: tensor<1x3x2xui8>) -> (tensor<1x3x2xf32>, tensor<1x3x2xf32>) {
  %sx = nn.constant dense<0.5> : tensor<f32>
  %w = nn.constant dense<[[1, -2], [3, 4]]> : tensor<2x2xi8>
  %sw = nn.constant dense<2.0> : tensor<f32>
  %b = nn.constant dense<[[[3.0, -5.0]]]> : tensor<1x1x2xf32>
  %c = nn.constant dense<[2000000001, 7]> : tensor<2xi32>
  %sc = nn.constant dense<1.0> : tensor<f32>
  %0 = nn.dequantize %x, %sx : (tensor<1x3x2xui8>, tensor<f32>) -> tensor<1x3x2xf32>
  %1 = nn.dequantize %w, %sw : (tensor<2x2xi8>, tensor<f32>) -> tensor<2x2xf32>
  %2 = nn.matmul %0, %1 : (tensor<1x3x2xf32>, tensor<2x2xf32>) -> tensor<1x3x2xf32>
  %3 = nn.binary add %2, %b : (tensor<1x3x2xf32>, tensor<1x1x2xf32>) -> tensor<1x3x2xf32>
  %4 = nn.matmul %0, %1 : (tensor<1x3x2xf32>, tensor<2x2xf32>) -> tensor<1x3x2xf32>
  %5 = nn.dequantize %c, %sc : (tensor<2xi32>, tensor<f32>) -> tensor<2xf32>
  %6 = nn.binary add %5, %4 : (tensor<2xf32>, tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  return %3, %6 : tensor<1x3x2xf32>, tensor<1x3x2xf32>
}

// What is computed, or does not vary by column, stays a sum.
// CHECK-LABEL: func.func @sums
// CHECK-COUNT-2: nn.binary add
func.func @sums(%x: tensor<2x2xui8>, %y: tensor<2xf32>) -> (tensor<2x2xf32>, tensor<2x2xf32>) {
  %sx = nn.constant dense<0.5> : tensor<f32>
  %w = nn.constant dense<[[1, -2], [3, 4]]> : tensor<2x2xi8>
  %b = nn.constant dense<[[3.0], [4.0]]> : tensor<2x1xf32>
  %0 = nn.dequantize %x, %sx : (tensor<2x2xui8>, tensor<f32>) -> tensor<2x2xf32>
  %1 = nn.dequantize %w, %sx : (tensor<2x2xi8>, tensor<f32>) -> tensor<2x2xf32>
  %2 = nn.matmul %0, %1 : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %3 = nn.binary add %2, %y : (tensor<2x2xf32>, tensor<2xf32>) -> tensor<2x2xf32>
  %4 = nn.matmul %0, %1 : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %5 = nn.binary add %4, %b : (tensor<2x2xf32>, tensor<2x1xf32>) -> tensor<2x2xf32>
  return %3, %5 : tensor<2x2xf32>, tensor<2x2xf32>
}
