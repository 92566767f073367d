//===- Passes.td - quantization passes ------------------------------------===//
#ifndef FETTLE_PASSES_QUANTIZE_PASSES_TD
#define FETTLE_PASSES_QUANTIZE_PASSES_TD

include "mlir/Pass/PassBase.td"

def EqualizeChannelsPass : Pass<"equalize-channels", "::mlir::func::FuncOp"> {
  let summary = "scales channels so that a grid for the whole tensor serves all of them";
  let description = [{
    Channels of what contractions read are divided by factors that the contractions, layer norms and constants before take
    up, or a product of their own before depthwise convolutions, and multiplied by the contractions behind. The function computes the same, up to rounding of floats.

    ```mlir
    // before: channel 1 reaches ten times as far as channel 0
    %0 = nn.conv %x, %w0, %b0 {...} : (...) -> tensor<1x2x4x4xf32>
    %1 = nn.unary relu %0 : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
    %2 = nn.conv %1, %w1 {...} : (...) -> tensor<1x8x4x4xf32>
    // after: channel 1 is divided by 10 in %w0 and %b0, multiplied by 10 in %w1
    %0 = nn.conv %x, %w0s, %b0s {...} : (...) -> tensor<1x2x4x4xf32>
    %1 = nn.unary relu %0 : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
    %2 = nn.conv %1, %w1s {...} : (...) -> tensor<1x8x4x4xf32>
    ```
  }];
  let dependentDialects = ["::fettle::nn::NnDialect"];
  let options = [Option<"profileFile", "profile", "std::string", "", "a profile, as fettle calibrate writes it">];
}

def QuantizeActivationsPass : Pass<"quantize-activations", "::mlir::func::FuncOp"> {
  let summary = "rounds what contractions read to 8-bit grids chosen from a profile";
  let description = [{
    Puts a pair of `nn.quantize` and `nn.dequantize` behind every value of the quantization plan. A function that the
    profile does not fit is an error.

    ```mlir
    // before
    %0 = nn.unary relu %x : (tensor<1x8x4x4xf32>) -> tensor<1x8x4x4xf32>
    %1 = nn.conv %0, %w {...} : (...) -> tensor<1x8x4x4xf32>
    // after
    %0 = nn.unary relu %x : (tensor<1x8x4x4xf32>) -> tensor<1x8x4x4xf32>
    %q = nn.quantize %0, %scale, %zero : (...) -> tensor<1x8x4x4xui8>
    %d = nn.dequantize %q, %scale, %zero : (...) -> tensor<1x8x4x4xf32>
    %1 = nn.conv %d, %w {...} : (...) -> tensor<1x8x4x4xf32>
    ```
  }];
  let dependentDialects = ["::fettle::nn::NnDialect"];
  let options = [Option<"profileFile", "profile", "std::string", "", "a profile, as fettle calibrate writes it">,
                 Option<"grid", "grid", "::fettle::GridMethod", "::fettle::GridMethod::Mse", "how the ends of a grid are chosen", [{::llvm::cl::values(
                   clEnumValN(::fettle::GridMethod::MinMax, "min-max", "nothing is clipped"),
                   clEnumValN(::fettle::GridMethod::Percentile, "percentile", "a share of the elements is not clipped"),
                   clEnumValN(::fettle::GridMethod::Entropy, "entropy", "least divergence"),
                   clEnumValN(::fettle::GridMethod::Mse, "mse", "least mean square error"))}]>,
                 ListOption<"floatLayers", "float-layers", "std::string", "contractions that stay in float, by the names of their results">];
}

def QuantizeWeightsPass : Pass<"quantize-weights", "::mlir::func::FuncOp"> {
  let summary = "rounds the weights of contractions with integer inputs to 8 bits, one scale per output channel";
  let description = [{
    Only contractions that read an `nn.dequantize`: others stay in float. Weights are symmetric, -127..127. Where a sum of
    products is rounded to bytes again, scales are up to 1/256 larger than they need to be, so that the factor between both
    integers leaves no ties, which runtimes decide differently. With a profile
    their rounding errors make up for each other on the inputs that were measured, and the bias takes what is left of the mean;
    without one they go to the nearest integer.

    ```mlir
    // before
    %1 = nn.conv %d, %w {...} : (tensor<1x8x4x4xf32>, tensor<8x8x3x3xf32>) -> tensor<1x8x2x2xf32>
    // after: %q is a constant, %scale one number per output channel
    %w8 = nn.dequantize %q, %scale {axis = 0} : (tensor<8x8x3x3xi8>, tensor<8xf32>) -> tensor<8x8x3x3xf32>
    %1 = nn.conv %d, %w8 {...} : (tensor<1x8x4x4xf32>, tensor<8x8x3x3xf32>) -> tensor<1x8x2x2xf32>
    ```
  }];
  let dependentDialects = ["::fettle::nn::NnDialect"];
  let options = [Option<"profileFile", "profile", "std::string", "", "a profile, as fettle calibrate writes it">,
                 ListOption<"floatLayers", "float-layers", "std::string", "contractions that stay in float, by the names of their results">];
}

def FormIntegerIslandsPass : Pass<"form-integer-islands", "::mlir::func::FuncOp"> {
  let summary = "turns products between quantize and dequantize pairs into integer arithmetic";
  let description = [{
    A product of dequantized operands becomes a product of the integers; its scales become one factor per channel behind
    it. Dequantization sinks through ops that only move or pick elements, so that these run on 8 bits; behind
    integer arithmetic the division of `nn.quantize` becomes part of the factor. Activations become unsigned.
    Where no product follows, a dequantize stays, and the float op behind it reads 8 bits.

    With `rule=tosa` sums become 8 bits by `nn.rescale`, multiplier and shift from factor and scale, instead of `nn.cast`, `nn.binary mul` and
    `nn.quantize`; residual additions, bounds and means between them are in i32. Where that has no form (other
    activations), the requantization is that of `ieee_f32`.

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
    // or, with rule=tosa
    %1 = nn.rescale %0, %multiplier, %shift {output_zero_point = ...} : (tensor<4x8xi32>, tensor<i32>, tensor<i8>) -> tensor<4x8xi8>
    ```
  }];
  let dependentDialects = ["::fettle::nn::NnDialect"];
  let options = [Option<"rule", "rule", "::fettle::IntegerRule", "::fettle::IntegerRule::IeeeF32", "how sums become 8 bits again", [{::llvm::cl::values(
                   clEnumValN(::fettle::IntegerRule::IeeeF32, "ieee_f32", "single precision operations in a fixed order"),
                   clEnumValN(::fettle::IntegerRule::Tosa, "tosa", "an integer multiplier and a shift"))}]>];
}

def SetActivationSignPass : Pass<"set-activation-sign", "::mlir::func::FuncOp"> {
  let summary = "makes quantized activations all signed or all unsigned";
  let description = [{
    Of bytes that are read by `nn.dequantize` alone, and have one scale; integers that are inputs or results stay.

    ```mlir
    // before
    %0 = nn.quantize %x, %s, %z : (tensor<4xf32>, tensor<f32>, tensor<ui8>) -> tensor<4xui8>
    %1 = nn.dequantize %0, %s, %z : (tensor<4xui8>, tensor<f32>, tensor<ui8>) -> tensor<4xf32>
    // after, with `unsigned=false`: zero point %y = %z - 128
    %0 = nn.quantize %x, %s, %y : (tensor<4xf32>, tensor<f32>, tensor<i8>) -> tensor<4xi8>
    %1 = nn.dequantize %0, %s, %y : (tensor<4xi8>, tensor<f32>, tensor<i8>) -> tensor<4xf32>
    ```
  }];
  let options = [Option<"isUnsigned", "unsigned", "bool", "true", "the sign that is wanted">];
  let dependentDialects = ["::fettle::nn::NnDialect"];
}

#endif
