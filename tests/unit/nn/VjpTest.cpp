//===- VjpTest.cpp - gradients against finite differences -----------------===//

#include "ir/nn/Nn.h"
#include "ir/reference/Evaluate.h"
#include "tests/unit/nn/OneOp.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace fettle;
using namespace fettle::test;

/// The sum over the results of `op` on `operands`, each result weighted by 1, 2, 3...
static double weightedSum(Operation *op, ArrayRef<HostTensor> operands) {
  auto results = reference::evaluate(op, operands);
  double sum = 0;
  for (int64_t i = 0; i < (*results)[0].numElements(); ++i)
    sum += double(i + 1) * (*results)[0].doubleAt(i);
  return sum;
}

/// Compares buildVjp with central differences at every element of every operand.
static void expectGradient(StringRef text, ArrayRef<std::string> constants) {
  OneOp one(text, constants);
  ASSERT_NE(one.op, nullptr) << one.messages;
  auto type = cast<RankedTensorType>(one.op->getResult(0).getType());
  HostTensor weights(type);
  for (int64_t i = 0; i < type.getNumElements(); ++i)
    weights.setDouble(i, double(i + 1));
  OpBuilder builder(one.op->getBlock()->getTerminator());
  Value gradient = nn::ConstantOp::create(builder, one.op->getLoc(), weights.toAttribute("weights"));
  auto gradients = cast<nn::NnOpInterface>(one.op).buildVjp(builder, gradient);
  ASSERT_TRUE(succeeded(gradients));
  std::vector<HostTensor> operands;
  for (Value operand : one.op->getOperands())
    operands.push_back(*reference::evaluateConstant(operand));
  for (size_t i = 0; i < operands.size(); ++i) {
    ASSERT_EQ((*gradients)[i].getType(), one.op->getOperand(i).getType());
    Values actual = reference::evaluateConstant((*gradients)[i])->doubles();
    for (int64_t j = 0; j < operands[i].numElements(); ++j) {
      double step = 1e-5, sums[2];
      for (int side : {0, 1}) {
        HostTensor moved(operands[i].type());
        for (int64_t k = 0; k < moved.numElements(); ++k)
          moved.setDouble(k, operands[i].doubleAt(k) + (k == j ? (side ? step : -step) : 0));
        std::vector<HostTensor> changed = operands;
        changed[i] = moved;
        sums[side] = weightedSum(one.op, changed);
      }
      EXPECT_NEAR(actual[j], (sums[1] - sums[0]) / (2 * step), 1e-6) << text.str() << " operand " << i << "." << j;
    }
  }
}

TEST(Vjp, Unary) {
  for (StringRef kind : {"identity", "neg", "abs", "exp", "log", "sqrt", "tanh", "sigmoid", "softplus", "sin", "relu"})
    expectGradient(("nn.unary " + kind + " %0 : (tensor<3xf64>) -> tensor<3xf64>").str(),
                   {"dense<[0.3, 1.7, 2.0]> : tensor<3xf64>"});
}

TEST(Vjp, BinarySumsOverBroadcastAxes) {
  for (StringRef kind : {"add", "sub", "mul", "div"})
    expectGradient(("nn.binary " + kind + " %0, %1 : (tensor<2x1xf64>, tensor<3xf64>) -> tensor<2x3xf64>").str(),
                   {"dense<[[0.5], [-2.0]]> : tensor<2x1xf64>", "dense<[1.5, -0.5, 3.0]> : tensor<3xf64>"});
}

TEST(Vjp, MatMulInEveryOrientation) {
  for (auto [attributes, lhs, rhs] : {std::array<std::string, 3>{"", "2x3", "3x2"},
                                      {"{transpose_lhs}", "3x2", "3x2"},
                                      {"{transpose_rhs}", "2x3", "2x3"},
                                      {"{transpose_lhs, transpose_rhs}", "3x2", "2x3"}}) {
    auto constant = [](const std::string &shape) {
      return (shape == "2x3" ? "dense<[[1.0, 2.0, -1.0], [0.5, 3.0, 1.0]]>"
                             : "dense<[[1.0, 2.0], [-1.0, 0.5], [3.0, 1.0]]>") +
             (" : tensor<" + shape + "xf64>");
    };
    expectGradient("nn.matmul %0, %1, %2 " + attributes + " : (tensor<" + lhs + "xf64>, tensor<" + rhs +
                       "xf64>, tensor<2xf64>) -> tensor<2x2xf64>",
                   {constant(lhs), constant(rhs), "dense<[0.1, 0.2]> : tensor<2xf64>"});
  }
}

TEST(Vjp, MovementAndReduction) {
  std::string input = "dense<[[1.0, 2.0, -1.0], [0.5, 3.0, 1.0]]> : tensor<2x3xf64>";
  expectGradient("nn.transpose %0 {perm = array<i64: 1, 0>} : (tensor<2x3xf64>) -> tensor<3x2xf64>", {input});
  expectGradient("nn.reshape %0 : (tensor<2x3xf64>) -> tensor<6xf64>", {input});
  expectGradient("nn.reduce mean %0 {axes = array<i64: 1>} : (tensor<2x3xf64>) -> tensor<2xf64>", {input});
}
