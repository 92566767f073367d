// RUN: fettle-opt %s --split-input-file --verify-diagnostics --quantize-activations=profile=%S/Inputs/two.json
// RUN: not fettle-opt %s --quantize-activations=profile=%S/Inputs/none.json 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not fettle-opt %s --quantize-activations=profile=%s 2>&1 | FileCheck %s --check-prefix=TEXT

// NONE: profile '{{.*}}none.json' No such file
// TEXT: is no JSON

// expected-error @+1 {{the profile knows nothing of 'y': it was made from another model or with other options}}
func.func @main(%y: tensor<1x8xf32> {nn.name = "y"}) -> tensor<1x8xf32> {
  %w = nn.constant dense<0.5> : tensor<8x8xf32>
  %0 = nn.matmul %y, %w : (tensor<1x8xf32>, tensor<8x8xf32>) -> tensor<1x8xf32>
  return %0 : tensor<1x8xf32>
}
