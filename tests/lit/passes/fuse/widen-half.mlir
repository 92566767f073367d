// RUN: fettle-opt %s --widen-half | FileCheck %s
// RUN: fettle-opt %s --pass-pipeline="builtin.module(phase-fuse)" | FileCheck %s --check-prefix=FUSE

// Ops that compute are widened, with one cast for each input and one for the output; a reshape between them is, too.
// Before anything is quantized.
// FUSE-LABEL: func.func @chain
// FUSE:        nn.matmul {{.*}} -> tensor<2x4xf32>
// CHECK-LABEL: func.func @chain
// CHECK-DAG:     [[X:%.*]] = nn.cast %arg0 : (tensor<2x4xf16>) -> tensor<2x4xf32>
// CHECK-DAG:     [[W:%.*]] = nn.cast %arg1 : (tensor<4x4xf16>) -> tensor<4x4xf32>
// CHECK:         [[A:%.*]] = nn.matmul [[X]], [[W]]{{.*}} -> tensor<2x4xf32>
// CHECK-NOT:     nn.cast
// CHECK:         [[B:%.*]] = nn.reshape [[A]] : (tensor<2x4xf32>) -> tensor<8xf32>
// CHECK:         [[C:%.*]] = nn.unary exp [[B]] : (tensor<8xf32>) -> tensor<8xf32>
// CHECK:         [[R:%.*]] = nn.cast [[C]] : (tensor<8xf32>) -> tensor<8xf16>
// CHECK:         return [[R]]
func.func @chain(%x: tensor<2x4xf16>, %w: tensor<4x4xf16>) -> tensor<8xf16> {
  %0 = nn.matmul %x, %w : (tensor<2x4xf16>, tensor<4x4xf16>) -> tensor<2x4xf16>
  %1 = nn.reshape %0 : (tensor<2x4xf16>) -> tensor<8xf16>
  %2 = nn.unary exp %1 : (tensor<8xf16>) -> tensor<8xf16>
  return %2 : tensor<8xf16>
}

// A table goes on being gathered in 16 bits.
// CHECK-LABEL: func.func @table
// CHECK:         [[G:%.*]] = nn.gather %arg0, %arg1{{.*}} -> tensor<3x4xbf16>
// CHECK:         [[S:%.*]] = nn.cast [[G]] : (tensor<3x4xbf16>) -> tensor<3x4xf32>
// CHECK:         nn.unary tanh [[S]] : (tensor<3x4xf32>) -> tensor<3x4xf32>
func.func @table(%table: tensor<9x4xbf16>, %rows: tensor<3xi64>) -> tensor<3x4xbf16> {
  %0 = nn.gather %table, %rows {axis = 0 : i64} : (tensor<9x4xbf16>, tensor<3xi64>) -> tensor<3x4xbf16>
  %1 = nn.unary tanh %0 : (tensor<3x4xbf16>) -> tensor<3x4xbf16>
  return %1 : tensor<3x4xbf16>
}

// The model's own casts round as before, and other types stay as they are.
// CHECK-LABEL: func.func @casts
// CHECK:         [[H:%.*]] = nn.cast %arg0 : (tensor<4xf32>) -> tensor<4xf16>
// CHECK:         [[S:%.*]] = nn.cast [[H]] : (tensor<4xf16>) -> tensor<4xf32>
// CHECK:         nn.compare lt [[S]], [[S]] : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
// CHECK:         nn.unary neg %arg1 : (tensor<4xf64>) -> tensor<4xf64>
func.func @casts(%x: tensor<4xf32>, %y: tensor<4xf64>) -> (tensor<4xi1>, tensor<4xf64>) {
  %0 = nn.cast %x : (tensor<4xf32>) -> tensor<4xf16>
  %1 = nn.compare lt %0, %0 : (tensor<4xf16>, tensor<4xf16>) -> tensor<4xi1>
  %2 = nn.unary neg %y : (tensor<4xf64>) -> tensor<4xf64>
  return %1, %2 : tensor<4xi1>, tensor<4xf64>
}
