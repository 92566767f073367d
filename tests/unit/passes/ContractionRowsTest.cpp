//===- ContractionRowsTest.cpp - contractions as products of rows ----------===//

#include "ir/reference/Evaluate.h"
#include "passes/quantize/ContractionRows.h"
#include "tests/unit/passes/Preserve.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <gtest/gtest.h>

using namespace mlir;

namespace fettle::test {

class Rows : public testing::Test {
protected:
  /// Evaluates the op of `text` (a function of x and w) by rows, and by the interpreter.
  void expectSameProduct(const std::string &text, StringRef description) {
    loadDialects(context);
    module = parseSourceString<ModuleOp>(text, &context);
    ASSERT_TRUE(bool(module)) << text;
    auto function = *module->getOps<func::FuncOp>().begin();
    Operation *op = &function.front().front();
    auto rows = ContractionRows::get(op);
    ASSERT_TRUE(rows.has_value());
    EXPECT_EQ(rows->describe(), description.str());
    HostTensor x = counted(op->getOperand(0), 7), w = counted(op->getOperand(1), 5);
    auto wanted = reference::evaluate(op, {x, w});
    ASSERT_TRUE(succeeded(wanted));
    // The order of positions is that of the result, with its channels last.
    std::vector<double> sums;
    std::vector<float> input(x.numElements()), row(rows->groups() * rows->width());
    for (int64_t i = 0; i < x.numElements(); ++i)
      input[i] = float(x.doubleAt(i));
    for (int64_t position = 0; position < rows->positions(); ++position) {
      rows->gather(input, position, row.data());
      for (int64_t group = 0; group < rows->groups(); ++group)
        for (int64_t output = 0; output < rows->outputs(); ++output) {
          double sum = 0;
          for (int64_t column = 0; column < rows->width(); ++column)
            sum += row[group * rows->width() + column] * w.doubleAt(rows->weightIndex(group, output, column));
          sums.push_back(sum);
        }
    }
    EXPECT_EQ(sums, channelsLast(op, wanted->front()));
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;

private:
  /// Small integers, whose sums are exact.
  static HostTensor counted(Value value, int64_t modulus) {
    HostTensor tensor(cast<RankedTensorType>(value.getType()));
    for (int64_t i = 0; i < tensor.numElements(); ++i)
      tensor.setDouble(i, double((i * 11 + 3) % modulus) - double(modulus / 2));
    return tensor;
  }
  static std::vector<double> channelsLast(Operation *op, const HostTensor &result) {
    auto conv = dyn_cast<nn::ConvOp>(op);
    if (!conv || conv.getChannelsLast())
      return result.doubles();
    int64_t batch = result.shape()[0], channels = result.shape()[1], inner = result.numElements() / (batch * channels);
    std::vector<double> values;
    for (int64_t n = 0; n < batch; ++n)
      for (int64_t i = 0; i < inner; ++i)
        for (int64_t c = 0; c < channels; ++c)
          values.push_back(result.doubleAt((n * channels + c) * inner + i));
    return values;
  }
};

TEST_F(Rows, OfProducts) {
  expectSameProduct(R"(func.func @f(%x: tensor<2x3x4xf32>, %w: tensor<4x5xf32>) -> tensor<2x3x5xf32> {
    %0 = nn.matmul %x, %w : (tensor<2x3x4xf32>, tensor<4x5xf32>) -> tensor<2x3x5xf32>
    return %0 : tensor<2x3x5xf32> })",
                    "1");
  expectSameProduct(R"(func.func @f(%x: tensor<4x3xf32>, %w: tensor<5x4xf32>) -> tensor<3x5xf32> {
    %0 = nn.matmul %x, %w {transpose_lhs, transpose_rhs} : (tensor<4x3xf32>, tensor<5x4xf32>) -> tensor<3x5xf32>
    return %0 : tensor<3x5xf32> })",
                    "1");
}

TEST_F(Rows, OfConvolutions) {
  expectSameProduct(R"(func.func @f(%x: tensor<2x4x5x6xf32>, %w: tensor<6x2x3x2xf32>) -> tensor<2x6x3x5xf32> {
    %0 = nn.conv %x, %w {strides = array<i64: 2, 1>, pads = array<i64: 1, 0, 1, 1>, dilations = array<i64: 1, 2>, groups = 2}
        : (tensor<2x4x5x6xf32>, tensor<6x2x3x2xf32>) -> tensor<2x6x3x5xf32>
    return %0 : tensor<2x6x3x5xf32> })",
                    "3x2 stride 2x1 dilation 1x2 padding 1x0 groups 2 to 3x5");
  expectSameProduct(R"(func.func @f(%x: tensor<1x5x5x3xf32>, %w: tensor<3x1x3x3xf32>) -> tensor<1x5x5x3xf32> {
    %0 = nn.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, groups = 3, channels_last}
        : (tensor<1x5x5x3xf32>, tensor<3x1x3x3xf32>) -> tensor<1x5x5x3xf32>
    return %0 : tensor<1x5x5x3xf32> })",
                    "3x3 padding 1x1 groups 3");
  expectSameProduct(R"(func.func @f(%x: tensor<1x2x3x4x5xf32>, %w: tensor<3x2x2x2x2xf32>) -> tensor<1x3x2x3x4xf32> {
    %0 = nn.conv %x, %w {strides = array<i64: 1, 1, 1>, pads = array<i64: 0, 0, 0, 0, 0, 0>, dilations = array<i64: 1, 1, 1>}
        : (tensor<1x2x3x4x5xf32>, tensor<3x2x2x2x2xf32>) -> tensor<1x3x2x3x4xf32>
    return %0 : tensor<1x3x2x3x4xf32> })",
                    "2x2x2 to 2x3x4");
}

TEST_F(Rows, OfBatchedWeightsAreNone) {
  loadDialects(context);
  module = parseSourceString<ModuleOp>(R"(func.func @f(%x: tensor<2x3x4xf32>, %w: tensor<2x4x5xf32>) -> tensor<2x3x5xf32> {
    %0 = nn.matmul %x, %w : (tensor<2x3x4xf32>, tensor<2x4x5xf32>) -> tensor<2x3x5xf32>
    return %0 : tensor<2x3x5xf32> })",
                                       &context);
  EXPECT_FALSE(ContractionRows::get(&(*module->getOps<func::FuncOp>().begin()).front().front()));
}

} // namespace fettle::test
