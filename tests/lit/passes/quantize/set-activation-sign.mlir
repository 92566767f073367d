// RUN: fettle-opt %s --set-activation-sign | FileCheck %s
// RUN: fettle-opt %s --set-activation-sign=unsigned=false | FileCheck %s --check-prefix=SIGNED

// CHECK-LABEL: func.func @signed
// CHECK: %[[Z:.*]] = nn.constant dense<131> : tensor<ui8>
// CHECK: nn.quantize %arg0, %{{.*}}, %[[Z]] : (tensor<4xf32>, tensor<f32>, tensor<ui8>) -> tensor<4xui8>
// CHECK: nn.dequantize
// CHECK-SAME: (tensor<4xui8>, tensor<f32>, tensor<ui8>) -> tensor<4xf32>
// SIGNED-LABEL: func.func @signed
// SIGNED: nn.quantize %arg0
// SIGNED-SAME: -> tensor<4xi8>
func.func @signed(%x: tensor<4xf32>) -> tensor<4xf32> {
  %s = nn.constant dense<0.5> : tensor<f32>
  %z = nn.constant dense<3> : tensor<i8>
  %0 = nn.quantize %x, %s, %z : (tensor<4xf32>, tensor<f32>, tensor<i8>) -> tensor<4xi8>
  %1 = nn.dequantize %0, %s, %z : (tensor<4xi8>, tensor<f32>, tensor<i8>) -> tensor<4xf32>
  return %1 : tensor<4xf32>
}

// No zero point means 0, which is -128 for the other sign.
// SIGNED-LABEL: func.func @unsigned
// SIGNED: %[[Z:.*]] = nn.constant dense<-128> : tensor<i8>
// SIGNED: nn.quantize %arg0, %{{.*}}, %[[Z]] : (tensor<4xf32>, tensor<f32>, tensor<i8>) -> tensor<4xi8>
// SIGNED-COUNT-2: nn.dequantize {{.*}}tensor<i8>) -> tensor<4xf32>
func.func @unsigned(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %s = nn.constant dense<0.5> : tensor<f32>
  %z = nn.constant dense<0> : tensor<ui8>
  %0 = nn.quantize %x, %s : (tensor<4xf32>, tensor<f32>) -> tensor<4xui8>
  %1 = nn.dequantize %0, %s : (tensor<4xui8>, tensor<f32>) -> tensor<4xf32>
  %2 = nn.dequantize %0, %s, %z : (tensor<4xui8>, tensor<f32>, tensor<ui8>) -> tensor<4xf32>
  return %1, %2 : tensor<4xf32>, tensor<4xf32>
}

// What a user sees stays: a result, an input, and what computes on the integers.
// SIGNED-LABEL: func.func @seen
// SIGNED: nn.quantize {{.*}} -> tensor<4xui8>
// SIGNED: nn.dequantize %arg1
// SIGNED: nn.quantize {{.*}} -> tensor<4xui8>
func.func @seen(%x: tensor<4xf32>, %q: tensor<4xui8>) -> (tensor<4xui8>, tensor<4xf32>, tensor<4xui8>) {
  %s = nn.constant dense<0.5> : tensor<f32>
  %0 = nn.quantize %x, %s : (tensor<4xf32>, tensor<f32>) -> tensor<4xui8>
  %1 = nn.dequantize %q, %s : (tensor<4xui8>, tensor<f32>) -> tensor<4xf32>
  %2 = nn.quantize %1, %s : (tensor<4xf32>, tensor<f32>) -> tensor<4xui8>
  %3 = nn.binary max %2, %q : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xui8>
  return %0, %1, %3 : tensor<4xui8>, tensor<4xf32>, tensor<4xui8>
}

// Weights are no activations.
// SIGNED-LABEL: func.func @weights
// SIGNED: nn.dequantize {{.*}}tensor<2xui8>
func.func @weights() -> tensor<2xf32> {
  %s = nn.constant dense<0.5> : tensor<f32>
  %w = nn.constant dense<[1, 2]> : tensor<2xui8>
  %0 = nn.dequantize %w, %s : (tensor<2xui8>, tensor<f32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}
