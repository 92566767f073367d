//===- RecurrentTest.cpp - values of recurrent layers ---------------------===//

#include "tests/unit/nn/OneOp.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace fettle::test;

/// h' = relu(x + h): running sums of the inputs of two sequences.
static OneOp runningSum(const std::string &direction, const std::string &lengths) {
  return OneOp(
      "nn.rnn " + direction +
          " %0, %1, %1, %2 {activations = [\"Relu\"], operandSegmentSizes = "
          "array<i32: 1, 1, 1, 0, 1, 0>} : (tensor<3x2x1xf32>, tensor<1x1xf32>, tensor<1x1xf32>, tensor<2xi32>) -> "
          "(tensor<3x2x1xf32>, tensor<2x1xf32>)",
      {"dense<[[[1.0], [10.0]], [[2.0], [20.0]], [[3.0], [30.0]]]> : tensor<3x2x1xf32>", "dense<1.0> : tensor<1x1xf32>",
       "dense<" + lengths + "> : tensor<2xi32>"},
      2);
}

TEST(RecurrentReference, LengthsEndSequences) {
  OneOp forward = runningSum("forward", "[3, 1]");
  EXPECT_EQ(forward.values(0), Values({1, 10, 3, 0, 6, 0}));
  EXPECT_EQ(forward.values(1), Values({6, 10}));
}

TEST(RecurrentReference, BackwardStartsAtTheEndOfEachSequence) {
  OneOp backward = runningSum("backward", "[3, 2]");
  EXPECT_EQ(backward.values(0), Values({6, 30, 5, 20, 3, 0}));
  EXPECT_EQ(backward.values(1), Values({6, 30}));
}

static double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

TEST(RecurrentReference, LstmGatesAreInOutForgetCell) {
  // Only biases: i = s(1), o = s(2), f = s(3), c~ = tanh(4), from c0 = 0.5.
  OneOp lstm(
      "nn.lstm forward %0, %1, %2, %3, %4, %5 {activations = [\"Sigmoid\", \"Tanh\", \"Tanh\"], "
      "operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 1, 1, 0>} : (tensor<1x1x1xf64>, tensor<4x1xf64>, "
      "tensor<4x1xf64>, tensor<8xf64>, tensor<1x1xf64>, tensor<1x1xf64>) -> (tensor<1x1x1xf64>, tensor<1x1xf64>, "
      "tensor<1x1xf64>)",
      {"dense<0.0> : tensor<1x1x1xf64>", "dense<0.0> : tensor<4x1xf64>", "dense<0.0> : tensor<4x1xf64>",
       "dense<[1.0, 2.0, 3.0, 4.0, 0.0, 0.0, 0.0, 0.0]> : tensor<8xf64>", "dense<0.0> : tensor<1x1xf64>",
       "dense<0.5> : tensor<1x1xf64>"},
      3);
  double cell = sigmoid(3) * 0.5 + sigmoid(1) * std::tanh(4);
  expectNear(lstm.values(2), {cell}, 1e-12);
  expectNear(lstm.values(0), {sigmoid(2) * std::tanh(cell)}, 1e-12);
}

TEST(RecurrentReference, GruLinearBeforeReset) {
  // z = s(0), r = s(1); recurrent weight of the candidate 2, its recurrent bias 3, h0 = 1.
  auto gru = [](const std::string &attribute) {
    return OneOp("nn.gru forward %0, %1, %2, %3, %4 {activations = [\"Sigmoid\", \"Tanh\"], operandSegmentSizes = "
                 "array<i32: 1, 1, 1, 1, 0, 1>" +
                     attribute +
                     "} : (tensor<1x1x1xf64>, tensor<3x1xf64>, tensor<3x1xf64>, "
                     "tensor<6xf64>, tensor<1x1xf64>) -> (tensor<1x1x1xf64>, tensor<1x1xf64>)",
                 {"dense<0.0> : tensor<1x1x1xf64>", "dense<0.0> : tensor<3x1xf64>",
                  "dense<[[0.0], [0.0], [2.0]]> : tensor<3x1xf64>",
                  "dense<[0.0, 1.0, 0.0, 0.0, 0.0, 3.0]> : tensor<6xf64>", "dense<1.0> : tensor<1x1xf64>"},
                 2)
        .values(1);
  };
  double reset = sigmoid(1);
  expectNear(gru(""), {0.5 * std::tanh(reset * 2 + 3) + 0.5}, 1e-12);
  expectNear(gru(", linear_before_reset"), {0.5 * std::tanh(reset * (2 + 3)) + 0.5}, 1e-12);
}
