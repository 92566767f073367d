// RUN: fettle-opt %s --verify-kernels | FileCheck %s

// CHECK-LABEL: func.func @accepted
// CHECK: nn.kernel
func.func @accepted(%x: tensor<4xf32>) -> tensor<2x2xf32> {
  %0 = nn.kernel(%a = %x) attributes {kind = "map"} : (tensor<4xf32>) -> tensor<4xf32> {
    %2 = nn.unary relu %a : (tensor<4xf32>) -> tensor<4xf32>
    nn.yield %2 : tensor<4xf32>
  }
  %1 = nn.reshape %0 : (tensor<4xf32>) -> tensor<2x2xf32>
  return %1 : tensor<2x2xf32>
}
