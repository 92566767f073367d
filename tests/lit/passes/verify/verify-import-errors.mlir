// RUN: fettle-opt %s --split-input-file --verify-diagnostics --verify-import

func.func @foreign(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{op is not of the nn dialect}}
  %0 = arith.addf %x, %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @early(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{kernels are formed later}}
  %0 = nn.kernel(%a = %x) attributes {kind = "map"} : (tensor<4xf32>) -> tensor<4xf32> {
    %1 = nn.unary relu %a : (tensor<4xf32>) -> tensor<4xf32>
    nn.yield %1 : tensor<4xf32>
  }
  return %0 : tensor<4xf32>
}
