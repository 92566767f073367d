// RUN: fettle-opt %s --drop-unread-tokens | FileCheck %s

// A pre-norm block: %x goes on by two ways, which both end in the one token.
// CHECK-LABEL: func.func @pre_norm
// CHECK-SAME: %[[X:.*]]: tensor<2x5x4xf32>, %[[A:.*]]: tensor<2x5x4xf32>
// CHECK: %[[XS:.*]] = nn.slice %[[X]] {sizes = array<i64: 2, 1, 4>, starts = array<i64: 0, 0, 0>
// CHECK: %[[AS:.*]] = nn.slice %[[A]] {sizes = array<i64: 2, 1, 4>, starts = array<i64: 0, 0, 0>
// CHECK: %[[R:.*]] = nn.binary add %[[XS]], %[[AS]] : (tensor<2x1x4xf32>, tensor<2x1x4xf32>) -> tensor<2x1x4xf32>
// CHECK: %[[N:.*]] = nn.layer_norm %[[R]] {{.*}} -> tensor<2x1x4xf32>
// CHECK: %[[U:.*]] = nn.matmul %[[N]], %{{.*}} : (tensor<2x1x4xf32>, tensor<4x8xf32>, tensor<8xf32>) -> tensor<2x1x8xf32>
// CHECK: %[[G:.*]] = nn.unary gelu %[[U]]
// CHECK: %[[D:.*]] = nn.matmul %[[G]], %{{.*}} -> tensor<2x1x4xf32>
// CHECK: %[[Y:.*]] = nn.binary add %[[R]], %[[D]]
// CHECK-NOT: nn.slice
// CHECK: return %[[Y]]
func.func @pre_norm(%x: tensor<2x5x4xf32>, %a: tensor<2x5x4xf32>, %w: tensor<4x8xf32>, %b: tensor<8xf32>, %v: tensor<8x4xf32>) -> tensor<2x1x4xf32> {
  %0 = nn.binary add %x, %a : (tensor<2x5x4xf32>, tensor<2x5x4xf32>) -> tensor<2x5x4xf32>
  %1 = nn.layer_norm %0 {axis = 2 : i64, epsilon = 1.0e-05 : f64, operandSegmentSizes = array<i32: 1, 0, 0>} : (tensor<2x5x4xf32>) -> tensor<2x5x4xf32>
  %2 = nn.matmul %1, %w, %b : (tensor<2x5x4xf32>, tensor<4x8xf32>, tensor<8xf32>) -> tensor<2x5x8xf32>
  %3 = nn.unary gelu %2 : (tensor<2x5x8xf32>) -> tensor<2x5x8xf32>
  %4 = nn.matmul %3, %v : (tensor<2x5x8xf32>, tensor<8x4xf32>) -> tensor<2x5x4xf32>
  %5 = nn.binary add %0, %4 : (tensor<2x5x4xf32>, tensor<2x5x4xf32>) -> tensor<2x5x4xf32>
  %6 = nn.slice %5 {starts = array<i64: 0, 0, 0>, sizes = array<i64: 2, 1, 4>, steps = array<i64: 1, 1, 1>} : (tensor<2x5x4xf32>) -> tensor<2x1x4xf32>
  return %6 : tensor<2x1x4xf32>
}

// Queries and the mask's rows are cut, keys and values are not.
// CHECK-LABEL: func.func @attention
// CHECK-SAME: %[[Q:.*]]: tensor<1x6x2x4xf32>, %[[K:.*]]: tensor<1x2x6x4xf32>, %[[V:.*]]: tensor<1x2x6x4xf32>, %[[M:.*]]: tensor<6x6xf32>
// CHECK: %[[QS:.*]] = nn.slice %[[Q]] {sizes = array<i64: 1, 2, 2, 4>, starts = array<i64: 0, 3, 0, 0>
// CHECK: %[[QT:.*]] = nn.transpose %[[QS]]
// CHECK: %[[MS:.*]] = nn.slice %[[M]] {sizes = array<i64: 2, 6>, starts = array<i64: 3, 0>
// CHECK: %[[P:.*]] = nn.attention %[[QT]], %[[K]], %[[V]], %[[MS]] {{.*}} -> tensor<1x2x2x4xf32>
// CHECK: %[[T:.*]] = nn.transpose %[[P]] {{.*}} -> tensor<1x2x2x4xf32>
// CHECK: %[[R:.*]] = nn.reshape %[[T]] : (tensor<1x2x2x4xf32>) -> tensor<1x2x8xf32>
// CHECK: return %[[R]]
func.func @attention(%q: tensor<1x6x2x4xf32>, %k: tensor<1x2x6x4xf32>, %v: tensor<1x2x6x4xf32>, %m: tensor<6x6xf32>) -> tensor<1x2x8xf32> {
  %0 = nn.transpose %q {perm = array<i64: 0, 2, 1, 3>} : (tensor<1x6x2x4xf32>) -> tensor<1x2x6x4xf32>
  %1 = nn.attention %0, %k, %v, %m {scale = 0.5 : f64} : (tensor<1x2x6x4xf32>, tensor<1x2x6x4xf32>, tensor<1x2x6x4xf32>, tensor<6x6xf32>) -> tensor<1x2x6x4xf32>
  %2 = nn.transpose %1 {perm = array<i64: 0, 2, 1, 3>} : (tensor<1x2x6x4xf32>) -> tensor<1x6x2x4xf32>
  %3 = nn.reshape %2 : (tensor<1x6x2x4xf32>) -> tensor<1x6x8xf32>
  %4 = nn.slice %3 {starts = array<i64: 0, 3, 0>, sizes = array<i64: 1, 2, 8>, steps = array<i64: 1, 1, 1>} : (tensor<1x6x8xf32>) -> tensor<1x2x8xf32>
  return %4 : tensor<1x2x8xf32>
}

// Readers of different ranges: the product is computed once, for their hull.
// CHECK-LABEL: func.func @hull
// CHECK: %[[S:.*]] = nn.slice %arg0 {sizes = array<i64: 3, 8>, starts = array<i64: 2, 0>
// CHECK: %[[P:.*]] = nn.matmul %[[S]], %arg1 : (tensor<3x8xf32>, tensor<8x8xf32>) -> tensor<3x8xf32>
// CHECK: %[[A:.*]] = nn.slice %[[P]] {sizes = array<i64: 1, 8>, starts = array<i64: 0, 0>
// CHECK: %[[B:.*]] = nn.slice %[[P]] {sizes = array<i64: 2, 8>, starts = array<i64: 2, 0>, steps = array<i64: -1, 1>
// CHECK: return %[[A]], %[[B]]
func.func @hull(%x: tensor<9x8xf32>, %w: tensor<8x8xf32>) -> (tensor<1x8xf32>, tensor<2x8xf32>) {
  %0 = nn.matmul %x, %w : (tensor<9x8xf32>, tensor<8x8xf32>) -> tensor<9x8xf32>
  %1 = nn.slice %0 {starts = array<i64: 2, 0>, sizes = array<i64: 1, 8>, steps = array<i64: 1, 1>} : (tensor<9x8xf32>) -> tensor<1x8xf32>
  %2 = nn.slice %0 {starts = array<i64: 4, 0>, sizes = array<i64: 2, 8>, steps = array<i64: -1, 1>} : (tensor<9x8xf32>) -> tensor<2x8xf32>
  return %1, %2 : tensor<1x8xf32>, tensor<2x8xf32>
}

// What broadcasts along the axis is left alone; so are axes that are read whole.
// CHECK-LABEL: func.func @broadcast
// CHECK-SAME: %[[X:[a-z0-9]*]]: tensor<6x8xf32>, %[[W:[a-z0-9]*]]: tensor<8x8xf32>, %[[C:[a-z0-9]*]]: tensor<8xf32>, %[[D:[a-z0-9]*]]: tensor<6x1xf32>
// CHECK-DAG: %[[XS:.*]] = nn.slice %[[X]]
// CHECK: %[[P:.*]] = nn.matmul %[[XS]], %[[W]]
// CHECK: %[[S:.*]] = nn.binary mul %[[P]], %[[C]]
// CHECK: %[[DS:.*]] = nn.slice %[[D]] {sizes = array<i64: 1, 1>, starts = array<i64: 5, 0>
// CHECK: nn.binary add %[[S]], %[[DS]] : (tensor<1x8xf32>, tensor<1x1xf32>) -> tensor<1x8xf32>
func.func @broadcast(%x: tensor<6x8xf32>, %w: tensor<8x8xf32>, %c: tensor<8xf32>, %d: tensor<6x1xf32>) -> tensor<1x8xf32> {
  %0 = nn.matmul %x, %w : (tensor<6x8xf32>, tensor<8x8xf32>) -> tensor<6x8xf32>
  %1 = nn.binary mul %0, %c : (tensor<6x8xf32>, tensor<8xf32>) -> tensor<6x8xf32>
  %2 = nn.binary add %1, %d : (tensor<6x8xf32>, tensor<6x1xf32>) -> tensor<6x8xf32>
  %3 = nn.slice %2 {starts = array<i64: 5, 0>, sizes = array<i64: 1, 8>, steps = array<i64: 1, 1>} : (tensor<6x8xf32>) -> tensor<1x8xf32>
  return %3 : tensor<1x8xf32>
}
