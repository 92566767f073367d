//===- PointwiseTest.cpp - every pointwise op on every element type -------===//

#include "tests/unit/codegen/RunKernel.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace fettle;
using namespace fettle::test;

/// 43 elements: whole vectors, shorter ones and a scalar rest.
static std::string tensorOf(StringRef element) { return "tensor<43x" + element.str() + ">"; }

static bool isUnsigned(StringRef element) { return element.starts_with("u"); }

static MatchOptions optionsFor(StringRef element) {
  MatchOptions options;
  if (element.starts_with("f") || element.starts_with("b"))
    options.relative = options.absolute = element == "f16" ? 2e-3 : element == "bf16" ? 2e-2 : 2e-6;
  else
    options.relative = options.absolute = 0;
  if (isUnsigned(element)) {
    options.low = 0;
    options.high = 15;
  } else if (element.starts_with("i")) {
    options.low = -8;
    options.high = 8;
  }
  return options;
}

static void checkUnary(StringRef kind, StringRef element, StringRef attributes = "", MatchOptions options = {}, StringRef result = "") {
  std::string from = tensorOf(element), to = tensorOf(result.empty() ? element : result);
  expectMatchesReference("func.func @f(%x: " + from + ") -> " + to + " {\n %0 = nn.unary " + kind.str() + " %x " + attributes.str() + " : (" + from + ") -> " + to +
                             "\n return %0 : " + to + "\n}",
                         codegen::buildLoops, options);
}

static void checkBinary(StringRef op, StringRef element, MatchOptions options, StringRef result = "") {
  std::string from = tensorOf(element), to = tensorOf(result.empty() ? element : result);
  expectMatchesReference("func.func @f(%x: " + from + ", %y: " + from + ") -> " + to + " {\n %0 = nn." + op.str() + " %x, %y : (" + from + ", " + from + ") -> " + to +
                             "\n return %0 : " + to + "\n}",
                         codegen::buildLoops, options);
}

TEST(Pointwise, UnaryFloats) {
  for (const char *kind : {"identity", "abs", "neg", "sign", "reciprocal", "exp", "floor", "ceil", "round", "erf", "sin", "cos", "atan", "sinh",
                           "cosh", "tanh", "asinh", "sigmoid", "relu", "gelu", "gelu_tanh", "silu", "hard_swish", "softplus", "softsign", "mish"})
    for (const char *element : {"f32", "f64"})
      checkUnary(kind, element, "", optionsFor("f32"));
  for (const char *kind : {"sqrt", "rsqrt", "log", "acosh"}) {
    MatchOptions positive = optionsFor("f32");
    positive.low = 1.01;
    positive.high = 30;
    checkUnary(kind, "f32", "", positive);
    checkUnary(kind, "f64", "", positive);
  }
  for (const char *kind : {"asin", "acos", "atanh"}) {
    MatchOptions inside = optionsFor("f32");
    inside.low = -0.99;
    inside.high = 0.99;
    checkUnary(kind, "f32", "", inside);
  }
  for (const char *element : {"f16", "bf16"})
    for (const char *kind : {"identity", "neg", "exp", "tanh", "gelu", "sign"})
      checkUnary(kind, element, "", optionsFor(element));
}

TEST(Pointwise, UnaryParameters) {
  MatchOptions options = optionsFor("f32");
  checkUnary("hard_sigmoid", "f32", "{alpha = 0.2 : f64, beta = 0.5 : f64}", options);
  checkUnary("leaky_relu", "f32", "{alpha = 0.01 : f64}", options);
  checkUnary("elu", "f32", "{alpha = 1.5 : f64}", options);
  checkUnary("selu", "f32", "{alpha = 1.67 : f64, beta = 1.05 : f64}", options);
  checkUnary("celu", "f32", "{alpha = 2.0 : f64}", options);
  checkUnary("silu", "f32", "{alpha = 1.702 : f64}", options);
  checkUnary("thresholded_relu", "f32", "{alpha = 0.5 : f64}", options);
  checkUnary("shrink", "f32", "{alpha = 0.5 : f64, beta = 0.25 : f64}", options);
  checkUnary("is_nan", "f32", "", options, "i1");
  checkUnary("is_inf", "f32", "{alpha = 1.0 : f64, beta = 1.0 : f64}", options, "i1");
}

TEST(Pointwise, UnaryIntegers) {
  for (const char *element : {"i8", "ui8", "i32", "i64", "ui16"}) {
    for (const char *kind : {"identity", "abs", "sign", "relu", "bitwise_not"})
      checkUnary(kind, element, "", optionsFor(element));
    if (!isUnsigned(element))
      checkUnary("neg", element, "", optionsFor(element));
  }
  checkUnary("logical_not", "i1", "", optionsFor("i1"));
}

TEST(Pointwise, BinaryFloats) {
  for (const char *element : {"f32", "f64", "f16", "bf16"})
    for (const char *kind : {"add", "sub", "mul", "div", "min", "max", "prelu"})
      checkBinary((Twine("binary ") + kind).str(), element, optionsFor(element));
  for (const char *kind : {"fmod", "mod", "pow"}) {
    MatchOptions options = optionsFor("f32");
    options.low = 0.1;
    options.high = 5;
    checkBinary((Twine("binary ") + kind).str(), "f32", options);
  }
}

TEST(Pointwise, BinaryIntegers) {
  // The ranges hold zero divisors.
  for (const char *element : {"i8", "ui8", "i16", "i32", "ui32", "i64", "ui64"}) {
    for (const char *kind : {"add", "sub", "mul", "div", "mod", "fmod", "min", "max", "bitwise_and", "bitwise_or", "bitwise_xor"})
      checkBinary((Twine("binary ") + kind).str(), element, optionsFor(element));
    if (isUnsigned(element))
      for (const char *kind : {"shift_left", "shift_right"})
        checkBinary((Twine("binary ") + kind).str(), element, optionsFor(element));
    MatchOptions positive = optionsFor(element);
    positive.low = 0;
    positive.high = 6;
    checkBinary("binary pow", element, positive);
  }
  for (const char *kind : {"logical_and", "logical_or", "logical_xor"})
    checkBinary((Twine("binary ") + kind).str(), "i1", optionsFor("i1"));
}

TEST(Pointwise, DivisionOverflowWraps) {
  KernelRun kernel("func.func @f(%x: tensor<2xi32>, %y: tensor<2xi32>) -> (tensor<2xi32>, tensor<2xi32>) {\n"
                   " %0 = nn.binary div %x, %y : (tensor<2xi32>, tensor<2xi32>) -> tensor<2xi32>\n"
                   " %1 = nn.binary fmod %x, %y : (tensor<2xi32>, tensor<2xi32>) -> tensor<2xi32>\n"
                   " return %0, %1 : tensor<2xi32>, tensor<2xi32>\n}",
                   codegen::buildLoops);
  ASSERT_TRUE(kernel.built());
  HostTensor x(kernel.inputTypes()[0]), y(kernel.inputTypes()[1]);
  x.setInteger(0, INT32_MIN);
  y.setInteger(0, -1);
  x.setInteger(1, 7);
  std::vector<HostTensor> results = kernel.run({x, y});
  EXPECT_EQ(results[0].integers(), (std::vector<int64_t>{INT32_MIN, 0}));
  EXPECT_EQ(results[1].integers(), (std::vector<int64_t>{0, 0}));
}

TEST(Pointwise, CompareAndSelect) {
  for (const char *element : {"f32", "i8", "ui8", "i64"})
    for (const char *kind : {"eq", "lt", "le", "gt", "ge"})
      checkBinary((Twine("compare ") + kind).str(), element, optionsFor(element), "i1");
  expectMatchesReference("func.func @f(%c: tensor<3x1xi1>, %x: tensor<3x20xf32>, %y: tensor<20xf32>) -> tensor<3x20xf32> {\n"
                         " %0 = nn.select %c, %x, %y : (tensor<3x1xi1>, tensor<3x20xf32>, tensor<20xf32>) -> tensor<3x20xf32>\n"
                         " return %0 : tensor<3x20xf32>\n}",
                         codegen::buildLoops);
}

TEST(Pointwise, Clamps) {
  for (const char *element : {"f32", "i8", "ui8", "i32", "i64"}) {
    std::string type = tensorOf(element);
    for (const char *bounds : {"{low = -1.0 : f64, high = 5.0 : f64}", "{low = 2.0 : f64, high = 0x7FF0000000000000 : f64}"})
      expectMatchesReference("func.func @f(%x: " + type + ") -> " + type + " {\n %0 = nn.clamp %x " + bounds + " : (" + type + ") -> " + type + "\n return %0 : " + type + "\n}",
                             codegen::buildLoops, optionsFor(element));
  }
}

TEST(Pointwise, Casts) {
  const char *elements[] = {"f32", "f64", "f16", "bf16", "i1", "i8", "ui8", "i16", "ui16", "i32", "ui32", "i64", "ui64"};
  for (const char *from : elements)
    for (const char *to : elements) {
      MatchOptions options;
      options.absolute = options.relative = 0;
      // Within every type's range: what lies outside is the target's own.
      options.low = 0;
      options.high = 120;
      std::string fromType = tensorOf(from), toType = tensorOf(to);
      expectMatchesReference("func.func @f(%x: " + fromType + ") -> " + toType + " {\n %0 = nn.cast %x : (" + fromType + ") -> " + toType + "\n return %0 : " + toType + "\n}",
                             codegen::buildLoops, options);
    }
}

TEST(Pointwise, FloatsSaturateAsIntegers) {
  for (const char *element : {"i8", "ui8", "i32", "ui32", "i64", "ui64"}) {
    std::string to = "tensor<4x" + std::string(element) + ">";
    KernelRun kernel("func.func @f(%x: tensor<4xf32>) -> " + to + " {\n %0 = nn.cast %x : (tensor<4xf32>) -> " + to + "\n return %0 : " + to + "\n}", codegen::buildLoops);
    ASSERT_TRUE(kernel.built());
    HostTensor x(kernel.inputTypes()[0]);
    x.setDouble(0, 1e30);
    x.setDouble(1, -1e30);
    x.setDouble(2, std::numeric_limits<double>::quiet_NaN());
    x.setDouble(3, 1.9);
    HostTensor y = kernel.run({x})[0];
    unsigned width = y.elementType().getIntOrFloatBitWidth();
    bool hasSign = !isUnsigned(element);
    uint64_t largest = ~uint64_t(0) >> (64 - width + hasSign);
    EXPECT_EQ(uint64_t(y.integerAt(0)), largest) << element;
    EXPECT_EQ(y.integerAt(1), hasSign ? -int64_t(largest) - 1 : 0) << element;
    EXPECT_EQ(y.integerAt(2), 0) << element;
    EXPECT_EQ(y.integerAt(3), 1) << element;
  }
}

TEST(Pointwise, QuantizationIsExact) {
  std::pair<const char *, std::vector<int>> types[] = {{"ui8", {0, 1, 128, 255}}, {"i8", {0, -1, -128, 127}}, {"ui16", {0, 65535}}, {"i16", {3, -32768}}};
  for (auto &[element, zeroPoints] : types)
    for (int zeroPoint : zeroPoints) {
      std::string to = "tensor<40x" + std::string(element) + ">", scalar = "tensor<" + std::string(element) + ">";
      KernelRun kernel("func.func @f(%x: tensor<40xf32>) -> " + to + " {\n %s = nn.constant dense<1.0> : tensor<f32>\n %z = nn.constant dense<" +
                           std::to_string(zeroPoint) + "> : " + scalar + "\n %0 = nn.quantize %x, %s, %z : (tensor<40xf32>, tensor<f32>, " + scalar +
                           ") -> " + to + "\n return %0 : " + to + "\n}",
                       codegen::buildLoops);
      ASSERT_TRUE(kernel.built());
      HostTensor x(kernel.inputTypes()[0]);
      double infinity = std::numeric_limits<double>::infinity(), special[] = {infinity, -infinity, std::nan(""), -0.0, 1e30, -1e30, 0.49999997, 4194303.5};
      for (int i = 0; i < 40; ++i) // ties about zero and about both bounds
        x.setDouble(i, i < 8 ? special[i] : i < 16 ? i - 12.5 : i < 24 ? i - 20.5 - zeroPoint : i < 32 ? 255 - zeroPoint + (i - 28.5) : 65535 - zeroPoint + (i - 36.5));
      expectClose(kernel.run({x})[0], kernel.reference({x})[0], {0, 0});
    }
}
