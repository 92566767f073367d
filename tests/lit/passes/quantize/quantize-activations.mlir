// RUN: fettle-opt %s --quantize-activations="profile=%S/Inputs/two.json grid=min-max" | FileCheck %s
// RUN: fettle-opt %s --quantize-activations="profile=%S/Inputs/two.json grid=min-max float-layers=second" | FileCheck %s --check-prefix=FLOAT

// What only a layer that stays in float would read is not rounded; the grid of the rest stays the same.
// FLOAT-LABEL: func.func @main
// FLOAT-DAG: nn.constant dense<0.00999999977> : tensor<f32>
// FLOAT: %[[R:.*]] = nn.unary relu
// FLOAT-NOT: nn.quantize
// FLOAT: nn.matmul %[[R]]

// From -1 to 1.55 in 255 steps of 0.01; -1 is 0, so that 0 is 100.
// CHECK-LABEL: func.func @main
// CHECK-DAG: %[[SX:.*]] = nn.constant dense<0.00999999977> : tensor<f32>
// CHECK-DAG: %[[ZX:.*]] = nn.constant dense<100> : tensor<ui8>
// CHECK: %[[QX:.*]] = nn.quantize %arg0, %[[SX]], %[[ZX]] : (tensor<1x8xf32>, tensor<f32>, tensor<ui8>) -> tensor<1x8xui8>
// CHECK: %[[DX:.*]] = nn.dequantize %[[QX]], %[[SX]], %[[ZX]] : (tensor<1x8xui8>, tensor<f32>, tensor<ui8>) -> tensor<1x8xf32>
// CHECK: %[[M:.*]] = nn.matmul %[[DX]], %{{.*}}
// CHECK: %[[R:.*]] = nn.unary relu %[[M]]
// CHECK: %[[QR:.*]] = nn.quantize %[[R]]
// CHECK: %[[DR:.*]] = nn.dequantize %[[QR]]
// Both readers of what was computed from integers read integers.
// CHECK: %[[N:.*]] = nn.matmul %[[DR]], %{{.*}}
// CHECK: nn.binary add %[[N]], %[[DR]]
func.func @main(%x: tensor<1x8xf32> {nn.name = "x"}) -> tensor<1x8xf32> {
  %w = nn.constant dense<0.5> : tensor<8x8xf32>
  %0 = nn.matmul %x, %w : (tensor<1x8xf32>, tensor<8x8xf32>) -> tensor<1x8xf32> loc("first"("MatMul"))
  %1 = nn.unary relu %0 : (tensor<1x8xf32>) -> tensor<1x8xf32> loc("relu"("Relu"))
  %2 = nn.matmul %1, %w : (tensor<1x8xf32>, tensor<8x8xf32>) -> tensor<1x8xf32> loc("second"("MatMul"))
  %3 = nn.binary add %2, %1 : (tensor<1x8xf32>, tensor<1x8xf32>) -> tensor<1x8xf32> loc("sum"("Add"))
  return %3 : tensor<1x8xf32>
}

// Bytes in steps of 0.1 are added to what becomes bytes in steps of 18.36 / 255 = 0.072: with 0.1 * 13 / 18 they come in with
// 18 / 13, a fraction with an odd denominator, and nothing lies on a tie.
// CHECK-LABEL: func.func @residual
// CHECK: nn.constant dense<1.000000e-01> : tensor<f32>
// CHECK: nn.constant dense<0.0722222254> : tensor<f32>
func.func @residual(%x: tensor<1x8xf32> {nn.name = "x"}) -> tensor<1x8xf32> {
  %w = nn.constant dense<0.5> : tensor<8x8xf32>
  %0 = nn.matmul %x, %w : (tensor<1x8xf32>, tensor<8x8xf32>) -> tensor<1x8xf32> loc("first"("MatMul"))
  %1 = nn.unary relu %0 : (tensor<1x8xf32>) -> tensor<1x8xf32> loc("relu"("Relu"))
  %2 = nn.matmul %1, %w : (tensor<1x8xf32>, tensor<8x8xf32>) -> tensor<1x8xf32> loc("second"("MatMul"))
  %3 = nn.binary add %2, %1 : (tensor<1x8xf32>, tensor<1x8xf32>) -> tensor<1x8xf32> loc("total"("Add"))
  %4 = nn.matmul %3, %w : (tensor<1x8xf32>, tensor<8x8xf32>) -> tensor<1x8xf32> loc("third"("MatMul"))
  return %4 : tensor<1x8xf32>
}
