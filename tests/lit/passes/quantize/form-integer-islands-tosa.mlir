// RUN: fettle-opt %s --form-integer-islands=rule=tosa | FileCheck %s

// Factor 0.5 * 2 = 1 over the scale 4 is 2^30 2^-32; relu is implied by saturation at zero point 0.
// CHECK-LABEL: func.func @product
// CHECK-DAG: %[[M:.*]] = nn.constant dense<1073741824> : tensor<i32>
// CHECK-DAG: %[[S:.*]] = nn.constant dense<32> : tensor<i8>
// CHECK: %[[P:.*]] = nn.matmul {{.*}} -> tensor<3x2xi32>
// CHECK-NEXT: %[[R:.*]] = nn.rescale %[[P]], %[[M]], %[[S]] : (tensor<3x2xi32>, tensor<i32>, tensor<i8>) -> tensor<3x2xui8>
// CHECK-NEXT: return %[[R]]
func.func @product(%x: tensor<3x2xui8>) -> tensor<3x2xui8> {
  %sx = nn.constant dense<0.5> : tensor<f32>
  %w = nn.constant dense<[[1, -2], [3, 4]]> : tensor<2x2xi8>
  %sw = nn.constant dense<2.0> : tensor<f32>
  %sy = nn.constant dense<4.0> : tensor<f32>
  %zy = nn.constant dense<0> : tensor<ui8>
  %0 = nn.dequantize %x, %sx : (tensor<3x2xui8>, tensor<f32>) -> tensor<3x2xf32>
  %1 = nn.dequantize %w, %sw : (tensor<2x2xi8>, tensor<f32>) -> tensor<2x2xf32>
  %2 = nn.matmul %0, %1 : (tensor<3x2xf32>, tensor<2x2xf32>) -> tensor<3x2xf32>
  %3 = nn.unary relu %2 : (tensor<3x2xf32>) -> tensor<3x2xf32>
  %4 = nn.quantize %3, %sy, %zy : (tensor<3x2xf32>, tensor<f32>, tensor<ui8>) -> tensor<3x2xui8>
  return %4 : tensor<3x2xui8>
}

// One multiplier per channel; a bound inside the range of the bytes is one of theirs: 6 / 0.5 + 10 = 22, 0 is 10.
// CHECK-LABEL: func.func @channels
// CHECK-DAG: %[[M:.*]] = nn.constant dense<{{.*}}1073741824{{.*}}1610612736{{.*}}> : tensor<2x1x1xi32>
// CHECK-DAG: %[[S:.*]] = nn.constant dense<{{.*}}32{{.*}}31{{.*}}> : tensor<2x1x1xi8>
// CHECK: %[[P:.*]] = nn.conv
// CHECK-NEXT: %[[R:.*]] = nn.rescale %[[P]], %[[M]], %[[S]] {output_zero_point = 10 : i64}
// CHECK-NEXT: nn.clamp %[[R]] {high = 2.200000e+01 : f64, low = 1.000000e+01 : f64} : (tensor<1x2x2x2xui8>)
func.func @channels(%x: tensor<1x1x2x2xui8>) -> tensor<1x2x2x2xui8> {
  %sx = nn.constant dense<0.125> : tensor<f32>
  %w = nn.constant dense<[[[[1]]], [[[2]]]]> : tensor<2x1x1x1xi8>
  %sw = nn.constant dense<[1.0, 3.0]> : tensor<2xf32>
  %sy = nn.constant dense<0.5> : tensor<f32>
  %zy = nn.constant dense<10> : tensor<ui8>
  %0 = nn.dequantize %x, %sx : (tensor<1x1x2x2xui8>, tensor<f32>) -> tensor<1x1x2x2xf32>
  %1 = nn.dequantize %w, %sw {axis = 0 : i64} : (tensor<2x1x1x1xi8>, tensor<2xf32>) -> tensor<2x1x1x1xf32>
  %2 = nn.conv %0, %1 {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x1x2x2xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x2x2xf32>
  %3 = nn.clamp %2 {low = 0.0 : f64, high = 6.0 : f64} : (tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  %4 = nn.quantize %3, %sy, %zy : (tensor<1x2x2x2xf32>, tensor<f32>, tensor<ui8>) -> tensor<1x2x2x2xui8>
  return %4 : tensor<1x2x2x2xui8>
}

// A residual: 0.5 255 + 0.25 255 < 2^8, so the unit is 2^-20. 0.5 is 2^19 units: 2^30 2^-11, 0.25 2^30 2^-12. A unit over the
// scale 1 is 2^30 2^-50.
// CHECK-LABEL: func.func @residual
// CHECK-DAG: %[[M:.*]] = nn.constant dense<1073741824> : tensor<i32>
// CHECK-DAG: %[[SX:.*]] = nn.constant dense<11> : tensor<i8>
// CHECK-DAG: %[[SY:.*]] = nn.constant dense<12> : tensor<i8>
// CHECK-DAG: %[[SZ:.*]] = nn.constant dense<50> : tensor<i8>
// CHECK-DAG: %[[X:.*]] = nn.rescale %arg0, %[[M]], %[[SX]] {input_zero_point = 3 : i64} : (tensor<4xui8>, tensor<i32>, tensor<i8>) -> tensor<4xi32>
// CHECK-DAG: %[[Y:.*]] = nn.rescale %arg1, %[[M]], %[[SY]] : (tensor<4xui8>, tensor<i32>, tensor<i8>) -> tensor<4xi32>
// CHECK: %[[A:.*]] = nn.binary add %[[X]], %[[Y]]
// CHECK-NEXT: %[[R:.*]] = nn.rescale %[[A]], %[[M]], %[[SZ]] {output_zero_point = 5 : i64} : (tensor<4xi32>, tensor<i32>, tensor<i8>) -> tensor<4xui8>
// CHECK-NEXT: nn.clamp %[[R]] {high = 0x7FF0000000000000 : f64, low = 5.000000e+00 : f64}
func.func @residual(%x: tensor<4xui8>, %y: tensor<4xui8>) -> tensor<4xui8> {
  %sx = nn.constant dense<0.5> : tensor<f32>
  %zx = nn.constant dense<3> : tensor<ui8>
  %sy = nn.constant dense<0.25> : tensor<f32>
  %one = nn.constant dense<1.0> : tensor<f32>
  %zz = nn.constant dense<5> : tensor<ui8>
  %0 = nn.dequantize %x, %sx, %zx : (tensor<4xui8>, tensor<f32>, tensor<ui8>) -> tensor<4xf32>
  %1 = nn.dequantize %y, %sy : (tensor<4xui8>, tensor<f32>) -> tensor<4xf32>
  %2 = nn.binary add %0, %1 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %3 = nn.unary relu %2 : (tensor<4xf32>) -> tensor<4xf32>
  %4 = nn.quantize %3, %one, %zz : (tensor<4xf32>, tensor<f32>, tensor<ui8>) -> tensor<4xui8>
  return %4 : tensor<4xui8>
}

// The mean of a sum of four: 4 (255 + 0.5) < 2^10, so units of 2^-18, summed, over 4 times the scale.
// CHECK-LABEL: func.func @mean
// CHECK-DAG: %[[S:.*]] = nn.constant dense<12> : tensor<i8>
// CHECK-DAG: %[[L:.*]] = nn.constant dense<50> : tensor<i8>
// CHECK: %[[X:.*]] = nn.rescale %arg0, %{{.*}}, %[[S]]
// CHECK: %[[A:.*]] = nn.binary add %[[X]], %{{.*}} -> tensor<2x4xi32>
// CHECK-NEXT: %[[R:.*]] = nn.reduce sum %[[A]] {{.*}} -> tensor<2xi32>
// CHECK-NEXT: nn.rescale %[[R]], %{{.*}}, %[[L]]
func.func @mean(%x: tensor<2x4xui8>) -> tensor<2xui8> {
  %s = nn.constant dense<1.0> : tensor<f32>
  %c = nn.constant dense<0.5> : tensor<f32>
  %0 = nn.dequantize %x, %s : (tensor<2x4xui8>, tensor<f32>) -> tensor<2x4xf32>
  %1 = nn.binary add %0, %c : (tensor<2x4xf32>, tensor<f32>) -> tensor<2x4xf32>
  %2 = nn.reduce mean %1 {axes = array<i64: 1>} : (tensor<2x4xf32>) -> tensor<2xf32>
  %3 = nn.quantize %2, %s : (tensor<2xf32>, tensor<f32>) -> tensor<2xui8>
  return %3 : tensor<2xui8>
}

// A bound before the sum is one of the sum's units.
// CHECK-LABEL: func.func @inner_bound
// CHECK: %[[R:.*]] = nn.rescale %arg0, {{.*}} -> tensor<4xi32>
// CHECK: %[[C:.*]] = nn.unary relu %[[R]] : (tensor<4xi32>) -> tensor<4xi32>
// CHECK: nn.binary sub %{{.*}}, %[[C]]
func.func @inner_bound(%x: tensor<4xui8>, %y: tensor<4xui8>) -> tensor<4xui8> {
  %s = nn.constant dense<0.5> : tensor<f32>
  %z = nn.constant dense<8> : tensor<ui8>
  %0 = nn.dequantize %x, %s, %z : (tensor<4xui8>, tensor<f32>, tensor<ui8>) -> tensor<4xf32>
  %1 = nn.unary relu %0 : (tensor<4xf32>) -> tensor<4xf32>
  %2 = nn.dequantize %y, %s, %z : (tensor<4xui8>, tensor<f32>, tensor<ui8>) -> tensor<4xf32>
  %3 = nn.binary sub %2, %1 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %4 = nn.quantize %3, %s, %z : (tensor<4xf32>, tensor<f32>, tensor<ui8>) -> tensor<4xui8>
  return %4 : tensor<4xui8>
}

// An activation that is no bound follows the other rule, and so does what is read as floats, too.
// CHECK-LABEL: func.func @float_between
// CHECK: nn.unary hard_swish
// CHECK-NOT: nn.rescale
// CHECK: nn.quantize
// CHECK: nn.quantize
func.func @float_between(%x: tensor<4xui8>) -> (tensor<4xui8>, tensor<4xui8>, tensor<4xf32>) {
  %s = nn.constant dense<0.5> : tensor<f32>
  %t = nn.constant dense<0.25> : tensor<f32>
  %z = nn.constant dense<8> : tensor<ui8>
  %0 = nn.dequantize %x, %s, %z : (tensor<4xui8>, tensor<f32>, tensor<ui8>) -> tensor<4xf32>
  %1 = nn.unary hard_swish %0 : (tensor<4xf32>) -> tensor<4xf32>
  %2 = nn.quantize %1, %t, %z : (tensor<4xf32>, tensor<f32>, tensor<ui8>) -> tensor<4xui8>
  %3 = nn.binary add %0, %t : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %4 = nn.quantize %3, %t, %z : (tensor<4xf32>, tensor<f32>, tensor<ui8>) -> tensor<4xui8>
  return %2, %4, %3 : tensor<4xui8>, tensor<4xui8>, tensor<4xf32>
}

// At the border of the graph the user's floats are divided, as ONNX says.
// CHECK-LABEL: func.func @border
// CHECK: nn.quantize %arg0
func.func @border(%x: tensor<4xf32>) -> tensor<4xui8> {
  %s = nn.constant dense<0.5> : tensor<f32>
  %0 = nn.quantize %x, %s : (tensor<4xf32>, tensor<f32>) -> tensor<4xui8>
  return %0 : tensor<4xui8>
}
