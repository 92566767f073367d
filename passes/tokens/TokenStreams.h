//===- TokenStreams.h - where the tokens of a transformer can be merged ----===//
//
// Problem. A transformer works on t tokens all the way; many of them come to say the same. They can be merged on the
// way, where a graph allows it: nothing in an exported graph says which axis of which value stands for the tokens.
//
// What is found. The axis of an attention's keys, and every axis that is one dimension with it by the ties of the ops
// between (ir/nn/NnAxes.cpp), is a *stream*. A *site* is a value [n, t, c] (axes in any order) of a stream through which everything flows that
// attentions before it have made, no other such value of the stream is read behind it, and in which what went past the last of them
// meets what that has made: where a stream is but the windows of an attention, its residuals are elsewhere, and need each token.
//   pre-norm                                    post-norm
//   %a = attention ... -> projection            %x = add %r, %a
//   %x = add %r, %a          <- site            %y = layer_norm %x     <- site; so is %x, but nothing is multiplied between
//   %n = layer_norm %x                          %m = mlp(%y)
//   %m = mlp(%n)                                %z = add %y, %m
//   %z = add %x, %m          <- site            %w = layer_norm %z     <- site
// %n is none: %x is read behind it. Of sites without a multiplication of the stream between them the last one counts.
//
// Sound because tokens behind a site are computed from the site's tokens alone, one by one or by attention; what else has
// one entry a token (positions that are added in each layer) is merged likewise, and what needs all tokens gets them
// back (TokenRewriter.h). Cost: linear in the ops, times the number of streams.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_PASSES_TOKENS_TOKENSTREAMS_H
#define FETTLE_PASSES_TOKENS_TOKENSTREAMS_H

#include "ir/nn/Nn.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include <string>
#include <vector>

namespace fettle {

/// What becomes of a token that is removed.
enum class TokenMethod {
  Merge, ///< it becomes a part of the one it is most like
  Drop,  ///< the least attended ones are left out
};
struct TokenSite {
  mlir::Value value;           ///< n, t and c in any order; n is left out where it is 1
  nn::AttentionOp attention;   ///< the last one before it in its stream
  bool followsAttention;       ///< the first site behind that attention: the MLP comes next
};

struct TokenStream {
  int64_t tokens = 0, batch = 1;
  std::vector<nn::AttentionOp> attentions; ///< whose keys are the tokens, in program order
  mlir::Value mask;                        ///< added to the scores of all of them, one entry a key; null if there is none
  int64_t protectedTokens = 0;             ///< leading tokens that are read on their own (cls, distillation)
  std::vector<TokenSite> sites;            ///< in program order; none if there are problems
  std::vector<std::string> problems;       ///< what stands in the way, each naming its node
};

/// The streams of a function in the form that the fuse phase leaves, and what stands in the way of a method.
class TokenStreams {
public:
  TokenStreams(mlir::func::FuncOp function, TokenMethod method);

  const std::vector<TokenStream> &streams() const { return list; }
  /// The axis of a value that is an axis of tokens, its stream, and the axis of the stream's batch; -1 where there is none.
  struct Place {
    int64_t stream = -1, axis = -1, batch = -1;
    explicit operator bool() const { return stream >= 0; }
  };
  Place placeOf(mlir::Value value) const { return places.lookup(value); }
  /// Whether an attention over its stream, but for its mask, or a site is made of it: it is not behind all of them.
  bool isOnTheWay(mlir::Value value) const { return features.contains(value); }

private:
  void findStreams(mlir::func::FuncOp function);
  void checkBatch(mlir::func::FuncOp function);
  void checkAttention(TokenStream &stream, nn::AttentionOp attention);
  void addFeatures(const TokenStream &stream, llvm::SmallVector<mlir::Value> ends);
  void findSites(mlir::func::FuncOp function, TokenStream &stream);
  void checkDropping(mlir::func::FuncOp function, TokenStream &stream);

  std::vector<TokenStream> list;
  llvm::DenseMap<mlir::Value, Place> places;
  llvm::DenseSet<mlir::Value> features;
};

/// How an op works on tokens.
enum class TokenUse {
  Each,    ///< on each by itself: results have an entry for each token
  Keys,    ///< an attention whose keys they are
  Leading, ///< reads protected tokens alone
  All,     ///< needs all of them as they were
};
/// How `op`, whose operands or results are in streams, uses tokens.
TokenUse tokenUseOf(mlir::Operation *op, const TokenStreams &streams);

/// The axis of `operand` that is one dimension with the axis of a stream of a result of `op`; constants have one, too, where they have
/// an entry for each token.
TokenStreams::Place operandPlace(mlir::OpOperand &operand, const TokenStreams &streams);

} // namespace fettle

#endif
