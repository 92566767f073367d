//===- QuantizationTest.cpp - the rule ieee_f32 ---------------------------===//

#include "tests/unit/nn/OneOp.h"
#include <gtest/gtest.h>

using namespace fettle::test;

TEST(QuantizationReference, RoundsHalvesToEvenAndSaturates) {
  OneOp op("nn.quantize %0, %1, %2 : (tensor<6xf32>, tensor<f32>, tensor<ui8>) -> tensor<6xui8>",
           {"dense<[1.0, 3.0, 5.0, 1000.0, -1000.0, 0x7F800000]> : tensor<6xf32>", "dense<2.0> : tensor<f32>",
            "dense<128> : tensor<ui8>"});
  EXPECT_EQ(op.values(), Values({128, 130, 130, 255, 0, 255}));
}

TEST(QuantizationReference, DividesInSinglePrecision) {
  // In f32 the quotient is exactly 0.5 above an even integer's half way; in double it is not.
  OneOp op("nn.quantize %0, %1 : (tensor<1xf32>, tensor<f32>) -> tensor<1xi8>",
           {"dense<0.25> : tensor<1xf32>", "dense<0.1> : tensor<f32>"});
  EXPECT_EQ(float(0.25f / 0.1f), 2.5f);
  EXPECT_EQ(op.values(), Values({2}));
}

TEST(QuantizationReference, ScalePerAxisAndPerBlock) {
  std::vector<std::string> operands = {"dense<[[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]]> : tensor<2x4xf32>",
                                       "dense<[1.0, 0.5]> : tensor<2xf32>"};
  EXPECT_EQ(OneOp("nn.quantize %0, %1 {axis = 0 : i64} : (tensor<2x4xf32>, tensor<2xf32>) -> tensor<2x4xi8>", operands)
                .values(),
            Values({1, 2, 3, 4, 2, 4, 6, 8}));
  operands[1] = "dense<[[1.0, 0.5]]> : tensor<1x2xf32>";
  EXPECT_EQ(OneOp("nn.quantize %0, %1 : (tensor<2x4xf32>, tensor<1x2xf32>) -> tensor<2x4xi4>", operands).values(),
            Values({1, 2, 6, 7, 1, 2, 6, 7}));
}

TEST(QuantizationReference, DequantizeSubtractsExactly) {
  OneOp op("nn.dequantize %0, %1, %2 : (tensor<2xi8>, tensor<f32>, tensor<i8>) -> tensor<2xf32>",
           {"dense<[-128, 127]> : tensor<2xi8>", "dense<0.5> : tensor<f32>", "dense<127> : tensor<i8>"});
  EXPECT_EQ(op.values(), Values({-127.5, 0}));
}
