// RUN: fettle-opt %s --refit-products=profile=%S/Inputs/refits.json | FileCheck %s
// RUN: fettle-opt %s --refit-products > %t
// RUN: fettle-opt %s | diff - %t

// What is wanted of the first product does not go with its inputs: of its weights the ridge keeps 5 of 6 parts, and the bias makes the
// means 10 and 20 for inputs of mean 1. The second has no moments.
// CHECK-LABEL: func.func @main
// CHECK-DAG: %[[W:.*]] = nn.constant dense<{{\[}}[1.66666663, 0.000000e+00], [0.000000e+00, 1.66666663]]> : tensor<2x2xf32>
// CHECK-DAG: %[[B:.*]] = nn.constant dense<[8.33333301, 18.333334]> : tensor<2xf32>
// CHECK-DAG: %[[OLD:.*]] = nn.constant dense<{{\[}}[2.000000e+00, 0.000000e+00], [0.000000e+00, 2.000000e+00]]>
// CHECK: %[[FC:.*]] = nn.matmul %arg0, %[[W]], %[[B]]
// CHECK: nn.matmul %[[FC]], %[[OLD]] :
func.func @main(%x: tensor<1x3x2xf32> {nn.name = "x"}) -> tensor<1x3x2xf32> {
  %w = nn.constant dense<[[2.0, 0.0], [0.0, 2.0]]> : tensor<2x2xf32>
  %0 = nn.matmul %x, %w : (tensor<1x3x2xf32>, tensor<2x2xf32>) -> tensor<1x3x2xf32> loc("fc")
  %1 = nn.matmul %0, %w : (tensor<1x3x2xf32>, tensor<2x2xf32>) -> tensor<1x3x2xf32> loc("head")
  return %1 : tensor<1x3x2xf32>
}
