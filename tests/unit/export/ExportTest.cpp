//===- ExportTest.cpp - the form that ops take in ONNX --------------------===//

#include "tests/unit/export/RoundTrip.h"
#include <gtest/gtest.h>

using namespace fettle;
using namespace fettle::test;
using mlir::MLIRContext;

/// A function of one argument with the given body, in which %r is returned.
static std::string function(const std::string &arguments, const std::string &type, const std::string &body) {
  return "func.func @f(" + arguments + ") -> " + type + " {\n" + body + "\nreturn %r : " + type + "\n}";
}

static std::string elementwise(const std::string &op, const std::string &type = "tensor<3x4xf32>") {
  return function("%x: " + type, type, "%r = " + op + " : (" + type + ") -> " + type);
}

TEST(Export, ActivationsAreComposedWhereTheOpsetLacksThem) {
  struct Case {
    const char *kind, *op;
    int64_t since;
  };
  for (const Case &test :
       {Case{"gelu", "Gelu", 20}, {"gelu_tanh", "Gelu", 20}, {"hard_swish", "HardSwish", 14}, {"mish", "Mish", 18}})
    for (int64_t opset : {13, 17, 21}) {
      RoundTrip trip = expectRoundTrip(elementwise(std::string("nn.unary ") + test.kind + " %x"), opset);
      EXPECT_TRUE(trip.problems.empty());
      EXPECT_EQ(trip.has(test.op), opset >= test.since) << test.kind << " in opset " << opset;
      EXPECT_EQ(trip.operators.size() == 1, opset >= test.since) << test.kind << " in opset " << opset;
    }
}

TEST(Export, EveryUnaryKindHasAForm) {
  for (const char *kind :
       {"identity",   "abs",     "neg",  "sign",  "reciprocal", "sqrt",     "rsqrt",      "exp",
        "log",        "floor",   "ceil", "round", "erf",        "sin",      "cos",        "tan",
        "asin",       "acos",    "atan", "sinh",  "cosh",       "tanh",     "asinh",      "acosh",
        "atanh",      "sigmoid", "relu", "gelu",  "gelu_tanh",  "silu",     "hard_swish", "hard_sigmoid",
        "leaky_relu", "elu",     "selu", "celu",  "softplus",   "softsign", "mish",       "thresholded_relu",
        "shrink"})
    for (const char *type : {"f16", "bf16", "f32", "f64"})
      for (int64_t opset : {13, 21}) {
        std::string op = std::string("nn.unary ") + kind + " %x {alpha = 0.5 : f64, beta = 0.25 : f64}";
        double tolerance = type == std::string("bf16") ? 0.01 : type == std::string("f16") ? 2e-3 : 1e-6;
        RoundTrip trip = expectRoundTrip(elementwise(op, std::string("tensor<3x4x") + type + ">"), opset, tolerance);
        EXPECT_TRUE(trip.problems.empty()) << kind << " of " << type;
      }
}

TEST(Export, IntegersComputeInTypesThatOperatorsTake) {
  for (const char *type : {"i8", "ui8", "i16", "ui16", "i32", "ui32", "i64", "ui64"}) {
    std::string tensor = std::string("tensor<3x4x") + type + ">",
                pair = " : (" + tensor + ", " + tensor + ") -> " + tensor;
    for (const char *kind : {"add", "mul", "min", "max"}) {
      std::string text = function("%x: " + tensor + ", %y: " + tensor, tensor,
                                  std::string("%r = nn.binary ") + kind + " %x, %y" + pair);
      for (int64_t opset : {13, 14})
        EXPECT_TRUE(expectRoundTrip(text, opset).problems.empty()) << kind << " of " << type;
    }
    for (const char *op : {"nn.unary relu %x", "nn.unary neg %x", "nn.unary bitwise_not %x",
                           "nn.clamp %x {low = 1.0 : f64, high = 2.0 : f64}"})
      for (int64_t opset : {13, 21})
        EXPECT_TRUE(expectRoundTrip(elementwise(op, tensor), opset).problems.empty()) << op << " of " << type;
  }
}

TEST(Export, AllProblemsAreReportedWithTheirRemedy) {
  RoundTrip trip = expectRoundTrip(
      R"(func.func @f(%x: tensor<4xi32>, %i: tensor<2xi64>, %u: tensor<2xi32>) -> (tensor<4xi32>, tensor<4xi32>, tensor<4xi32>) {
    %0 = nn.binary bitwise_and %x, %x : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32> loc("and"("BitwiseAnd"))
    %1 = nn.scatter_elements accumulate %x, %i, %u {axis = 0 : i64} : (tensor<4xi32>, tensor<2xi64>, tensor<2xi32>) -> tensor<4xi32> loc("sum"("ScatterElements"))
    %2 = nn.binary shift_left %0, %1 : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32> loc("shift"("BitShift"))
    return %0, %1, %2 : tensor<4xi32>, tensor<4xi32>, tensor<4xi32>
  })",
      13);
  ASSERT_EQ(trip.problems.size(), 3u);
  EXPECT_EQ(trip.problems[0].node, "and");
  EXPECT_EQ(trip.problems[0].op, "BitwiseAnd");
  EXPECT_NE(trip.problems[0].remedy.find("onnx:opset=18"), std::string::npos);
  EXPECT_NE(trip.problems[1].remedy.find("onnx:opset=16"), std::string::npos);
  EXPECT_EQ(trip.problems[2].node, "shift");
  EXPECT_EQ(trip.problems[2].remedy, "");
  EXPECT_EQ(trip.model, nullptr);
}

TEST(Export, ChannelsLastIsRefused) {
  RoundTrip trip = expectRoundTrip(function("%x: tensor<1x4x4x3xf32>", "tensor<1x2x2x3xf32>", R"(
    %r = nn.pool max_pool %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>,
      dilations = array<i64: 1, 1>, channels_last} : (tensor<1x4x4x3xf32>) -> tensor<1x2x2x3xf32>)"),
                                   17);
  ASSERT_EQ(trip.problems.size(), 1u);
  EXPECT_NE(trip.problems[0].reason.find("channels-last"), std::string::npos);
}

//===--- Names ------------------------------------------------------------===//

static std::vector<std::string> nodeNames(const RoundTrip &trip) {
  std::vector<std::string> names;
  for (const onnx::Node &node : trip.model->graph.nodes)
    names.push_back(node.name);
  return names;
}

TEST(Export, NodesAndValuesAreNamedAfterWhatTheyCameFrom) {
  RoundTrip trip = expectRoundTrip(
      R"(func.func @f(%x: tensor<4xf32> {nn.name = "image"}) -> (tensor<4xf32> {nn.name = "y"}, tensor<4xf32> {nn.name = "z"}) {
    %w = nn.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32> loc("weight"("Initializer"))
    %0 = nn.binary mul %x, %w : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32> loc("scale"("Mul"))
    %1 = nn.unary gelu %0 : (tensor<4xf32>) -> tensor<4xf32> loc(fused["cut"("Erf"), "act"("Mul")])
    %2 = nn.unary exp %1 : (tensor<4xf32>) -> tensor<4xf32> loc("scale"("Exp"))
    return %2, %0 : tensor<4xf32>, tensor<4xf32>
  })",
      17);
  ASSERT_TRUE(trip.model);
  EXPECT_EQ(trip.model->graph.inputs[0].name, "image");
  EXPECT_EQ(trip.model->graph.outputs[0].name, "y");
  EXPECT_EQ(trip.model->graph.outputs[1].name, "z");
  std::vector<std::string> names = nodeNames(trip);
  EXPECT_EQ(names.front(), "scale");
  EXPECT_EQ(trip.model->graph.nodes.front().inputs[1], "weight");
  EXPECT_EQ(trip.model->graph.nodes.front().outputs[0], "z");
  EXPECT_TRUE(llvm::is_contained(names, "cut+act/Erf"));
  EXPECT_TRUE(llvm::is_contained(names, "cut+act"));
  EXPECT_EQ(names.back(), "scale_2");
  EXPECT_EQ(trip.model->graph.nodes.back().outputs[0], "y");
}

TEST(Export, InputsConstantsAndRepeatedResultsAreCopiedToOutputs) {
  RoundTrip trip = expectRoundTrip(R"(func.func @f(%x: tensor<2xf32> {nn.name = "x"}) -> (tensor<2xf32> {nn.name = "a"},
      tensor<2xf32> {nn.name = "b"}, tensor<2xf32> {nn.name = "c"}, tensor<2xf32> {nn.name = "d"}) {
    %w = nn.constant dense<[1.0, 2.0]> : tensor<2xf32> loc("b"("Initializer"))
    %0 = nn.unary exp %x : (tensor<2xf32>) -> tensor<2xf32> loc("x"("Exp"))
    return %x, %w, %0, %0 : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
  })",
                                   17);
  ASSERT_TRUE(trip.model);
  EXPECT_EQ(trip.operators, std::vector<std::string>({"Exp", "Identity", "Identity", "Identity"}));
  EXPECT_EQ(trip.model->graph.nodes[0].outputs[0], "c");
}

TEST(Export, TensorsWithoutElementsAreConstants) {
  RoundTrip trip =
      expectRoundTrip(function("%x: tensor<0x4xf32>", "tensor<4x0xf32>",
                               "%r = nn.transpose %x {perm = array<i64: 1, 0>} : (tensor<0x4xf32>) -> tensor<4x0xf32>"),
                      13);
  EXPECT_EQ(trip.operators, std::vector<std::string>({"Identity"}));
}

TEST(Export, LargeSplatsTakeNoSpace) {
  RoundTrip trip = expectRoundTrip(function("%x: tensor<1x100000xf32>", "tensor<1x100000xf32>", R"(
    %c = nn.constant dense<2.0> : tensor<1x100000xf32>
    %r = nn.binary add %x, %c : (tensor<1x100000xf32>, tensor<1x100000xf32>) -> tensor<1x100000xf32>)"),
                                   13);
  EXPECT_EQ(trip.operators, std::vector<std::string>({"ConstantOfShape", "Add"}));
}

//===--- Norms and attention ----------------------------------------------===//

TEST(Export, NormsTakeTheOperatorThatFits) {
  std::string type = "tensor<2x3x4xf32>";
  auto norm = [&](const std::string &parameters, const std::string &attributes) {
    std::string arguments = "%x: " + type, operands = "%x", types = type;
    if (!parameters.empty()) {
      arguments += ", %s: " + parameters + ", %b: " + parameters;
      operands += ", %s, %b";
      types += ", " + parameters + ", " + parameters;
    }
    std::string segments = parameters.empty() ? "1, 0, 0" : "1, 1, 1";
    return function(arguments, type,
                    "%r = nn.layer_norm " + operands + " {" + attributes +
                        ", epsilon = 0.01 : f64, operandSegmentSizes = array<i32: " + segments + ">} : (" + types +
                        ") -> " + type);
  };
  EXPECT_TRUE(expectRoundTrip(norm("tensor<4xf32>", "axis = 2 : i64"), 17).has("LayerNormalization"));
  EXPECT_FALSE(expectRoundTrip(norm("tensor<4xf32>", "axis = 2 : i64"), 16).has("LayerNormalization"));
  EXPECT_TRUE(expectRoundTrip(norm("tensor<3x1xf32>", "axis = 2 : i64"), 17).has("InstanceNormalization"));
  EXPECT_TRUE(expectRoundTrip(norm("tensor<1x3x1xf32>", "axis = 2 : i64"), 13).has("InstanceNormalization"));
  // A scale over other axes than the normalized ones follows the operator.
  EXPECT_TRUE(expectRoundTrip(norm("tensor<2x1x1xf32>", "axis = 1 : i64"), 17).has("Mul"));
  EXPECT_TRUE(expectRoundTrip(norm("", "axis = 1 : i64"), 17).has("LayerNormalization"));
  EXPECT_FALSE(expectRoundTrip(norm("tensor<4xf32>", "axis = 2 : i64, rms"), 21).has("LayerNormalization"));
}

TEST(Export, OnlyRowsThatMayBeHiddenAreReplaced) {
  auto attention = [](const std::string &mask) {
    return "func.func @f(%q: tensor<1x4x3x8xf32>, %k: tensor<1x2x5x8xf32>, %v: tensor<1x2x5x6xf32>) -> "
           "tensor<1x4x3x6xf32> {\n"
           "%m = nn.constant " +
           mask +
           "\n"
           "%r = nn.attention %q, %k, %v, %m {scale = 0.25 : f64, softcap = 3.0 : f64} : (tensor<1x4x3x8xf32>, "
           "tensor<1x2x5x8xf32>, "
           "tensor<1x2x5x6xf32>, tensor<3x1xf32>) -> tensor<1x4x3x6xf32>\nreturn %r : tensor<1x4x3x6xf32>\n}";
  };
  RoundTrip seen = expectRoundTrip(attention("dense<[[0.0], [1.0], [-1.0]]> : tensor<3x1xf32>"), 17);
  EXPECT_FALSE(seen.has("Where"));
  RoundTrip hidden = expectRoundTrip(attention("dense<[[0.0], [0xFF800000], [-1.0]]> : tensor<3x1xf32>"), 13);
  EXPECT_TRUE(hidden.has("Where"));
  // More queries than keys: the first ones see nothing.
  RoundTrip causal =
      expectRoundTrip(function("%q: tensor<1x2x5x4xf32>, %k: tensor<1x2x3x4xf32>", "tensor<1x2x5x4xf32>",
                               "%r = nn.attention %q, %k, %k {scale = 0.5 : f64, causal} : (tensor<1x2x5x4xf32>, "
                               "tensor<1x2x3x4xf32>, tensor<1x2x3x4xf32>) -> tensor<1x2x5x4xf32>"),
                      17);
  EXPECT_TRUE(causal.has("Where"));
}
