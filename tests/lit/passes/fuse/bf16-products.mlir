// RUN: fettle-opt %s --bf16-products | FileCheck %s
// RUN: fettle-opt %s --bf16-products --fold-constants --form-kernels | FileCheck %s --check-prefix=KERNELS

// Both operands are rounded, the input once for all that read it; what else reads it reads the same, widened. Sums stay
// f32, as the bias and the result.
// CHECK-LABEL: func.func @residual
// CHECK:         [[R:%.*]] = nn.unary relu
// CHECK:         [[H:%.*]] = nn.cast [[R]] {flushes} : (tensor<4x8xf32>) -> tensor<4x8xbf16>
// CHECK:         [[S:%.*]] = nn.cast [[H]] : (tensor<4x8xbf16>) -> tensor<4x8xf32>
// CHECK:         [[P:%.*]] = nn.matmul [[H]], {{%.*}}, %arg1 {f32_sums} : (tensor<4x8xbf16>, tensor<8x8xbf16>, tensor<8xf32>) -> tensor<4x8xf32>
// CHECK:         [[Q:%.*]] = nn.matmul [[H]], {{%.*}} {f32_sums}
// CHECK:         [[T:%.*]] = nn.binary add [[P]], [[Q]]
// CHECK:         nn.binary add [[S]], [[T]]
// The residual is stored and read in 16 bits, without a kernel of its own.
// KERNELS-LABEL: func.func @residual
// KERNELS:         nn.kernel{{.*}}kind = "map"{{.*}}-> tensor<4x8xbf16>
// KERNELS:         nn.kernel{{.*}}kind = "matmul"{{.*}}-> tensor<4x8xf32>
// KERNELS:         nn.kernel({{.*}}tensor<4x8xbf16>, tensor<8x8xbf16>
// KERNELS:           nn.cast
// KERNELS-NOT:     nn.kernel
// KERNELS:         return
func.func @residual(%x: tensor<4x8xf32>, %b: tensor<8xf32>) -> tensor<4x8xf32> {
  %w = nn.constant dense<0.3> : tensor<8x8xf32>
  %v = nn.constant dense<0.7> : tensor<8x8xf32>
  %0 = nn.unary relu %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = nn.matmul %0, %w, %b : (tensor<4x8xf32>, tensor<8x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  %2 = nn.matmul %0, %v : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %3 = nn.binary add %1, %2 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %4 = nn.binary add %0, %3 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %4 : tensor<4x8xf32>
}

// What only moves, or takes the maximum, does so in bf16: the rounding stands behind what computes.
// CHECK-LABEL: func.func @moved
// CHECK:         [[R:%.*]] = nn.unary relu
// CHECK-NEXT:    [[H:%.*]] = nn.cast [[R]] {flushes}
// CHECK-NEXT:    [[M:%.*]] = nn.pool max_pool [[H]]{{.*}} -> tensor<1x2x2x8xbf16>
// CHECK-NEXT:    [[F:%.*]] = nn.reshape [[M]] : (tensor<1x2x2x8xbf16>) -> tensor<4x8xbf16>
// CHECK-NEXT:    nn.matmul [[F]]
func.func @moved(%x: tensor<1x4x4x8xf32>) -> tensor<4x8xf32> {
  %w = nn.constant dense<0.3> : tensor<8x8xf32>
  %0 = nn.unary relu %x : (tensor<1x4x4x8xf32>) -> tensor<1x4x4x8xf32>
  %1 = nn.pool max_pool %0 {channels_last, kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>}
       : (tensor<1x4x4x8xf32>) -> tensor<1x2x2x8xf32>
  %2 = nn.reshape %1 : (tensor<1x2x2x8xf32>) -> tensor<4x8xf32>
  %3 = nn.matmul %2, %w : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  return %3 : tensor<4x8xf32>
}

// An output of the network is not rounded, and is read in f32 by all but products.
// CHECK-LABEL: func.func @output
// CHECK:         [[R:%.*]] = nn.unary relu
// CHECK:         [[H:%.*]] = nn.cast [[R]] {flushes}
// CHECK:         [[P:%.*]] = nn.matmul [[H]]
// CHECK:         [[S:%.*]] = nn.binary add [[R]], [[P]]
// CHECK:         return [[R]], [[S]]
func.func @output(%x: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %w = nn.constant dense<0.3> : tensor<8x8xf32>
  %0 = nn.unary relu %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = nn.matmul %0, %w : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %2 = nn.binary add %0, %1 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %0, %2 : tensor<4x8xf32>, tensor<4x8xf32>
}

// Convolutions: dense and grouped ones, but no depthwise ones.
// CHECK-LABEL: func.func @convolutions
// CHECK:         nn.conv {{.*}}f32_sums{{.*}} : (tensor<1x4x4x8xbf16>, tensor<8x4x1x1xbf16>) -> tensor<1x4x4x8xf32>
// CHECK:         nn.conv {{.*}} : (tensor<1x4x4x8xf32>, tensor<8x1x1x1xf32>) -> tensor<1x4x4x8xf32>
func.func @convolutions(%x: tensor<1x4x4x8xf32>) -> tensor<1x4x4x8xf32> {
  %w = nn.constant dense<0.3> : tensor<8x4x1x1xf32>
  %v = nn.constant dense<0.7> : tensor<8x1x1x1xf32>
  %0 = nn.conv %x, %w {channels_last, groups = 2 : i64, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>}
       : (tensor<1x4x4x8xf32>, tensor<8x4x1x1xf32>) -> tensor<1x4x4x8xf32>
  %1 = nn.conv %0, %v {channels_last, groups = 8 : i64, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>}
       : (tensor<1x4x4x8xf32>, tensor<8x1x1x1xf32>) -> tensor<1x4x4x8xf32>
  return %1 : tensor<1x4x4x8xf32>
}

// What stays: products of computed tensors and of other types.
// CHECK-LABEL: func.func @others
// CHECK-NOT:     bf16
func.func @others(%x: tensor<4x4xf32>, %y: tensor<4x4xf64>) -> (tensor<4x4xf32>, tensor<4x4xf64>) {
  %w = nn.constant dense<0.3> : tensor<4x4xf64>
  %0 = nn.matmul %x, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = nn.matmul %y, %w : (tensor<4x4xf64>, tensor<4x4xf64>) -> tensor<4x4xf64>
  return %0, %1 : tensor<4x4xf32>, tensor<4x4xf64>
}
