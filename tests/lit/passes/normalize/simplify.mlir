// RUN: fettle-opt %s --simplify | FileCheck %s

// CHECK-LABEL: func.func @neutral
// CHECK-NEXT: return %arg0
func.func @neutral(%x: tensor<4xf32>) -> tensor<4xf32> {
  %zero = nn.constant dense<0.0> : tensor<f32>
  %one = nn.constant dense<1.0> : tensor<1xf32>
  %0 = nn.binary add %zero, %x : (tensor<f32>, tensor<4xf32>) -> tensor<4xf32>
  %1 = nn.binary mul %0, %one : (tensor<4xf32>, tensor<1xf32>) -> tensor<4xf32>
  %2 = nn.unary identity %1 : (tensor<4xf32>) -> tensor<4xf32>
  %3 = nn.unary neg %2 : (tensor<4xf32>) -> tensor<4xf32>
  %4 = nn.unary neg %3 : (tensor<4xf32>) -> tensor<4xf32>
  return %4 : tensor<4xf32>
}

// A neutral operand that gives the shape stays.
// CHECK-LABEL: func.func @neutral_shape
// CHECK: nn.binary mul
func.func @neutral_shape(%x: tensor<4xf32>) -> tensor<3x4xf32> {
  %one = nn.constant dense<1.0> : tensor<3x4xf32>
  %0 = nn.binary mul %x, %one : (tensor<4xf32>, tensor<3x4xf32>) -> tensor<3x4xf32>
  return %0 : tensor<3x4xf32>
}

// CHECK-LABEL: func.func @powers
// CHECK-DAG: %[[Q:.*]] = nn.constant dense<2.500000e-01> : tensor<f32>
// CHECK-DAG: %[[S:.*]] = nn.binary mul %arg0, %arg0
// CHECK: nn.binary mul %[[S]], %[[Q]]
// CHECK: nn.unary sqrt %arg0
func.func @powers(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %two = nn.constant dense<2.0> : tensor<f32>
  %half = nn.constant dense<0.5> : tensor<f32>
  %four = nn.constant dense<4.0> : tensor<f32>
  %0 = nn.binary pow %x, %two : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %1 = nn.binary div %0, %four : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %2 = nn.binary pow %x, %half : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %1, %2 : tensor<4xf32>, tensor<4xf32>
}

// Division by three would round differently.
// CHECK-LABEL: func.func @thirds
// CHECK: nn.binary div
func.func @thirds(%x: tensor<4xf32>) -> tensor<4xf32> {
  %three = nn.constant dense<3.0> : tensor<f32>
  %0 = nn.binary div %x, %three : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// CHECK-LABEL: func.func @relu6
// CHECK-DAG: nn.clamp %arg0 {high = 6.000000e+00 : f64, low = 0.000000e+00 : f64}
// CHECK-DAG: nn.unary relu %arg0
// CHECK: return
func.func @relu6(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %zero = nn.constant dense<0.0> : tensor<f32>
  %six = nn.constant dense<6.0> : tensor<f32>
  %0 = nn.binary max %x, %zero : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %1 = nn.binary min %0, %six : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %1, %0 : tensor<4xf32>, tensor<4xf32>
}

// CHECK-LABEL: func.func @casts
// CHECK-NEXT: %[[C:.*]] = nn.cast %arg0 : (tensor<4xi32>) -> tensor<4xf32>
// CHECK-NEXT: return %[[C]]
func.func @casts(%x: tensor<4xi32>) -> tensor<4xf32> {
  %0 = nn.cast %x : (tensor<4xi32>) -> tensor<4xi64>
  %1 = nn.cast %0 : (tensor<4xi64>) -> tensor<4xf32>
  return %1 : tensor<4xf32>
}

// CHECK-LABEL: func.func @movement
// CHECK-NEXT: %[[S:.*]] = nn.slice %arg1 {sizes = array<i64: 1, 2, 1, 1>, starts = array<i64: 0, 1, 0, 0>
// CHECK-NEXT: %[[R:.*]] = nn.reshape %[[S]] : (tensor<1x2x1x1xf32>) -> tensor<1x1x1x2xf32>
// CHECK-NEXT: return %[[R]]
func.func @movement(%x: tensor<1x2x1x1xf32>, %y: tensor<1x4x1x1xf32>) -> tensor<1x1x1x2xf32> {
  %0 = nn.concat %x, %y {axis = 1} : (tensor<1x2x1x1xf32>, tensor<1x4x1x1xf32>) -> tensor<1x6x1x1xf32>
  %1 = nn.slice %0 {starts = array<i64: 0, 2, 0, 0>, sizes = array<i64: 1, 4, 1, 1>, steps = array<i64: 1, 1, 1, 1>} : (tensor<1x6x1x1xf32>) -> tensor<1x4x1x1xf32>
  %2 = nn.slice %1 {starts = array<i64: 0, 1, 0, 0>, sizes = array<i64: 1, 2, 1, 1>, steps = array<i64: 1, 1, 1, 1>} : (tensor<1x4x1x1xf32>) -> tensor<1x2x1x1xf32>
  %3 = nn.transpose %2 {perm = array<i64: 0, 2, 3, 1>} : (tensor<1x2x1x1xf32>) -> tensor<1x1x1x2xf32>
  return %3 : tensor<1x1x1x2xf32>
}

// CHECK-LABEL: func.func @class_token
// CHECK: nn.slice %arg0 {sizes = array<i64: 2, 1, 4>
// CHECK: nn.reshape
func.func @class_token(%x: tensor<2x5x4xf32>) -> tensor<2x4xf32> {
  %i = nn.constant dense<0> : tensor<i64>
  %0 = nn.gather %x, %i {axis = 1} : (tensor<2x5x4xf32>, tensor<i64>) -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// CHECK-LABEL: func.func @padded_conv
// CHECK-NEXT: nn.conv %arg0, %arg1 {dilations = array<i64: 1, 1>, pads = array<i64: 1, 1, 2, 2>
func.func @padded_conv(%x: tensor<1x1x4x4xf32>, %w: tensor<1x1x3x3xf32>) -> tensor<1x1x5x5xf32> {
  %0 = nn.pad constant %x {low = array<i64: 0, 0, 1, 1>, high = array<i64: 0, 0, 2, 2>} : (tensor<1x1x4x4xf32>) -> tensor<1x1x7x7xf32>
  %1 = nn.conv %0, %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x1x7x7xf32>, tensor<1x1x3x3xf32>) -> tensor<1x1x5x5xf32>
  return %1 : tensor<1x1x5x5xf32>
}

// CHECK-LABEL: func.func @transposed_product
// CHECK-NEXT: nn.matmul %arg0, %arg1 {transpose_rhs}
func.func @transposed_product(%q: tensor<2x4x8xf32>, %k: tensor<2x5x8xf32>) -> tensor<2x4x5xf32> {
  %0 = nn.transpose %k {perm = array<i64: 0, 2, 1>} : (tensor<2x5x8xf32>) -> tensor<2x8x5xf32>
  %1 = nn.matmul %q, %0 : (tensor<2x4x8xf32>, tensor<2x8x5xf32>) -> tensor<2x4x5xf32>
  return %1 : tensor<2x4x5xf32>
}

// An image of one column is a sequence.
// CHECK-LABEL: func.func @column
// CHECK: %[[X:.*]] = nn.reshape %arg0 : (tensor<1x2x8x1xf32>) -> tensor<1x2x8xf32>
// CHECK: nn.conv %[[X]], %{{.*}} {dilations = array<i64: 1>, pads = array<i64: 1, 0>, strides = array<i64: 2>}
func.func @column(%x: tensor<1x2x8x1xf32>, %w: tensor<3x2x5x1xf32>) -> tensor<1x3x3x1xf32> {
  %0 = nn.conv %x, %w {strides = array<i64: 2, 1>, pads = array<i64: 1, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x2x8x1xf32>, tensor<3x2x5x1xf32>) -> tensor<1x3x3x1xf32>
  return %0 : tensor<1x3x3x1xf32>
}

// CHECK-LABEL: func.func @exponentials
// CHECK-NEXT: nn.softmax %arg0 {axis = 1 : i64}
// CHECK-NEXT: return
func.func @exponentials(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %0 = nn.reduce max %x {axes = array<i64: 1>} : (tensor<2x4xf32>) -> tensor<2xf32>
  %1 = nn.reshape %0 : (tensor<2xf32>) -> tensor<2x1xf32>
  %2 = nn.binary sub %x, %1 : (tensor<2x4xf32>, tensor<2x1xf32>) -> tensor<2x4xf32>
  %3 = nn.unary exp %2 : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %4 = nn.reduce sum %3 {axes = array<i64: 1>, keep_dims} : (tensor<2x4xf32>) -> tensor<2x1xf32>
  %5 = nn.binary div %3, %4 : (tensor<2x4xf32>, tensor<2x1xf32>) -> tensor<2x4xf32>
  return %5 : tensor<2x4xf32>
}

// CHECK-LABEL: func.func @mean
// CHECK-NEXT: nn.reduce mean %arg0
func.func @mean(%x: tensor<2x4xf32>) -> tensor<2xf32> {
  %quarter = nn.constant dense<0.25> : tensor<f32>
  %0 = nn.reduce sum %x {axes = array<i64: 1>} : (tensor<2x4xf32>) -> tensor<2xf32>
  %1 = nn.binary mul %0, %quarter : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>
  return %1 : tensor<2xf32>
}

// The activation stays next to the product, as its epilogue.
// CHECK-LABEL: func.func @added_axes
// CHECK: %[[M:.*]] = nn.matmul
// CHECK-NEXT: %[[R:.*]] = nn.reshape %arg2 : (tensor<1x2x1x3xf32>) -> tensor<2x3xf32>
// CHECK-NEXT: %[[A:.*]] = nn.binary add %[[M]], %[[R]] : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
// CHECK-NEXT: %[[B:.*]] = nn.unary relu %[[A]]
// CHECK-NEXT: nn.reshape %[[B]] : (tensor<2x3xf32>) -> tensor<1x2x1x3xf32>
func.func @added_axes(%x: tensor<2x4xf32>, %w: tensor<4x3xf32>, %r: tensor<1x2x1x3xf32>) -> tensor<1x2x1x3xf32> {
  %0 = nn.matmul %x, %w : (tensor<2x4xf32>, tensor<4x3xf32>) -> tensor<2x3xf32>
  %1 = nn.reshape %0 : (tensor<2x3xf32>) -> tensor<1x2x1x3xf32>
  %2 = nn.binary add %1, %r : (tensor<1x2x1x3xf32>, tensor<1x2x1x3xf32>) -> tensor<1x2x1x3xf32>
  %3 = nn.unary relu %2 : (tensor<1x2x1x3xf32>) -> tensor<1x2x1x3xf32>
  return %3 : tensor<1x2x1x3xf32>
}

// A mask that is written out for each pair of tokens is computed once for each key, and repeated by those that add it.
// CHECK-LABEL: func.func @mask
// CHECK: %[[C:.*]] = nn.cast %arg0 : (tensor<1x1x1x3xi64>) -> tensor<1x1x1x3xf32>
// CHECK: %[[M:.*]] = nn.binary mul %[[C]], %{{.*}} : (tensor<1x1x1x3xf32>, tensor<f32>) -> tensor<1x1x1x3xf32>
// CHECK: nn.binary add %arg1, %[[M]]
// CHECK: nn.attention %arg1, %arg1, %arg1, %[[M]]
func.func @mask(%m: tensor<1x1x1x3xi64>, %x: tensor<1x2x3x3xf32>) -> (tensor<1x2x3x3xf32>, tensor<1x2x3x3xf32>) {
  %c = nn.constant dense<-9.0> : tensor<f32>
  %0 = nn.broadcast %m : (tensor<1x1x1x3xi64>) -> tensor<1x1x3x3xi64>
  %1 = nn.cast %0 : (tensor<1x1x3x3xi64>) -> tensor<1x1x3x3xf32>
  %2 = nn.binary mul %1, %c : (tensor<1x1x3x3xf32>, tensor<f32>) -> tensor<1x1x3x3xf32>
  %3 = nn.binary add %x, %2 : (tensor<1x2x3x3xf32>, tensor<1x1x3x3xf32>) -> tensor<1x2x3x3xf32>
  %4 = nn.attention %x, %x, %x, %2 {scale = 1.0 : f64} : (tensor<1x2x3x3xf32>, tensor<1x2x3x3xf32>, tensor<1x2x3x3xf32>, tensor<1x1x3x3xf32>) -> tensor<1x2x3x3xf32>
  return %3, %4 : tensor<1x2x3x3xf32>, tensor<1x2x3x3xf32>
}

// As einsum leaves it: an axis of 1 for each index that one operand lacks.
// CHECK-LABEL: func.func @transposed_view
// CHECK-NEXT: %[[T:.*]] = nn.transpose %arg0 {perm = array<i64: 0, 2, 1, 3>} : (tensor<2x3x4x5xf32>) -> tensor<2x4x3x5xf32>
// CHECK-NEXT: return %[[T]]
func.func @transposed_view(%x: tensor<2x3x4x5xf32>) -> tensor<2x4x3x5xf32> {
  %0 = nn.reshape %x : (tensor<2x3x4x5xf32>) -> tensor<2x3x1x4x5xf32>
  %1 = nn.transpose %0 {perm = array<i64: 0, 3, 2, 4, 1>} : (tensor<2x3x1x4x5xf32>) -> tensor<2x4x1x5x3xf32>
  %2 = nn.reshape %1 : (tensor<2x4x1x5x3xf32>) -> tensor<2x4x5x3xf32>
  %3 = nn.transpose %2 {perm = array<i64: 0, 1, 3, 2>} : (tensor<2x4x5x3xf32>) -> tensor<2x4x3x5xf32>
  return %3 : tensor<2x4x3x5xf32>
}

// CHECK-LABEL: func.func @reduced_view
// CHECK-NEXT: %[[M:.*]] = nn.reduce mean %arg0 {axes = array<i64: 1>, keep_dims} : (tensor<4x5xf32>) -> tensor<4x1xf32>
// CHECK-NEXT: %[[D:.*]] = nn.binary sub %arg0, %[[M]]
// CHECK-NEXT: return %[[D]]
func.func @reduced_view(%x: tensor<4x5xf32>) -> tensor<4x5xf32> {
  %0 = nn.reshape %x : (tensor<4x5xf32>) -> tensor<1x4x5xf32>
  %1 = nn.reduce mean %0 {axes = array<i64: 2>, keep_dims} : (tensor<1x4x5xf32>) -> tensor<1x4x1xf32>
  %2 = nn.reshape %1 : (tensor<1x4x1xf32>) -> tensor<4x1xf32>
  %3 = nn.binary sub %x, %2 : (tensor<4x5xf32>, tensor<4x1xf32>) -> tensor<4x5xf32>
  return %3 : tensor<4x5xf32>
}

// The square of one element is not the element.
// CHECK-LABEL: func.func @one_square
// CHECK: nn.reduce sum_square
func.func @one_square(%x: tensor<4x5xf32>) -> tensor<4x5xf32> {
  %0 = nn.reshape %x : (tensor<4x5xf32>) -> tensor<4x5x1xf32>
  %1 = nn.reduce sum_square %0 {axes = array<i64: 2>} : (tensor<4x5x1xf32>) -> tensor<4x5xf32>
  return %1 : tensor<4x5xf32>
}

// A factor for each row, and one for each column.
// CHECK-LABEL: func.func @factors
// CHECK-NEXT: %[[P:.*]] = nn.binary mul %arg0, %arg1 : (tensor<4x1xf32>, tensor<5xf32>) -> tensor<4x5xf32>
// CHECK-NEXT: return %[[P]]
func.func @factors(%rows: tensor<4x1xf32>, %columns: tensor<5xf32>) -> tensor<4x5xf32> {
  %0 = nn.reshape %rows : (tensor<4x1xf32>) -> tensor<1x4x1xf32>
  %1 = nn.binary mul %0, %columns : (tensor<1x4x1xf32>, tensor<5xf32>) -> tensor<1x4x5xf32>
  %2 = nn.reshape %1 : (tensor<1x4x5xf32>) -> tensor<4x5xf32>
  return %2 : tensor<4x5xf32>
}

// The bias of all heads is that of the product that makes them.
// CHECK-LABEL: func.func @split_bias
// CHECK: %[[S:.*]] = nn.binary add %arg0, %{{.*}} : (tensor<3x4xf32>, tensor<4xf32>) -> tensor<3x4xf32>
// CHECK-NEXT: nn.reshape %[[S]] : (tensor<3x4xf32>) -> tensor<1x3x2x2xf32>
func.func @split_bias(%x: tensor<3x4xf32>) -> tensor<1x3x2x2xf32> {
  %bias = nn.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %0 = nn.reshape %x : (tensor<3x4xf32>) -> tensor<1x3x2x2xf32>
  %1 = nn.binary add %0, %bias : (tensor<1x3x2x2xf32>, tensor<2x2xf32>) -> tensor<1x3x2x2xf32>
  return %1 : tensor<1x3x2x2xf32>
}
