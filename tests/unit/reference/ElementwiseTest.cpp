//===- ElementwiseTest.cpp - values of elementwise ops --------------------===//

#include "tests/unit/nn/OneOp.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace fettle::test;

static Values unary(const std::string &kind, const std::string &values, const std::string &type) {
  return OneOp("nn.unary " + kind + " %0 : (" + type + ") -> " + type, {"dense<" + values + "> : " + type}).values();
}

/// `type` is that of both operands and the result.
static Values binary(const std::string &kind, const std::string &lhs, const std::string &rhs, const std::string &type) {
  return OneOp("nn.binary " + kind + " %0, %1 : (" + type + ", " + type + ") -> " + type,
               {"dense<" + lhs + "> : " + type, "dense<" + rhs + "> : " + type})
      .values();
}

static Values cast(const std::string &values, const std::string &from, const std::string &to) {
  return OneOp("nn.cast %0 : (" + from + ") -> " + to, {"dense<" + values + "> : " + from}).values();
}

TEST(UnaryReference, Roundings) {
  EXPECT_EQ(unary("round", "[0.5, 1.5, -0.5, 2.5]", "tensor<4xf32>"), Values({0, 2, 0, 2}));
  EXPECT_EQ(unary("floor", "[-0.5, 1.5]", "tensor<2xf32>"), Values({-1, 1}));
  EXPECT_EQ(unary("sign", "[-3.0, 0.0, 2.0]", "tensor<3xf32>"), Values({-1, 0, 1}));
}

TEST(UnaryReference, NanPropagates) {
  for (const char *kind : {"relu", "sign", "round", "sigmoid", "softplus", "hard_sigmoid", "elu", "mish"})
    EXPECT_TRUE(std::isnan(unary(kind, "0x7FC00000", "tensor<f32>")[0])) << kind;
}

TEST(UnaryReference, ActivationsDoNotOverflow) {
  expectNear(unary("sigmoid", "[-1000.0, 0.0, 1000.0]", "tensor<3xf32>"), {0, 0.5, 1});
  expectNear(unary("softplus", "[-1000.0, 0.0, 1000.0]", "tensor<3xf32>"), {0, std::log(2), 1000});
  expectNear(unary("gelu", "[-1.0, 0.0, 1.0]", "tensor<3xf64>"), {-0.158655253931, 0, 0.841344746069});
  expectNear(unary("hard_swish", "[-4.0, -1.0, 1.0, 4.0]", "tensor<4xf32>"), {0, -1.0 / 3, 2.0 / 3, 4});
}

TEST(UnaryReference, Parameters) {
  auto shrink = OneOp("nn.unary shrink %0 {alpha = 1.5, beta = 1.0} : (tensor<4xf32>) -> tensor<4xf32>",
                      {"dense<[-2.0, -1.0, 1.0, 2.0]> : tensor<4xf32>"});
  EXPECT_EQ(shrink.values(), Values({-1, 0, 0, 1}));
  auto positive = OneOp("nn.unary is_inf %0 {alpha = 1.0, beta = 0.0} : (tensor<3xf32>) -> tensor<3xi1>",
                        {"dense<[0x7F800000, 0xFF800000, 1.0]> : tensor<3xf32>"});
  EXPECT_EQ(positive.values(), Values({1, 0, 0}));
}

TEST(UnaryReference, IntegersWrap) {
  EXPECT_EQ(unary("abs", "[-128, -1, 3]", "tensor<3xi8>"), Values({-128, 1, 3}));
  EXPECT_EQ(unary("neg", "[-128, 5]", "tensor<2xi8>"), Values({-128, -5}));
  EXPECT_EQ(unary("bitwise_not", "[0, 5]", "tensor<2xui8>"), Values({255, 250}));
  EXPECT_EQ(unary("logical_not", "[true, false]", "tensor<2xi1>"), Values({0, 1}));
}

TEST(BinaryReference, Broadcasts) {
  auto sum = OneOp("nn.binary add %0, %1 : (tensor<2x1xf32>, tensor<3xf32>) -> tensor<2x3xf32>",
                   {"dense<[[10.0], [20.0]]> : tensor<2x1xf32>", "dense<[1.0, 2.0, 3.0]> : tensor<3xf32>"});
  EXPECT_EQ(sum.values(), Values({11, 12, 13, 21, 22, 23}));
}

TEST(BinaryReference, RemaindersAndTheirSigns) {
  EXPECT_EQ(binary("mod", "[-7, 7, -7, 7]", "[3, -3, -3, 3]", "tensor<4xi32>"), Values({2, -2, -1, 1}));
  EXPECT_EQ(binary("fmod", "[-7, 7, -7, 7]", "[3, -3, -3, 3]", "tensor<4xi32>"), Values({-1, 1, -1, 1}));
  EXPECT_EQ(binary("mod", "[-7.0, 7.0]", "[3.0, -3.0]", "tensor<2xf32>"), Values({2, -2}));
}

TEST(BinaryReference, DivisionNeverTraps) {
  EXPECT_EQ(binary("div", "[-7, 7, 5, -128]", "[2, -2, 0, -1]", "tensor<4xi8>"), Values({-3, -3, 0, -128}));
  EXPECT_EQ(binary("mod", "[5, -128]", "[0, -1]", "tensor<2xi8>"), Values({0, 0}));
  EXPECT_EQ(binary("div", "[18446744073709551615]", "[3]", "tensor<1xui64>"), Values({6148914691236517205.0}));
}

TEST(BinaryReference, PowersOfIntegers) {
  EXPECT_EQ(binary("pow", "[2, -3, 2, -1, 0]", "[10, 3, -1, -3, 0]", "tensor<5xi32>"), Values({1024, -27, 0, -1, 1}));
  auto mixed = OneOp("nn.binary pow %0, %1 : (tensor<2xi32>, tensor<2xf32>) -> tensor<2xi32>",
                     {"dense<[4, 9]> : tensor<2xi32>", "dense<[0.5, 1.5]> : tensor<2xf32>"});
  EXPECT_EQ(mixed.values(), Values({2, 27}));
}

TEST(BinaryReference, ShiftsByTheWidthEmpty) {
  EXPECT_EQ(binary("shift_left", "[1, 255]", "[3, 8]", "tensor<2xui8>"), Values({8, 0}));
  EXPECT_EQ(binary("shift_right", "[-8, -8]", "[1, 9]", "tensor<2xi8>"), Values({-4, -1}));
}

TEST(BinaryReference, MaximumPropagatesNan) {
  Values values = binary("max", "[0x7FC00000, 1.0]", "[2.0, 0x7FC00000]", "tensor<2xf32>");
  EXPECT_TRUE(std::isnan(values[0]) && std::isnan(values[1]));
}

TEST(BinaryReference, UnsignedOrderOf64Bits) {
  EXPECT_EQ(binary("max", "[9223372036854775808]", "[1]", "tensor<1xui64>"), Values({9223372036854775808.0}));
}

TEST(CompareReference, NanComparesFalse) {
  auto equal = OneOp("nn.compare ge %0, %0 : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xi1>",
                     {"dense<[0x7FC00000, 1.0]> : tensor<2xf32>"});
  EXPECT_EQ(equal.values(), Values({0, 1}));
}

TEST(SelectReference, BroadcastsAllThree) {
  auto chosen =
      OneOp("nn.select %0, %1, %2 : (tensor<2x1xi1>, tensor<2xi8>, tensor<i8>) -> tensor<2x2xi8>",
            {"dense<[[true], [false]]> : tensor<2x1xi1>", "dense<[1, 2]> : tensor<2xi8>", "dense<9> : tensor<i8>"});
  EXPECT_EQ(chosen.values(), Values({1, 2, 9, 9}));
}

TEST(ClampReference, HighWinsAndIntegersTakeInfiniteBounds) {
  auto crossed = OneOp("nn.clamp %0 {low = 3.0, high = 1.0} : (tensor<2xf32>) -> tensor<2xf32>",
                       {"dense<[0.0, 5.0]> : tensor<2xf32>"});
  EXPECT_EQ(crossed.values(), Values({1, 1}));
  auto open = OneOp("nn.clamp %0 {low = -2.0, high = 0x7FF0000000000000 : f64} : (tensor<2xi8>) -> tensor<2xi8>",
                    {"dense<[-9, 127]> : tensor<2xi8>"});
  EXPECT_EQ(open.values(), Values({-2, 127}));
}

TEST(CastReference, FloatToIntegerTruncatesAndSaturates) {
  EXPECT_EQ(cast("[-1.9, 1.9, 300.0, -300.0, 0x7FC00000]", "tensor<5xf32>", "tensor<5xi8>"),
            Values({-1, 1, 127, -128, 0}));
  EXPECT_EQ(cast("[-1.0, 1.0e30]", "tensor<2xf32>", "tensor<2xui64>"), Values({0, 18446744073709551615.0}));
}

TEST(CastReference, IntegersWrapAndBooleansTest) {
  EXPECT_EQ(cast("[300, -1]", "tensor<2xi32>", "tensor<2xui8>"), Values({44, 255}));
  EXPECT_EQ(cast("[9, -9]", "tensor<2xi32>", "tensor<2xi4>"), Values({-7, 7}));
  EXPECT_EQ(cast("[0.0, 0.1, 0x7FC00000]", "tensor<3xf32>", "tensor<3xi1>"), Values({0, 1, 1}));
}

TEST(CastReference, RoundsOnce) {
  // 2^60 + 2^36 + 1 is above the midpoint of two floats; rounded to double first it would be the midpoint.
  EXPECT_EQ(cast("1152921573326323713", "tensor<i64>", "tensor<f32>"), Values({1152921642045800448.0}));
  // The midpoint between 1 and the next half goes to even, anything above it up.
  EXPECT_EQ(cast("[1.00048828125, 1.000488281250001]", "tensor<2xf64>", "tensor<2xf16>"), Values({1, 1.0009765625}));
  EXPECT_EQ(cast("[65520.0, 5.960464477539063e-08]", "tensor<2xf64>", "tensor<2xf16>"),
            Values({HUGE_VAL, 5.960464477539063e-08}));
}
