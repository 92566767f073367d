// RUN: not fettle-opt %S/form-integer-islands.mlir --form-integer-islands=rule=float 2>&1 | FileCheck %s --check-prefix=RULE
// RUN: fettle-opt %s --split-input-file --verify-diagnostics --form-integer-islands=rule=tosa

// RULE: Cannot find option named 'float'

func.func @zero_point(%x: tensor<4xi32>, %m: tensor<i32>, %s: tensor<i8>) -> tensor<4xui8> {
  // expected-error @+1 {{zero point 256 is no value of 'ui8'}}
  %0 = nn.rescale %x, %m, %s {output_zero_point = 256 : i64} : (tensor<4xi32>, tensor<i32>, tensor<i8>) -> tensor<4xui8>
  return %0 : tensor<4xui8>
}

// -----

func.func @wide(%x: tensor<4xi64>, %m: tensor<i32>, %s: tensor<i8>) -> tensor<4xui8> {
  // expected-error @+1 {{elements are 'i64'; i8, ui8 or i32 is needed}}
  %0 = nn.rescale %x, %m, %s : (tensor<4xi64>, tensor<i32>, tensor<i8>) -> tensor<4xui8>
  return %0 : tensor<4xui8>
}

// -----

func.func @channels(%x: tensor<4xi32>, %m: tensor<3xi32>, %s: tensor<3xi8>) -> tensor<4xui8> {
  // expected-error @+1 {{multiplier}}
  %0 = nn.rescale %x, %m, %s : (tensor<4xi32>, tensor<3xi32>, tensor<3xi8>) -> tensor<4xui8>
  return %0 : tensor<4xui8>
}
