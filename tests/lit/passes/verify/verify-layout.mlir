// RUN: fettle-opt %s --verify-layout | FileCheck %s

// CHECK-LABEL: func.func @accepted
func.func @accepted(%x: tensor<1x4x2xf32>) -> tensor<1x2x2xf32> {
  %0 = nn.pool max_pool %x {channels_last, kernel = array<i64: 2>, strides = array<i64: 2>, pads = array<i64: 0, 0>, dilations = array<i64: 1>} : (tensor<1x4x2xf32>) -> tensor<1x2x2xf32>
  return %0 : tensor<1x2x2xf32>
}
