//===- TokenRewriterTest.cpp - transformers with fewer tokens --------------===//

#include "passes/tokens/TokenRewriter.h"
#include "ir/reference/Evaluate.h"
#include "tests/unit/passes/AttentionGraph.h"
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
    std::vector<double> all;
    if (succeeded(results))
      for (const HostTensor &result : *results)
        llvm::append_range(all, result.doubles());
    return all;
  }
  void reduce(ArrayRef<int64_t> counts, TokenVariant variant) {
    TokenStreams streams(function, variant.method);
    ASSERT_TRUE(succeeded(reduceTokens(function, streams, llvm::cantFail(planTokens(function, streams, counts, variant)))));
    ASSERT_TRUE(succeeded(verify(*module)));
  }
  static void expectEqual(ArrayRef<double> actual, ArrayRef<double> wanted, double tolerance = 1e-4) {
    ASSERT_EQ(actual.size(), wanted.size());
    double largest = 0, error = 0;
    for (auto [x, y] : llvm::zip(actual, wanted)) {
      largest = std::max(largest, std::abs(y));
      error = std::isfinite(x - y) ? std::max(error, std::abs(x - y)) : INFINITY;
    }
    EXPECT_LE(error, tolerance * largest) << "largest value " << largest;
  }

  /// Tokens 2i and 2i + 1 of each argument are equal: merging those changes no result, whatever the graph. Half of the tokens of each stream go at
  /// its first site; the reduced function is left.
  void expectEqualTokensMergeFreely(const std::string &text, double tolerance = 1e-5) {
    for (TokenMetric metric : {TokenMetric::Features, TokenMetric::Keys, TokenMetric::Both}) {
      SCOPED_TRACE(Twine("metric ").concat(Twine(int(metric))).str());
      parse(text);
      std::mt19937 random(4);
      std::normal_distribution<float> normal;
      SmallVector<HostTensor> inputs;
      for (Type type : function.getArgumentTypes()) {
        HostTensor &tensor = inputs.emplace_back(cast<RankedTensorType>(type));
        const int64_t width = tensor.shape().back();
        for (int64_t i = 0; i < tensor.numElements(); ++i)
          tensor.setDouble(i, i / width % 2 == 1 ? tensor.doubleAt(i - width) : normal(random));
      }
      const std::vector<double> before = evaluate(inputs);
      TokenStreams streams(function, TokenMethod::Merge);
      TokenPlan plan = llvm::cantFail(planTokens(function, streams, {0}, {TokenMethod::Merge, metric, TokenMatching::Global, 1}));
      int64_t place = 0, reduced = 0;
      for (const TokenStream &stream : streams.streams()) {
        if (!stream.sites.empty()) {
          plan.steps[place].removed = stream.tokens / 2;
          ++reduced;
        }
        place += llvm::count_if(stream.sites, [](const TokenSite &site) { return site.followsAttention; });
      }
      ASSERT_GT(reduced, 0);
      ASSERT_TRUE(succeeded(reduceTokens(function, streams, plan)));
      ASSERT_TRUE(succeeded(verify(*module)));
      expectEqual(evaluate(inputs), before, tolerance);
    }
  }
  /// Queries and keys of each attention, in program order.
  std::vector<std::pair<int64_t, int64_t>> attended() {
    std::vector<std::pair<int64_t, int64_t>> counts;
    module->walk([&](nn::AttentionOp op) { counts.emplace_back(op.getQuery().getType().getDimSize(2), op.getKey().getType().getDimSize(2)); });
    return counts;
  }

  /// The rewritten function equals the plain evaluation, in every variant.
  void expectSameAsPlain(const SmallTransformer &net, ArrayRef<int64_t> counts, bool mayDrop = false, double tolerance = 1e-4) {
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
      expectEqual(evaluate(net.inputs(context)), net.evaluate(counts, variant), tolerance);
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

/// Both towers add the same positions in each layer, merged by matchings of their own.
TEST_F(TokenRewriter, TwoTowersShareAConstant) {
  AttentionGraph graph;
  AttentionGraph::Value x = graph.tokens(8), y = graph.tokens(8), table = graph.constant({8, 4});
  for (int layer = 0; layer < 3; ++layer)
    for (AttentionGraph::Value *tower : {&x, &y}) {
      AttentionGraph::Value placed = graph.add(*tower, table);
      *tower = graph.mlp(graph.add(*tower, graph.attend(placed, placed, *tower)));
    }
  expectEqualTokensMergeFreely(graph.text({graph.mean(x), graph.mean(y)}));
  EXPECT_EQ(attended(), (std::vector<std::pair<int64_t, int64_t>>{{8, 8}, {8, 8}, {4, 4}, {4, 4}, {4, 4}, {4, 4}}));
}

/// The decoder reads as many keys as the encoder has left, and weighs them; its own tokens are left as they are where they are causal, and lead to
/// no more or fewer keys where they are not.
TEST_F(TokenRewriter, EncoderAndDecoder) {
  for (bool isCausal : {true, false}) {
    AttentionGraph graph;
    AttentionGraph::Value x = graph.tokens(8), y = graph.tokens(6);
    x = graph.layer(graph.layer(x));
    y = graph.decoderLayer(graph.decoderLayer(y, x, isCausal), x, isCausal);
    expectEqualTokensMergeFreely(graph.text(y));
    const int64_t left = isCausal ? 6 : 3;
    EXPECT_EQ(attended(), (std::vector<std::pair<int64_t, int64_t>>{{8, 8}, {4, 4}, {6, 6}, {left, 4}, {left, left}, {left, 4}}));
  }
}

/// Constant keys are no tokens.
TEST_F(TokenRewriter, ConstantKeys) {
  AttentionGraph graph;
  AttentionGraph::Value x = graph.readConstant(graph.layer(graph.tokens(8)));
  expectEqualTokensMergeFreely(graph.text(graph.mean(graph.mlp(x))));
  EXPECT_EQ(attended(), (std::vector<std::pair<int64_t, int64_t>>{{8, 8}, {4, 8}}));
}

/// Sixteen bits: sizes of tokens that a mask hides have finite logarithms, which hide them still.
TEST_F(TokenRewriter, HalfPrecision) {
  for (auto [element, tolerance] : {std::pair("f16", 0.02), {"bf16", 0.15}})
    for (Head head : {Head::Some, Head::MaskedMean}) {
      SCOPED_TRACE(element);
      SmallTransformer net;
      net.element = element;
      net.isPadded = true;
      net.head = head;
      expectSameAsPlain(net, {3, 2}, head == Head::Some, tolerance);
      // Squares of distances may leave the range of f16, and the least size is none of its numbers.
      module->walk([&](nn::MatchTokensOp op) { EXPECT_TRUE(op.getMetric().getType().getElementType().isF32()); });
      module->walk([&](nn::ClampOp op) { EXPECT_TRUE(op.getInput().getType().getElementType().isF32()); });
    }
}

/// Positions in single precision between layers in half: sizes are read in both.
TEST_F(TokenRewriter, MixedPrecision) {
  AttentionGraph graph("f16");
  AttentionGraph::Value x = graph.tokens(8), mask = graph.input({8});
  AttentionGraph::Value positions = graph.op("cast", {graph.constant({8, 4})}, {8, 4}, "", "f32");
  AttentionGraph::Value wide = graph.op("cast", {graph.layer(x, false, mask)}, x.shape, "", "f32");
  AttentionGraph::Value placed = graph.op("cast", {graph.op("binary add", {wide, positions}, x.shape, "", "f32")}, x.shape);
  expectEqualTokensMergeFreely(graph.text(graph.mean(graph.layer(placed, false, mask))), 1e-2);
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
