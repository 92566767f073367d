// RUN: fettle-opt %s --simplify --raise-activation --simplify | FileCheck %s

// CHECK-LABEL: func.func @gelu
// CHECK-NEXT: nn.unary gelu %arg0
// CHECK-NEXT: return
func.func @gelu(%x: tensor<4xf32>) -> tensor<4xf32> {
  %root = nn.constant dense<1.41421354> : tensor<f32>
  %one = nn.constant dense<1.0> : tensor<f32>
  %half = nn.constant dense<0.5> : tensor<f32>
  %0 = nn.binary div %x, %root : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %1 = nn.unary erf %0 : (tensor<4xf32>) -> tensor<4xf32>
  %2 = nn.binary add %1, %one : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %3 = nn.binary mul %x, %2 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %4 = nn.binary mul %3, %half : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %4 : tensor<4xf32>
}

// Gated: the other factor stays.
// CHECK-LABEL: func.func @gelu_tanh
// CHECK-NEXT: %[[G:.*]] = nn.unary gelu_tanh %arg0
// CHECK-NEXT: nn.binary mul %[[G]], %arg1
// CHECK-NEXT: return
func.func @gelu_tanh(%x: tensor<4xf32>, %gate: tensor<4xf32>) -> tensor<4xf32> {
  %three = nn.constant dense<3.0> : tensor<f32>
  %c = nn.constant dense<0.044715> : tensor<f32>
  %s = nn.constant dense<0.797884583> : tensor<f32>
  %one = nn.constant dense<1.0> : tensor<f32>
  %half = nn.constant dense<0.5> : tensor<f32>
  %0 = nn.binary pow %x, %three : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %1 = nn.binary mul %0, %c : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %2 = nn.binary add %x, %1 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %3 = nn.binary mul %2, %s : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %4 = nn.unary tanh %3 : (tensor<4xf32>) -> tensor<4xf32>
  %5 = nn.binary add %4, %one : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %6 = nn.binary mul %x, %half : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %7 = nn.binary mul %6, %5 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %8 = nn.binary mul %7, %gate : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %8 : tensor<4xf32>
}

// CHECK-LABEL: func.func @silu
// CHECK-NEXT: nn.unary silu %arg0 {alpha = 1.702000e+00 : f64}
// CHECK-NEXT: return
func.func @silu(%x: tensor<4xf64>) -> tensor<4xf64> {
  %a = nn.constant dense<1.702> : tensor<f64>
  %0 = nn.binary mul %x, %a : (tensor<4xf64>, tensor<f64>) -> tensor<4xf64>
  %1 = nn.unary sigmoid %0 : (tensor<4xf64>) -> tensor<4xf64>
  %2 = nn.binary mul %1, %x : (tensor<4xf64>, tensor<4xf64>) -> tensor<4xf64>
  return %2 : tensor<4xf64>
}

// CHECK-LABEL: func.func @hard_swish
// CHECK-NEXT: nn.unary hard_swish %arg0
// CHECK-NEXT: return
func.func @hard_swish(%x: tensor<4xf32>) -> tensor<4xf32> {
  %zero = nn.constant dense<0.0> : tensor<f32>
  %three = nn.constant dense<3.0> : tensor<f32>
  %six = nn.constant dense<6.0> : tensor<f32>
  %0 = nn.binary add %x, %three : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %1 = nn.binary max %0, %zero : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %2 = nn.binary min %1, %six : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %3 = nn.binary mul %x, %2 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %4 = nn.binary div %3, %six : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %4 : tensor<4xf32>
}

// CHECK-LABEL: func.func @mish
// CHECK-NEXT: nn.unary mish %arg0
// CHECK-NEXT: return
func.func @mish(%x: tensor<4xf32>) -> tensor<4xf32> {
  %one = nn.constant dense<1.0> : tensor<f32>
  %0 = nn.unary exp %x : (tensor<4xf32>) -> tensor<4xf32>
  %1 = nn.binary add %one, %0 : (tensor<f32>, tensor<4xf32>) -> tensor<4xf32>
  %2 = nn.unary log %1 : (tensor<4xf32>) -> tensor<4xf32>
  %3 = nn.unary tanh %2 : (tensor<4xf32>) -> tensor<4xf32>
  %4 = nn.binary mul %x, %3 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %4 : tensor<4xf32>
}

// CHECK-LABEL: func.func @leaky
// CHECK-NEXT: nn.unary leaky_relu %arg0 {alpha = 1.250000e-01 : f64}
// CHECK-NEXT: return
func.func @leaky(%x: tensor<4xf32>) -> tensor<4xf32> {
  %slope = nn.constant dense<0.125> : tensor<f32>
  %0 = nn.binary mul %x, %slope : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %1 = nn.binary max %x, %0 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %1 : tensor<4xf32>
}

// Another slope inside tanh is no gelu.
// CHECK-LABEL: func.func @other
// CHECK: nn.unary tanh
func.func @other(%x: tensor<4xf32>) -> tensor<4xf32> {
  %one = nn.constant dense<1.0> : tensor<f32>
  %0 = nn.unary tanh %x : (tensor<4xf32>) -> tensor<4xf32>
  %1 = nn.binary add %0, %one : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %2 = nn.binary mul %x, %1 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %2 : tensor<4xf32>
}
