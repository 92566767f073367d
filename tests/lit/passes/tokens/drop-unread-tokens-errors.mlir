// What the pass must leave as it is: nothing of it is an error.
// RUN: fettle-opt %s --drop-unread-tokens > %t
// RUN: fettle-opt %s | diff - %t

// The softmax mixes the axis.
func.func @softmax(%x: tensor<6x8xf32>, %w: tensor<8x8xf32>) -> tensor<1x8xf32> {
  %0 = nn.matmul %x, %w : (tensor<6x8xf32>, tensor<8x8xf32>) -> tensor<6x8xf32>
  %1 = nn.softmax %0 {axis = 0 : i64} : (tensor<6x8xf32>) -> tensor<6x8xf32>
  %2 = nn.slice %1 {starts = array<i64: 0, 0>, sizes = array<i64: 1, 8>, steps = array<i64: 1, 1>} : (tensor<6x8xf32>) -> tensor<1x8xf32>
  return %2 : tensor<1x8xf32>
}

// So do a layer norm over all axes, a running sum and a mean.
func.func @statistics(%x: tensor<6x8xf32>) -> (tensor<1x8xf32>, tensor<1x8xf32>, tensor<4xf32>) {
  %0 = nn.layer_norm %x {axis = 0 : i64, epsilon = 1.0e-05 : f64, operandSegmentSizes = array<i32: 1, 0, 0>} : (tensor<6x8xf32>) -> tensor<6x8xf32>
  %1 = nn.slice %0 {starts = array<i64: 0, 0>, sizes = array<i64: 1, 8>, steps = array<i64: 1, 1>} : (tensor<6x8xf32>) -> tensor<1x8xf32>
  %2 = nn.cumsum %x {axis = 0 : i64} : (tensor<6x8xf32>) -> tensor<6x8xf32>
  %3 = nn.slice %2 {starts = array<i64: 5, 0>, sizes = array<i64: 1, 8>, steps = array<i64: 1, 1>} : (tensor<6x8xf32>) -> tensor<1x8xf32>
  %4 = nn.reduce mean %x {axes = array<i64: 1>} : (tensor<6x8xf32>) -> tensor<6xf32>
  %5 = nn.softmax %4 {axis = 0 : i64} : (tensor<6xf32>) -> tensor<6xf32>
  %6 = nn.slice %5 {starts = array<i64: 0>, sizes = array<i64: 4>, steps = array<i64: 1>} : (tensor<6xf32>) -> tensor<4xf32>
  return %1, %3, %6 : tensor<1x8xf32>, tensor<1x8xf32>, tensor<4xf32>
}

// Which keys a causal query sees follows from its place.
func.func @causal(%q: tensor<1x2x6x4xf32>, %k: tensor<1x2x6x4xf32>, %v: tensor<1x2x6x4xf32>) -> tensor<1x2x1x4xf32> {
  %0 = nn.attention %q, %k, %v {scale = 0.5 : f64, causal} : (tensor<1x2x6x4xf32>, tensor<1x2x6x4xf32>, tensor<1x2x6x4xf32>) -> tensor<1x2x6x4xf32>
  %1 = nn.slice %0 {starts = array<i64: 0, 0, 0, 0>, sizes = array<i64: 1, 2, 1, 4>, steps = array<i64: 1, 1, 1, 1>} : (tensor<1x2x6x4xf32>) -> tensor<1x2x1x4xf32>
  return %1 : tensor<1x2x1x4xf32>
}

// One value as queries and keys: its tokens are all read.
func.func @self(%x: tensor<1x2x6x4xf32>) -> tensor<1x2x1x4xf32> {
  %0 = nn.attention %x, %x, %x {scale = 0.5 : f64} : (tensor<1x2x6x4xf32>, tensor<1x2x6x4xf32>, tensor<1x2x6x4xf32>) -> tensor<1x2x6x4xf32>
  %1 = nn.slice %0 {starts = array<i64: 0, 0, 0, 0>, sizes = array<i64: 1, 2, 1, 4>, steps = array<i64: 1, 1, 1, 1>} : (tensor<1x2x6x4xf32>) -> tensor<1x2x1x4xf32>
  return %1 : tensor<1x2x1x4xf32>
}

// The axis is not kept as such; another reader wants all of it.
func.func @reshaped(%x: tensor<2x6x8xf32>, %w: tensor<8x8xf32>) -> (tensor<1x8xf32>, tensor<2x6x8xf32>) {
  %0 = nn.matmul %x, %w : (tensor<2x6x8xf32>, tensor<8x8xf32>) -> tensor<2x6x8xf32>
  %1 = nn.reshape %0 : (tensor<2x6x8xf32>) -> tensor<12x8xf32>
  %2 = nn.slice %1 {starts = array<i64: 6, 0>, sizes = array<i64: 1, 8>, steps = array<i64: 1, 1>} : (tensor<12x8xf32>) -> tensor<1x8xf32>
  return %2, %0 : tensor<1x8xf32>, tensor<2x6x8xf32>
}

// Two slices would copy more than one sum saves.
func.func @sum(%x: tensor<6x8xf32>, %y: tensor<6x8xf32>) -> tensor<5x8xf32> {
  %0 = nn.binary add %x, %y : (tensor<6x8xf32>, tensor<6x8xf32>) -> tensor<6x8xf32>
  %1 = nn.slice %0 {starts = array<i64: 0, 0>, sizes = array<i64: 5, 8>, steps = array<i64: 1, 1>} : (tensor<6x8xf32>) -> tensor<5x8xf32>
  return %1 : tensor<5x8xf32>
}

// An empty slice, a value that nobody reads, a function without a body.
func.func @nothing(%x: tensor<6x8xf32>, %w: tensor<8x8xf32>) -> tensor<0x8xf32> {
  %0 = nn.matmul %x, %w : (tensor<6x8xf32>, tensor<8x8xf32>) -> tensor<6x8xf32>
  %1 = nn.unary relu %0 : (tensor<6x8xf32>) -> tensor<6x8xf32>
  %2 = nn.slice %0 {starts = array<i64: 0, 0>, sizes = array<i64: 0, 8>, steps = array<i64: 1, 1>} : (tensor<6x8xf32>) -> tensor<0x8xf32>
  return %2 : tensor<0x8xf32>
}
func.func private @declared(tensor<2xf32>) -> tensor<2xf32>

// Many axes, all of them read.
func.func @seven_axes(%x: tensor<3x1x6x6x5x3x4xf32>) -> tensor<3x1x6x6x5x3x4xf32> {
  %0 = nn.unary neg %x : (tensor<3x1x6x6x5x3x4xf32>) -> tensor<3x1x6x6x5x3x4xf32>
  return %0 : tensor<3x1x6x6x5x3x4xf32>
}
