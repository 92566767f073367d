//===- QuantizedExportTest.cpp - pairs and integer products in ONNX -------===//

#include "ir/import/Import.h"
#include "ir/nn/Nn.h"
#include "ir/reference/Evaluate.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Pipelines.h"
#include "tests/unit/export/RoundTrip.h"
#include "tests/unit/import/ModelBuilder.h"
#include <gtest/gtest.h>

using namespace fettle;
using namespace fettle::test;
using namespace mlir;

namespace {

const onnx::Node &nodeOf(const RoundTrip &trip, llvm::StringRef op) {
  for (const onnx::Node &node : trip.model->graph.nodes)
    if (node.op == op)
      return node;
  static const onnx::Node none;
  ADD_FAILURE() << "no " << op.str();
  return none;
}

/// A value quantized to `type` and dequantized, with scales and zero points of `shape` along `axis`.
std::string pair(const std::string &type, const std::string &shape, int axis) {
  std::string parameters = shape + "f32", points = shape + type;
  return "func.func @f(%x: tensor<4x6xf32>) -> tensor<4x6xf32> {\n"
         "%s = nn.constant dense<0.25> : tensor<" +
         parameters + ">\n%z = nn.constant dense<3> : tensor<" + points +
         ">\n"
         "%0 = nn.quantize %x, %s, %z {axis = " +
         std::to_string(axis) + " : i64} : (tensor<4x6xf32>, tensor<" + parameters + ">, tensor<" + points +
         ">) -> tensor<4x6x" + type +
         ">\n"
         "%1 = nn.dequantize %0, %s, %z {axis = " +
         std::to_string(axis) + " : i64} : (tensor<4x6x" + type + ">, tensor<" + parameters + ">, tensor<" + points +
         ">) -> tensor<4x6xf32>\nreturn %1 : tensor<4x6xf32>\n}";
}

} // namespace

TEST(QuantizedExport, PairsAreOperatorsWhereTheOpsetHasThem) {
  struct Case {
    const char *type, *shape;
    int axis;
    int64_t since; ///< opset of the operators; 0: none has them
  };
  const Case cases[] = {{"i8", "", 1, 13},      {"ui8", "6x", 1, 13}, {"i8", "4x", 0, 13},  {"i16", "", 1, 21},
                        {"ui16", "6x", 1, 21},  {"i4", "6x", 1, 13},  {"ui4", "", 1, 13},   {"i8", "2x6x", 1, 21},
                        {"ui8", "4x3x", 1, 21}, {"i8", "2x3x", 1, 0}, {"i4", "4x2x", 1, 21}};
  for (const Case &test : cases)
    for (int64_t opset : {13, 17, 21}) {
      RoundTrip trip = expectRoundTrip(pair(test.type, test.shape, test.axis), opset);
      EXPECT_TRUE(trip.problems.empty()) << test.type << " " << test.shape;
      bool isDirect = test.since && opset >= test.since;
      EXPECT_EQ(trip.has("DequantizeLinear"), isDirect) << test.type << " " << test.shape << " in " << opset;
    }
}

TEST(QuantizedExport, AZeroPointGivesTheType) {
  RoundTrip trip = expectRoundTrip(R"(func.func @f(%x: tensor<4xf32>) -> tensor<4xi8> {
    %s = nn.constant dense<0.25> : tensor<f32>
    %0 = nn.quantize %x, %s : (tensor<4xf32>, tensor<f32>) -> tensor<4xi8>
    return %0 : tensor<4xi8>
  })",
                                   13);
  EXPECT_EQ(nodeOf(trip, "QuantizeLinear").inputs.size(), 3u);
}

TEST(QuantizedExport, BlocksStateTheirSize) {
  RoundTrip trip = expectRoundTrip(pair("i8", "4x2x", 1), 21);
  const onnx::Node &node = nodeOf(trip, "QuantizeLinear");
  EXPECT_EQ(node.find("block_size")->i, 3);
  EXPECT_EQ(node.find("axis")->i, 1);
}

/// A quantized fully connected layer of a batch, whose weights are stored [out, in].
static const char *linear = R"(func.func @f(%x: tensor<2x3x4xui8>) -> tensor<2x3x2xui8> {
  %sx = nn.constant dense<0.5> : tensor<f32>
  %zx = nn.constant dense<7> : tensor<ui8>
  %w = nn.constant dense<[[1, -2, 5, 9], [3, 4, -7, 100]]> : tensor<2x4xi8>
  %sw = nn.constant dense<[0.25, 0.75]> : tensor<2xf32>
  %b = nn.constant dense<[0.3, -4.4]> : tensor<2xf32>
  %sy = nn.constant dense<9.0> : tensor<f32>
  %zy = nn.constant dense<50> : tensor<ui8>
  %0 = nn.dequantize %x, %sx, %zx : (tensor<2x3x4xui8>, tensor<f32>, tensor<ui8>) -> tensor<2x3x4xf32>
  %1 = nn.dequantize %w, %sw {axis = 0 : i64} : (tensor<2x4xi8>, tensor<2xf32>) -> tensor<2x4xf32>
  %2 = nn.matmul %0, %1, %b {transpose_rhs} : (tensor<2x3x4xf32>, tensor<2x4xf32>, tensor<2xf32>) -> tensor<2x3x2xf32>
  %3 = nn.quantize %2, %sy, %zy : (tensor<2x3x2xf32>, tensor<f32>, tensor<ui8>) -> tensor<2x3x2xui8>
  return %3 : tensor<2x3x2xui8>
})";

TEST(QuantizedExport, WeightsAreTurnedBelowTheirScales) {
  RoundTrip trip = expectRoundTrip(linear, 17);
  EXPECT_EQ(trip.operators,
            std::vector<std::string>({"DequantizeLinear", "DequantizeLinear", "MatMul", "DequantizeLinear", "Add", "QuantizeLinear"}));
  EXPECT_EQ(trip.model->graph.nodes[1].find("axis")->i, 1);
}

TEST(QuantizedExport, TheBiasOfAQuantizedProductIsQuantized) {
  RoundTrip trip = expectRoundTrip(R"(func.func @f(%x: tensor<1x2x3x3xui8>) -> tensor<1x2x3x3xf32> {
    %sx = nn.constant dense<0.5> : tensor<f32>
    %w = nn.constant dense<[[[[3]], [[-4]]], [[[5]], [[6]]]]> : tensor<2x2x1x1xi8>
    %sw = nn.constant dense<[0.25, 0.5]> : tensor<2xf32>
    %b = nn.constant dense<[1.25, -2.5]> : tensor<2xf32>
    %0 = nn.dequantize %x, %sx : (tensor<1x2x3x3xui8>, tensor<f32>) -> tensor<1x2x3x3xf32>
    %1 = nn.dequantize %w, %sw {axis = 0 : i64} : (tensor<2x2x1x1xi8>, tensor<2xf32>) -> tensor<2x2x1x1xf32>
    %2 = nn.conv %0, %1, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>}
      : (tensor<1x2x3x3xf32>, tensor<2x2x1x1xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32>
    return %2 : tensor<1x2x3x3xf32>
  })",
                                   13);
  EXPECT_EQ(llvm::count(trip.operators, "DequantizeLinear"), 3);
}

/// What ConvInteger and MatMulInteger are imported as goes back to them; other integers find a way.
TEST(QuantizedExport, IntegerProductsHaveOperators) {
  std::string widened = R"(func.func @f(%x: tensor<2x3xui8>, %z: tensor<ui8>) -> tensor<2x2xi32> {
    %w = nn.constant dense<[[-100, 20], [155, 3], [0, -1]]> : tensor<3x2xi32>
    %0 = nn.cast %x : (tensor<2x3xui8>) -> tensor<2x3xi32>
    %1 = nn.cast %z : (tensor<ui8>) -> tensor<i32>
    %2 = nn.binary sub %0, %1 : (tensor<2x3xi32>, tensor<i32>) -> tensor<2x3xi32>
    %3 = nn.matmul %2, %w : (tensor<2x3xi32>, tensor<3x2xi32>) -> tensor<2x2xi32>
    return %3 : tensor<2x2xi32>
  })";
  RoundTrip trip = expectRoundTrip(widened, 13);
  EXPECT_EQ(trip.operators, std::vector<std::string>({"MatMulInteger"}));
  EXPECT_EQ(nodeOf(trip, "MatMulInteger").inputs.size(), 4u);
  // Weights that span more than 255 stay in 32 bits.
  std::string wide = widened;
  wide.replace(wide.find("-100"), 4, "-900");
  EXPECT_TRUE(expectRoundTrip(wide, 13).has("MatMul"));

  auto conv = [](const std::string &input, const std::string &weight, const std::string &attributes) {
    return "func.func @f(%x: tensor<1x2x4x4x" + input + ">, %w: tensor<3x2x3x3x" + weight +
           ">, %b: tensor<3xi32>) -> tensor<1x3x4x4xi32> {\n"
           "%0 = nn.conv %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: "
           "1, 1>" +
           attributes + "} : (tensor<1x2x4x4x" + input + ">, tensor<3x2x3x3x" + weight +
           ">, tensor<3xi32>) -> tensor<1x3x4x4xi32>\n"
           "return %0 : tensor<1x3x4x4xi32>\n}";
  };
  EXPECT_TRUE(expectRoundTrip(conv("ui8", "i8", ", zero_point = 3 : i64"), 17).has("ConvInteger"));
  // Weights of nine bits, and plain integers, in f64, which holds all sums.
  EXPECT_TRUE(expectRoundTrip(conv("ui8", "i16", ", zero_point = 3 : i64"), 17).has("Conv"));
  EXPECT_TRUE(expectRoundTrip(conv("i32", "i32", ""), 17).has("Conv"));
}

/// Integer code made of what was exported and read again equals integer code made of the module itself.
TEST(QuantizedExport, TheSameIntegersAfterARoundTrip) {
  MLIRContext context;
  OwningOpRef<ModuleOp> module = parseMain(context, linear);
  RoundTrip trip = expectRoundTrip(*module, 17);
  ASSERT_TRUE(trip.model);
  ModelFolder folder;
  ASSERT_FALSE(bool(onnx::writeModel(*trip.model, folder.file())));
  ImportResult imported = importModel(context, folder.file(), {});
  ASSERT_TRUE(imported.module);
  HostTensor input(RankedTensorType::get({2, 3, 4}, IntegerType::get(&context, 8, IntegerType::Unsigned)));
  for (int64_t i = 0; i < input.numElements(); ++i)
    input.setInteger(i, i * 37 % 256);
  std::vector<std::vector<int64_t>> answers;
  for (ModuleOp each : {*module, *imported.module}) {
    PassManager passes(&context);
    buildIntegerIslands(passes);
    ASSERT_TRUE(succeeded(passes.run(each)));
    bool isInteger = false;
    each.walk([&](nn::MatMulOp op) { isInteger |= op.getOutput().getType().getElementType().isInteger(32); });
    EXPECT_TRUE(isInteger);
    auto results = reference::evaluate(each.lookupSymbol<func::FuncOp>("main"), {input});
    ASSERT_TRUE(succeeded(results));
    answers.push_back(results->front().integers());
  }
  EXPECT_EQ(answers[0], answers[1]);
}
