// RUN: fettle-opt %s --fold-batch-norm | FileCheck %s

// factor = 3 / sqrt(3 + 1) = 1.5, offset = 1 - 2 * 1.5 = -2
// CHECK-LABEL: func.func @constant
// CHECK-DAG: %[[F:.*]] = nn.constant dense<1.500000e+00> : tensor<2x1x1xf32>
// CHECK-DAG: %[[O:.*]] = nn.constant dense<-2.000000e+00> : tensor<2x1x1xf32>
// CHECK: %[[M:.*]] = nn.binary mul %arg0, %[[F]]
// CHECK: nn.binary add %[[M]], %[[O]]
func.func @constant(%x: tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32> {
  %s = nn.constant dense<3.0> : tensor<2xf32>
  %b = nn.constant dense<1.0> : tensor<2xf32>
  %m = nn.constant dense<2.0> : tensor<2xf32>
  %v = nn.constant dense<3.0> : tensor<2xf32>
  %0 = nn.batch_norm %x, %s, %b, %m, %v {epsilon = 1.0}
      : (tensor<1x2x4x4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
  return %0 : tensor<1x2x4x4xf32>
}

// Statistics that are computed at run time.
// CHECK-LABEL: func.func @computed
// CHECK: %[[V:.*]] = nn.binary add
// CHECK: %[[D:.*]] = nn.unary sqrt %[[V]]
// CHECK: %[[F:.*]] = nn.binary div %{{.*}}, %[[D]]
// CHECK: nn.binary mul %arg0, %[[F]]
func.func @computed(%x: tensor<1x2x4xf32>, %p: tensor<2xf32>) -> tensor<1x2x4xf32> {
  %0 = nn.batch_norm %x, %p, %p, %p, %p {epsilon = 1.0}
      : (tensor<1x2x4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x4xf32>
  return %0 : tensor<1x2x4xf32>
}
