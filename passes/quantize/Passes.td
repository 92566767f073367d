//===- Passes.td - quantization passes ------------------------------------===//
#ifndef FETTLE_PASSES_QUANTIZE_PASSES_TD
#define FETTLE_PASSES_QUANTIZE_PASSES_TD

include "mlir/Pass/PassBase.td"

def FormIntegerIslandsPass : Pass<"form-integer-islands", "::mlir::func::FuncOp"> {
  let summary = "turns products between quantize and dequantize pairs into integer arithmetic";
  let description = [{
    A product of dequantized operands becomes a product of the integers; its scales become one factor per channel behind
    it. Dequantization sinks through ops that only move or pick elements, so that these run on 8 bits; behind
    integer arithmetic the division of `nn.quantize` becomes part of the factor. Activations become unsigned.
    Where no product follows, a dequantize stays, and the float op behind it reads 8 bits.

    ```mlir
    // before
    %0 = nn.dequantize %x, %sx, %zx : (tensor<4x8xi8>, tensor<f32>, tensor<i8>) -> tensor<4x8xf32>
    %1 = nn.dequantize %w, %sw : (tensor<8x8xi8>, tensor<f32>) -> tensor<8x8xf32>
    %2 = nn.matmul %0, %1 : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
    %3 = nn.quantize %2, %sy, %zy : (tensor<4x8xf32>, tensor<f32>, tensor<i8>) -> tensor<4x8xi8>
    // after: factor = sx sw / sy
    %0 = nn.matmul %x, %w {zero_point = ...} : (tensor<4x8xi8>, tensor<8x8xi8>) -> tensor<4x8xi32>
    %1 = nn.cast %0 : (tensor<4x8xi32>) -> tensor<4x8xf32>
    %2 = nn.binary mul %1, %factor : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
    %3 = nn.quantize %2, %one, %zy : (tensor<4x8xf32>, tensor<f32>, tensor<i8>) -> tensor<4x8xi8>
    ```
  }];
  let dependentDialects = ["::fettle::nn::NnDialect"];
}

#endif
