//===- TokenStreamsTest.cpp - where the tokens of a transformer can be merged =//

#include "passes/tokens/TokenStreams.h"
#include "tests/unit/passes/AttentionGraph.h"
#include "tests/unit/passes/FunctionTest.h"
#include "tests/unit/passes/SmallTransformer.h"

using namespace mlir;

namespace fettle::test {

namespace {

class TokenStreamsTest : public FunctionTest {
protected:
  using Value = AttentionGraph::Value;

  std::vector<TokenStream> find(const std::string &text, TokenMethod method = TokenMethod::Merge) {
    parse(text);
    return TokenStreams(function, method).streams();
  }
  /// "after 1" is the first site behind the first attention, "later 1" another one before the next attention.
  static std::string sitesOf(const TokenStream &stream) {
    std::string text;
    for (const TokenSite &site : stream.sites)
      text += ((text.empty() ? "" : ", ") + Twine(site.followsAttention ? "after " : "later ") +
               Twine(1 + std::distance(stream.attentions.begin(), llvm::find(stream.attentions, site.attention))))
                  .str();
    return text;
  }
  /// One stream, which loses nothing for `reason`.
  void expectRefused(const std::string &text, StringRef reason, TokenMethod method = TokenMethod::Merge) {
    std::vector<TokenStream> streams = find(text, method);
    ASSERT_EQ(streams.size(), 1u);
    expectRefused(streams[0], reason);
  }
  static void expectRefused(const TokenStream &stream, StringRef reason) {
    EXPECT_TRUE(stream.sites.empty());
    ASSERT_FALSE(stream.problems.empty()) << "nothing is said, though " << reason.str();
    EXPECT_TRUE(StringRef(stream.problems.front()).contains(reason)) << stream.problems.front();
  }
  /// An attention over tokens whose result joins others, with `mask` added to its scores.
  static std::string masked(std::vector<int64_t> shape) {
    AttentionGraph graph;
    Value x = graph.tokens(8), mask = graph.input(shape);
    return graph.text(graph.layer(graph.layer(x, false, mask), false, mask));
  }
};

} // namespace

/// What an attention gives is added to what goes past it: there, before the MLP, is a site, and where the MLP's part is added is another, unless
/// nothing is left to multiply.
TEST_F(TokenStreamsTest, PreAndPostNorm) {
  for (bool isPreNorm : {true, false})
    for (bool isPacked : {true, false}) {
      SmallTransformer net;
      net.layers = 3;
      net.isPreNorm = isPreNorm;
      net.isPacked = isPacked;
      std::vector<TokenStream> streams = find(net.text());
      ASSERT_EQ(streams.size(), 1u);
      EXPECT_EQ(streams[0].tokens, net.tokens);
      EXPECT_EQ(streams[0].attentions.size(), 3u);
      EXPECT_FALSE(streams[0].mask);
      EXPECT_TRUE(streams[0].problems.empty());
      EXPECT_EQ(sitesOf(streams[0]), "after 1, later 1, after 2, later 2, after 3");
      // Before a post-norm tokens are as wide, but the norm's result is what goes on.
      for (const TokenSite &site : streams[0].sites)
        EXPECT_EQ(isa<nn::LayerNormOp>(site.value.getDefiningOp()), !isPreNorm);
    }
}

/// A cls token, one for distillation beside it, none: those that a head reads on their own take no part.
TEST_F(TokenStreamsTest, ProtectedTokens) {
  for (auto [head, first, kept, wanted] : {std::tuple(Head::Some, 0, 1, 1), {Head::Two, 0, 1, 2}, {Head::Some, 1, 1, 2}, {Head::Some, 3, 1, 4},
                                           {Head::Some, 4, 1, 0}, {Head::Mean, 0, 0, 0}, {Head::All, 0, 0, 0}}) {
    SmallTransformer net;
    net.head = head;
    net.first = first;
    net.kept = kept;
    std::vector<TokenStream> streams = find(net.text());
    ASSERT_EQ(streams.size(), 1u);
    EXPECT_EQ(streams[0].protectedTokens, wanted);
    EXPECT_EQ(sitesOf(streams[0]), "after 1, later 1, after 2");
  }
}

/// What reads all tokens gets them back after merging, which dropping cannot.
TEST_F(TokenStreamsTest, WhatReadsAllTokensCannotDropAny) {
  for (Head head : {Head::Some, Head::Two, Head::Mean, Head::All}) {
    SmallTransformer net;
    net.head = head;
    std::vector<TokenStream> streams = find(net.text(), TokenMethod::Drop);
    ASSERT_EQ(streams.size(), 1u);
    if (head == Head::Some || head == Head::Two)
      EXPECT_FALSE(streams[0].sites.empty());
    else
      expectRefused(streams[0], head == Head::All ? "the output reads each token" : "reads each token: they can be merged, not dropped");
  }
}

TEST_F(TokenStreamsTest, PositionsAndNeighbours) {
  for (int kind = 0; kind < 4; ++kind) {
    SmallTransformer net;
    net.hasPositions = kind == 0;
    net.hasGivenPositions = kind == 1;
    net.isRotary = kind == 2;
    net.isConvolved = kind == 3;
    std::vector<TokenStream> streams = find(net.text());
    ASSERT_EQ(streams.size(), 1u);
    // Where neighbours are added is another site.
    EXPECT_EQ(sitesOf(streams[0]), net.isConvolved ? "after 1, later 1, later 1, after 2" : "after 1, later 1, after 2");
  }
}

/// A mask for each key is taken, of whatever rank, if all attentions have the same.
TEST_F(TokenStreamsTest, Masks) {
  for (std::vector<int64_t> shape : {std::vector<int64_t>{8}, {1, 8}, {1, 1, 8}, {1, 1, 1, 8}}) {
    std::vector<TokenStream> streams = find(masked(shape));
    ASSERT_EQ(streams.size(), 1u);
    EXPECT_EQ(streams[0].mask, function.getArgument(1));
    EXPECT_EQ(sitesOf(streams[0]), "after 1, later 1, after 2");
  }
  SmallTransformer net;
  net.isPadded = true;
  net.batch = 2;
  std::vector<TokenStream> streams = find(net.text());
  ASSERT_EQ(streams.size(), 1u);
  EXPECT_EQ(streams[0].batch, 2);
  EXPECT_TRUE(streams[0].mask);
  EXPECT_FALSE(streams[0].sites.empty());
}

TEST_F(TokenStreamsTest, MasksThatMixTokens) {
  expectRefused(masked({1, 2, 1, 8}), "has a mask for each head");
  expectRefused(masked({1, 1, 8, 1}), "has a mask for each pair of tokens");
  expectRefused(masked({8, 8}), "an input has an entry for each pair of tokens");
  expectRefused(masked({1, 1, 1, 1}), "has one mask for all tokens");
  expectRefused(masked({1}), "has one mask for all tokens");
  AttentionGraph graph;
  Value x = graph.tokens(8), one = graph.input({8}), other = graph.input({8});
  expectRefused(graph.text(graph.layer(graph.layer(x, false, one), false, other)), "has another mask than ");
  AttentionGraph later;
  x = later.tokens(8);
  one = later.input({8});
  expectRefused(later.text(later.layer(later.layer(x), false, one)), "has another mask than ");
}

/// One causal layer is enough.
TEST_F(TokenStreamsTest, Causal) {
  for (bool isFirst : {true, false}) {
    AttentionGraph graph;
    Value x = graph.tokens(8);
    expectRefused(graph.text(graph.layer(graph.layer(x, isFirst), !isFirst)), "is causal: a token must not take part in others before it");
  }
}

TEST_F(TokenStreamsTest, TooFewTokens) {
  for (int64_t tokens : {2, 3, 4}) {
    AttentionGraph graph;
    std::string text = graph.text(graph.layer(graph.tokens(tokens)));
    if (tokens < 4)
      expectRefused(text, ("has only " + Twine(tokens) + " tokens").str());
    else
      EXPECT_EQ(sitesOf(find(text)[0]), "after 1");
  }
}

/// Two towers have a stream each, though a constant serves both; one that is refused does not hinder the other.
TEST_F(TokenStreamsTest, TwoTowers) {
  for (bool isCausal : {false, true}) {
    AttentionGraph graph;
    Value x = graph.tokens(8), y = graph.tokens(8), table = graph.constant({8, 4});
    x = graph.layer(graph.add(x, table));
    y = graph.layer(graph.add(y, table), isCausal);
    std::vector<TokenStream> streams = find(graph.text({graph.mean(graph.mlp(x)), graph.mean(graph.mlp(y))}));
    ASSERT_EQ(streams.size(), 2u);
    EXPECT_EQ(sitesOf(streams[0]), "after 1, later 1");
    if (isCausal)
      expectRefused(streams[1], "is causal");
    else
      EXPECT_EQ(sitesOf(streams[1]), "after 1, later 1");
  }
}

/// What the decoder's queries read of the encoder belongs to the encoder's stream; the decoder's tokens are a stream of their own.
TEST_F(TokenStreamsTest, EncoderAndDecoder) {
  for (bool isCausal : {true, false}) {
    AttentionGraph graph;
    Value x = graph.tokens(8), y = graph.tokens(6);
    x = graph.layer(x);
    y = graph.decoderLayer(graph.decoderLayer(y, x, isCausal), x, isCausal);
    std::vector<TokenStream> streams = find(graph.text(y));
    ASSERT_EQ(streams.size(), 2u);
    EXPECT_EQ(streams[0].tokens, 8);
    EXPECT_EQ(streams[0].attentions.size(), 3u) << "one of the encoder, two across";
    EXPECT_EQ(sitesOf(streams[0]), "after 1, later 1");
    EXPECT_EQ(streams[1].tokens, 6);
    EXPECT_EQ(streams[1].attentions.size(), 2u);
    if (isCausal)
      expectRefused(streams[1], "is causal");
    else
      EXPECT_FALSE(streams[1].sites.empty());
  }
}

/// Keys that are constant are no tokens; the queries are, where they attend to each other.
TEST_F(TokenStreamsTest, ConstantKeys) {
  AttentionGraph graph;
  Value x = graph.readConstant(graph.layer(graph.tokens(8)));
  std::vector<TokenStream> streams = find(graph.text(graph.mean(graph.mlp(x))));
  ASSERT_EQ(streams.size(), 1u);
  EXPECT_EQ(streams[0].attentions.size(), 1u);
  EXPECT_EQ(sitesOf(streams[0]), "after 1, later 1, later 1") << "reading the keys is work on each token";
}

/// Latents that read tokens which never attend to each other: there is nothing to merge behind that.
TEST_F(TokenStreamsTest, OnlyOthersAttend) {
  AttentionGraph graph;
  Value x = graph.tokens(8), latents = graph.tokens(4);
  latents = graph.mlp(graph.add(latents, graph.attend(latents, x, x)));
  expectRefused(graph.text(latents), "leave no place where all tokens lie in one tensor");
}

/// A window's attention works on a part of what it is added to.
TEST_F(TokenStreamsTest, Windows) {
  AttentionGraph graph;
  Value x = graph.tokens(16);
  Value window = graph.op("slice", x, {1, 8, 4}, "starts = array<i64: 0, 0, 0>, sizes = array<i64: 1, 8, 4>, steps = array<i64: 1, 1, 1>");
  Value other = graph.op("slice", x, {1, 8, 4}, "starts = array<i64: 0, 8, 0>, sizes = array<i64: 1, 8, 4>, steps = array<i64: 1, 1, 1>");
  Value both = graph.op("concat", {graph.attend(window), graph.attend(other)}, {1, 16, 4}, "axis = 1 : i64");
  std::vector<TokenStream> streams = find(graph.text(graph.mlp(graph.add(x, both))));
  ASSERT_EQ(streams.size(), 2u);
  for (const TokenStream &stream : streams)
    expectRefused(stream, "works on windows, or on other tokens than those it is added to");
}

/// The number of tokens that a reshape fixes: what goes on has no axis of them.
TEST_F(TokenStreamsTest, TokensAndChannelsAsOne) {
  AttentionGraph graph;
  Value x = graph.tokens(8);
  Value flat = graph.op("reshape", graph.add(x, graph.attend(x)), {1, 32});
  std::vector<TokenStream> streams = find(graph.text(graph.op("unary gelu", flat, {1, 32})));
  ASSERT_EQ(streams.size(), 1u);
  EXPECT_TRUE(streams[0].sites.empty()) << "nothing is multiplied behind it";
}

TEST_F(TokenStreamsTest, NoAttention) {
  AttentionGraph graph;
  EXPECT_TRUE(find(graph.text(graph.mlp(graph.tokens(8)))).empty());
}

} // namespace fettle::test
