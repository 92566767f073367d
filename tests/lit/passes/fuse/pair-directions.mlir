// RUN: fettle-opt %s --split-input-file --form-kernels --pair-directions --verify-kernels | FileCheck %s

// CHECK-LABEL: @both_directions
// CHECK:      %[[P:.*]]:6 = nn.kernel(%[[X:.*]] = %arg0, %[[W0:.*]] = %{{.*}}, %[[R0:.*]] = %{{.*}}, %[[W1:.*]] = %{{.*}}, %[[R1:.*]] = %{{.*}}) attributes {kind = "lstm"}
// CHECK-NEXT:   nn.lstm forward %[[X]], %[[W0]], %[[R0]] {{.*}}
// CHECK-NEXT:   nn.lstm backward %[[X]], %[[W1]], %[[R1]] {{.*}}
// CHECK-NEXT:   nn.yield %y, %y_h, %y_c, %y_{{.*}}, %y_h_{{.*}}, %y_c_{{.*}} :
// CHECK:      return %[[P]]#0, %[[P]]#3, %[[P]]#4
func.func @both_directions(%x: tensor<5x1x4xf32>) -> (tensor<5x1x8xf32>, tensor<5x1x8xf32>, tensor<1x8xf32>) {
  %w0 = nn.constant dense<0.25> : tensor<32x4xf32>
  %r0 = nn.constant dense<0.5> : tensor<32x8xf32>
  %w1 = nn.constant dense<0.125> : tensor<32x4xf32>
  %r1 = nn.constant dense<0.75> : tensor<32x8xf32>
  %f:3 = nn.lstm forward %x, %w0, %r0 {activations = ["Sigmoid", "Tanh", "Tanh"], operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0>} : (tensor<5x1x4xf32>, tensor<32x4xf32>, tensor<32x8xf32>) -> (tensor<5x1x8xf32>, tensor<1x8xf32>, tensor<1x8xf32>)
  %g:3 = nn.lstm backward %x, %w1, %r1 {activations = ["Sigmoid", "Tanh", "Tanh"], operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0>} : (tensor<5x1x4xf32>, tensor<32x4xf32>, tensor<32x8xf32>) -> (tensor<5x1x8xf32>, tensor<1x8xf32>, tensor<1x8xf32>)
  return %f#0, %g#0, %g#1 : tensor<5x1x8xf32>, tensor<5x1x8xf32>, tensor<1x8xf32>
}

// -----

// The second layer reads what the first one gives.
// CHECK-LABEL: @one_behind_the_other
// CHECK-COUNT-2: nn.kernel
func.func @one_behind_the_other(%x: tensor<5x1x8xf32>) -> tensor<5x1x8xf32> {
  %w0 = nn.constant dense<0.25> : tensor<8x8xf32>
  %r0 = nn.constant dense<0.5> : tensor<8x8xf32>
  %w1 = nn.constant dense<0.125> : tensor<8x8xf32>
  %r1 = nn.constant dense<0.75> : tensor<8x8xf32>
  %f:2 = nn.rnn forward %x, %w0, %r0 {activations = ["Tanh"], operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0>} : (tensor<5x1x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>) -> (tensor<5x1x8xf32>, tensor<1x8xf32>)
  %g:2 = nn.rnn backward %f#0, %w1, %r1 {activations = ["Tanh"], operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0>} : (tensor<5x1x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>) -> (tensor<5x1x8xf32>, tensor<1x8xf32>)
  return %g#0 : tensor<5x1x8xf32>
}

// -----

// What the first layer gives is where the second one starts from.
// CHECK-LABEL: @state_of_the_first
// CHECK-COUNT-2: nn.kernel
func.func @state_of_the_first(%x: tensor<5x1x8xf32>) -> tensor<5x1x8xf32> {
  %w0 = nn.constant dense<0.25> : tensor<8x8xf32>
  %r0 = nn.constant dense<0.5> : tensor<8x8xf32>
  %w1 = nn.constant dense<0.125> : tensor<8x8xf32>
  %r1 = nn.constant dense<0.75> : tensor<8x8xf32>
  %h = nn.constant dense<0.0> : tensor<1x8xf32>
  %f:2 = nn.rnn forward %x, %w0, %r0, %h {activations = ["Tanh"], operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 1>} : (tensor<5x1x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>, tensor<1x8xf32>) -> (tensor<5x1x8xf32>, tensor<1x8xf32>)
  %g:2 = nn.rnn backward %x, %w1, %r1, %f#1 {activations = ["Tanh"], operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 1>} : (tensor<5x1x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>, tensor<1x8xf32>) -> (tensor<5x1x8xf32>, tensor<1x8xf32>)
  return %g#0 : tensor<5x1x8xf32>
}

// -----

// Weights that are not constants would be packed in each call, by each thread.
// CHECK-LABEL: @computed_weights
// CHECK-COUNT-2: nn.kernel
func.func @computed_weights(%x: tensor<5x1x8xf32>, %w: tensor<8x8xf32>) -> (tensor<5x1x8xf32>, tensor<5x1x8xf32>) {
  %r0 = nn.constant dense<0.5> : tensor<8x8xf32>
  %r1 = nn.constant dense<0.75> : tensor<8x8xf32>
  %f:2 = nn.rnn forward %x, %w, %r0 {activations = ["Tanh"], operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0>} : (tensor<5x1x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>) -> (tensor<5x1x8xf32>, tensor<1x8xf32>)
  %g:2 = nn.rnn backward %x, %w, %r1 {activations = ["Tanh"], operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0>} : (tensor<5x1x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>) -> (tensor<5x1x8xf32>, tensor<1x8xf32>)
  return %f#0, %g#0 : tensor<5x1x8xf32>, tensor<5x1x8xf32>
}
