// RUN: fettle-opt %s --fold-constants | FileCheck %s
// RUN: fettle-opt %s --fold-constants=growth=0 | FileCheck %s --check-prefix=NOGROWTH
// RUN: fettle-opt %s --fold-constants=keeps-pairs | FileCheck %s --check-prefix=KEEP

// CHECK-LABEL: func.func @chain
// CHECK-NEXT: %[[C:.*]] = nn.constant dense<{{\[\[}}2.000000e+00], [4.000000e+00]]> : tensor<2x1xf32>
// CHECK-NEXT: nn.binary mul %arg0, %[[C]]
func.func @chain(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %w = nn.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %0 = nn.transpose %w {perm = array<i64: 1, 0>} : (tensor<1x2xf32>) -> tensor<2x1xf32>
  %1 = nn.binary add %0, %0 : (tensor<2x1xf32>, tensor<2x1xf32>) -> tensor<2x1xf32>
  %2 = nn.binary mul %x, %1 : (tensor<2x3xf32>, tensor<2x1xf32>) -> tensor<2x3xf32>
  return %2 : tensor<2x3xf32>
}

// A splat stays a splat at any size; other data does not grow.
// CHECK-LABEL: func.func @growth
// CHECK-DAG: nn.constant dense<1.000000e+00> : tensor<1000x1000xf32>
// CHECK-DAG: %[[W:.*]] = nn.constant dense_resource<{{.*}}> : tensor<1000x1xf32>
// CHECK: nn.broadcast %[[W]]
func.func @growth(%x: tensor<1000x1000xf32>) -> (tensor<1000x1000xf32>, tensor<1000x1000xf32>) {
  %one = nn.constant dense<1.0> : tensor<f32>
  %w = nn.constant dense<[[1.0], [2.0], [3.0], [4.0]]> : tensor<4x1xf32>
  %0 = nn.broadcast %one : (tensor<f32>) -> tensor<1000x1000xf32>
  %1 = nn.tile %w {repeats = array<i64: 250, 1>} : (tensor<4x1xf32>) -> tensor<1000x1xf32>
  %2 = nn.broadcast %1 : (tensor<1000x1xf32>) -> tensor<1000x1000xf32>
  return %0, %2 : tensor<1000x1000xf32>, tensor<1000x1000xf32>
}

// Weights become wider, whatever their size.
// CHECK-LABEL: func.func @weights
// NOGROWTH-LABEL: func.func @weights
// NOGROWTH-NEXT: nn.constant dense<{{.*}}> : tensor<2xf64>
// CHECK-NEXT: nn.constant dense<{{.*}}> : tensor<2xf64>
// CHECK-NEXT: return
func.func @weights() -> tensor<2xf64> {
  %w = nn.constant dense<[1, 2]> : tensor<2xi8>
  %0 = nn.cast %w : (tensor<2xi8>) -> tensor<2xf64>
  return %0 : tensor<2xf64>
}

// Where the target wants pairs, weights stay quantized.
// KEEP-LABEL: func.func @pair
// KEEP: %[[W:.*]] = nn.constant dense<[1, 2]> : tensor<2xi8>
// KEEP: nn.dequantize %[[W]]
// CHECK-LABEL: func.func @pair
// CHECK-NOT: nn.dequantize
// CHECK: return
func.func @pair() -> tensor<2xf32> {
  %s = nn.constant dense<0.5> : tensor<f32>
  %x = nn.constant dense<[0.5, 1.0]> : tensor<2xf32>
  %0 = nn.quantize %x, %s : (tensor<2xf32>, tensor<f32>) -> tensor<2xi8>
  %1 = nn.dequantize %0, %s : (tensor<2xi8>, tensor<f32>) -> tensor<2xf32>
  return %1 : tensor<2xf32>
}
