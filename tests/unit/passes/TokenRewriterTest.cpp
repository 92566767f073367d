//===- TokenRewriterTest.cpp - transformers with fewer tokens --------------===//

#include "passes/tokens/TokenRewriter.h"
#include "ir/reference/Evaluate.h"
#include "tests/unit/passes/FunctionTest.h"
#include "tests/unit/passes/SmallTransformer.h"
#include "mlir/IR/Verifier.h"
#include <cmath>

using namespace mlir;

namespace fettle::test {

namespace {

class TokenRewriter : public FunctionTest {
protected:
  std::vector<double> evaluate(ArrayRef<HostTensor> inputs) {
    auto results = reference::evaluate(function, inputs);
    return succeeded(results) ? results->front().doubles() : std::vector<double>();
  }
  void reduce(ArrayRef<int64_t> counts, TokenVariant variant) {
    TokenStreams streams(function, variant.method);
    ASSERT_TRUE(succeeded(reduceTokens(function, streams, llvm::cantFail(planTokens(function, streams, counts, variant)))));
    ASSERT_TRUE(succeeded(verify(*module)));
  }
  static void expectEqual(ArrayRef<double> actual, ArrayRef<double> wanted) {
    ASSERT_EQ(actual.size(), wanted.size());
    double largest = 0, error = 0;
    for (auto [x, y] : llvm::zip(actual, wanted)) {
      largest = std::max(largest, std::abs(y));
      error = std::isfinite(x - y) ? std::max(error, std::abs(x - y)) : INFINITY;
    }
    EXPECT_LE(error, 1e-4 * largest) << "largest value " << largest;
  }

  /// The rewritten function equals the plain evaluation, in every variant.
  void expectSameAsPlain(const SmallTransformer &net, ArrayRef<int64_t> counts, bool mayDrop = false) {
    std::vector<TokenVariant> variants;
    for (TokenMetric metric : {TokenMetric::Features, TokenMetric::Keys, TokenMetric::Both})
      for (TokenMatching matching : {TokenMatching::Global, TokenMatching::Local})
        for (int64_t rounds : {1, 2})
          variants.push_back({TokenMethod::Merge, metric, matching, rounds});
    if (mayDrop)
      variants.push_back({TokenMethod::Drop, TokenMetric::Features, TokenMatching::Global, 1});
    for (TokenVariant variant : variants) {
      SCOPED_TRACE((Twine("method ") + Twine(int(variant.method)) + ", metric " + Twine(int(variant.metric)) + ", matching " +
                    Twine(int(variant.matching)) + ", rounds " + Twine(variant.rounds)).str());
      parse(net.text());
      reduce(counts, variant);
      // Tokens did go.
      int64_t fewest = net.tokens;
      module->walk([&](nn::MergeTokensOp op) { fewest = std::min(fewest, op.getOutput().getType().getDimSize(1)); });
      EXPECT_EQ(fewest, net.tokens - std::accumulate(counts.begin(), counts.end(), int64_t(0)));
      expectEqual(evaluate(net.inputs(context)), net.evaluate(counts, variant));
    }
  }
};

} // namespace

/// The plain evaluation is that of the function, before anything is removed.
TEST_F(TokenRewriter, PlainEvaluation) {
  for (bool isPreNorm : {false, true})
    for (Head head : {Head::Some, Head::Two, Head::Mean, Head::MaskedMean, Head::All}) {
      SmallTransformer net;
      net.batch = 2;
      net.isPreNorm = isPreNorm;
      net.isPadded = true;
      net.hasPositions = net.isRotary = net.isConvolved = net.zeroesPadding = true;
      net.keyHeads = 1;
      net.head = head;
      parse(net.text());
      expectEqual(evaluate(net.inputs(context)), net.evaluate({}, {}));
    }
}

TEST_F(TokenRewriter, PreAndPostNorm) {
  for (bool isPreNorm : {false, true})
    for (bool isPacked : {false, true}) {
      SmallTransformer net;
      net.isPreNorm = isPreNorm;
      net.isPacked = isPacked;
      expectSameAsPlain(net, {3, 2}, /*mayDrop=*/true);
    }
}

TEST_F(TokenRewriter, Batch) {
  SmallTransformer net;
  net.batch = 2;
  net.layers = 3;
  net.tokens = 12;
  expectSameAsPlain(net, {3, 2, 2}, /*mayDrop=*/true);
}

TEST_F(TokenRewriter, Heads) {
  for (Head head : {Head::Two, Head::Mean, Head::All}) {
    SmallTransformer net;
    net.batch = 2;
    net.head = head;
    expectSameAsPlain(net, {3, 2}, head == Head::Two);
  }
}

/// Tokens far from the first are read as what they became a part of.
TEST_F(TokenRewriter, ReadsTokensInTheMiddle) {
  SmallTransformer net;
  net.first = 4;
  net.kept = 3;
  expectSameAsPlain(net, {3, 2});
}

TEST_F(TokenRewriter, Padding) {
  for (Head head : {Head::Some, Head::MaskedMean, Head::All})
    for (int64_t batch : {1, 2}) {
      SmallTransformer net;
      net.batch = batch;
      net.isPadded = true;
      net.isPreNorm = false;
      net.head = head;
      expectSameAsPlain(net, {3, 2}, head == Head::Some);
    }
}

/// What attention gives to padding is computed for each token as it was.
TEST_F(TokenRewriter, PaddingSetToZero) {
  SmallTransformer net;
  net.batch = 2;
  net.isPadded = net.zeroesPadding = true;
  expectSameAsPlain(net, {3, 2});
}

TEST_F(TokenRewriter, PositionsInEachLayer) {
  for (bool isGiven : {false, true})
    for (int64_t batch : {1, 2}) {
      SmallTransformer net;
      net.batch = batch;
      net.hasPositions = !isGiven;
      net.hasGivenPositions = isGiven;
      net.layers = 3;
      expectSameAsPlain(net, {2, 2, 1}, /*mayDrop=*/true);
    }
}

TEST_F(TokenRewriter, RotaryPositions) {
  SmallTransformer net;
  net.batch = 2;
  net.isRotary = true;
  expectSameAsPlain(net, {3, 2}, /*mayDrop=*/true);
}

TEST_F(TokenRewriter, GroupedHeads) {
  SmallTransformer net;
  net.heads = 4;
  net.keyHeads = 2;
  expectSameAsPlain(net, {3, 2}, /*mayDrop=*/true);
}

/// A convolution over neighbours needs each token where it was.
TEST_F(TokenRewriter, ConvolutionInEachLayer) {
  SmallTransformer net;
  net.batch = 2;
  net.isConvolved = true;
  net.head = Head::Mean;
  expectSameAsPlain(net, {3, 2});
}

TEST_F(TokenRewriter, NothingRemoved) {
  SmallTransformer net;
  net.isPadded = true;
  for (TokenMethod method : {TokenMethod::Merge, TokenMethod::Drop}) {
    parse(net.text());
    std::string before, after;
    llvm::raw_string_ostream(before) << *module;
    reduce({0}, {method, TokenMetric::Both, TokenMatching::Local, 2});
    llvm::raw_string_ostream(after) << *module;
    EXPECT_EQ(before, after);
  }
}

} // namespace fettle::test
