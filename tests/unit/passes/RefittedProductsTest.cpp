//===- RefittedProductsTest.cpp - products fitted to fewer tokens ----------===//

#include "passes/tokens/RefittedProducts.h"
#include "ir/reference/Evaluate.h"
#include "passes/fuse/ContractionWeights.h"
#include "tests/unit/passes/FunctionTest.h"
#include "tests/unit/passes/SmallTransformer.h"
#include "mlir/IR/Verifier.h"

using namespace mlir;

namespace fettle::test {

namespace {

class RefittedProducts : public FunctionTest {
protected:
  TokenTwins twinsOf(const SmallTransformer &net, ArrayRef<int64_t> counts) {
    parse(net.text());
    TokenStreams streams(function, variant.method);
    auto plan = planTokens(function, streams, counts, variant);
    EXPECT_TRUE(bool(plan)) << llvm::toString(plan.takeError());
    auto twins = makeTokenTwins(function, *plan);
    EXPECT_TRUE(succeeded(twins));
    EXPECT_TRUE(succeeded(verify(*twins->module)));
    return std::move(*twins);
  }
  /// What `values` of the twins are on the inputs of `net`.
  std::vector<std::vector<double>> evaluate(TokenTwins &twins, const SmallTransformer &net, ArrayRef<Value> values) {
    OpBuilder builder(&context);
    Operation *end = twins.function.front().getTerminator();
    end->setOperands(values);
    twins.function.setFunctionType(builder.getFunctionType(twins.function.getArgumentTypes(), ValueRange(values).getTypes()));
    auto results = reference::evaluate(twins.function, net.inputs(context));
    std::vector<std::vector<double>> numbers;
    EXPECT_TRUE(succeeded(results));
    for (const HostTensor &tensor : *results)
      numbers.push_back(tensor.doubles());
    return numbers;
  }
  static void expectNear(ArrayRef<double> actual, ArrayRef<double> wanted) {
    ASSERT_EQ(actual.size(), wanted.size());
    for (auto [x, y] : llvm::zip(actual, wanted))
      EXPECT_NEAR(x, y, 1e-4 * std::max(1.0, std::abs(y)));
  }

  const TokenVariant variant{TokenMethod::Merge, TokenMetric::Features, TokenMatching::Global, 2};
};

} // namespace

TEST_F(RefittedProducts, StudentAndTeacherAreSideBySide) {
  for (bool isPreNorm : {false, true})
    for (int64_t batch : {1, 2}) {
      SmallTransformer net;
      net.isPreNorm = isPreNorm;
      net.batch = batch;
      net.hasPositions = true;
      TokenTwins twins = twinsOf(net, {3, 2});
      auto outputs = evaluate(twins, net, {twins.student, twins.teacher});
      expectNear(outputs[0], net.evaluate({3, 2}, variant));
      expectNear(outputs[1], net.evaluate({}, {}));
    }
}

/// The first product behind a merge is linear in the tokens: merged results are the results of merged tokens.
TEST_F(RefittedProducts, TargetsAreMergedLikeTheStudent) {
  SmallTransformer net;
  net.isPreNorm = false;
  TokenTwins twins = twinsOf(net, {3, 2});
  ASSERT_GT(twins.products.size(), 2u);
  for (const TokenTwins::Product &product : twins.products)
    EXPECT_EQ(product.target.getType(), nn::MatMulOp(product.student).getOutput().getType()) << product.name;
  nn::MatMulOp first = twins.products.front().student, last = twins.products.back().student;
  auto values = evaluate(twins, net, {first.getOutput(), twins.products.front().target, last.getOutput(), twins.products.back().target});
  expectNear(values[0], values[1]);
  double difference = 0;
  for (auto [x, y] : llvm::zip_equal(values[2], values[3]))
    difference += std::abs(x - y);
  EXPECT_GT(difference, 1e-3); // by now there is something to make up for
}

TEST_F(RefittedProducts, MeansBecomeTheTargets) {
  SmallTransformer net;
  parse(net.text());
  nn::MatMulOp op = findRefittable(function).front();
  const int64_t width = net.channels, outputs = ContractionWeights::get(op)->outputs();
  ProductMoments moments;
  moments.width = width;
  moments.outputs = outputs;
  moments.mean.assign(width, 0.5f);
  moments.targetMean.assign(outputs, 3.0f);
  moments.covariance.assign(moments.triangle(), 0.0f);
  moments.cross.assign(width * outputs, 0.0f);
  for (int64_t i = 0, diagonal = 0; i < width; diagonal += width - i, ++i)
    moments.covariance[diagonal] = 1;
  HostTensor before = ContractionWeights::get(op)->tensor();
  ASSERT_TRUE(refitProduct(op, moments));
  ASSERT_TRUE(succeeded(verify(*module)));
  auto after = ContractionWeights::get(op);
  auto bias = channelValues(op.getBias(), 1, outputs);
  ASSERT_TRUE(after && bias);
  // Results do not go with inputs at all: the weights fall to the share that the ridge keeps, 5 of 6.
  std::vector<double> means(*bias);
  const bool isTransposed = op.getTransposeRhs();
  for (int64_t i = 0; i < before.numElements(); ++i) {
    EXPECT_NEAR(after->tensor().doubleAt(i), before.doubleAt(i) * 5 / 6, 1e-6);
    means[isTransposed ? i / width : i % outputs] += 0.5 * after->tensor().doubleAt(i);
  }
  for (double mean : means)
    EXPECT_NEAR(mean, 3, 1e-5);
  moments.width += 1;
  EXPECT_FALSE(refitProduct(op, moments));
}

/// Weights that are computed, and biases of rows, are left alone.
TEST_F(RefittedProducts, FindsPlainProductsOnly) {
  parse(R"(func.func @main(%x: tensor<1x3x2xf32>, %y: tensor<2x2xf32>) -> tensor<1x3x2xf32> {
    %w = nn.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
    %rows = nn.constant dense<[[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]> : tensor<3x2xf32>
    %b = nn.constant dense<[1.0, 2.0]> : tensor<2xf32>
    %0 = nn.matmul %x, %y : (tensor<1x3x2xf32>, tensor<2x2xf32>) -> tensor<1x3x2xf32>
    %1 = nn.matmul %0, %w, %rows : (tensor<1x3x2xf32>, tensor<2x2xf32>, tensor<3x2xf32>) -> tensor<1x3x2xf32>
    %2 = nn.matmul %1, %w, %b : (tensor<1x3x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x3x2xf32>
    return %2 : tensor<1x3x2xf32> })");
  SmallVector<nn::MatMulOp> found = findRefittable(function);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found.front().getOutput(), function.front().getTerminator()->getOperand(0));
}

} // namespace fettle::test
