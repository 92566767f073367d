// RUN: fettle-opt %s --verify-import | FileCheck %s

// CHECK-LABEL: func.func @accepted
func.func @accepted(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = nn.unary relu %x : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
