// RUN: fettle-opt %s --split-input-file --verify-diagnostics --form-kernels

func.func @foreign(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{op is not of the nn dialect and cannot become part of a kernel}}
  %0 = arith.addf %x, %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @twice(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{the function already holds kernels; form-kernels runs once}}
  %0 = nn.kernel(%a = %x) attributes {kind = "map"} : (tensor<4xf32>) -> tensor<4xf32> {
    %1 = nn.unary relu %a : (tensor<4xf32>) -> tensor<4xf32>
    nn.yield %1 : tensor<4xf32>
  }
  return %0 : tensor<4xf32>
}
