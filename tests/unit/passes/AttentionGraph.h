//===- AttentionGraph.h - functions of attentions that tests write ---------===//
#ifndef FETTLE_TESTS_UNIT_PASSES_ATTENTIONGRAPH_H
#define FETTLE_TESTS_UNIT_PASSES_ATTENTIONGRAPH_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include <random>
#include <string>
#include <vector>

namespace fettle::test {

/// The attribute dense<...> of numbers of the type `element` (f32, f16 or bf16), but for its type.
std::string denseBytes(llvm::StringRef element, llvm::ArrayRef<double> values);

/// Writes a function over sequences [1, t, 4] of tokens, which attentions with two heads connect in any way. Weights are random, the
/// same ones each time.
class AttentionGraph {
public:
  static constexpr int64_t channels = 4, heads = 2, depth = channels / heads;
  struct Value {
    std::string name;
    std::vector<int64_t> shape;
    std::string element;
  };

  explicit AttentionGraph(std::string element = "f32") : element(std::move(element)) {}

  Value input(llvm::ArrayRef<int64_t> shape);
  Value tokens(int64_t count) { return input({1, count, channels}); }
  /// Rows 2i and 2i + 1 are equal.
  Value constant(llvm::ArrayRef<int64_t> shape);
  Value constant(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<double> values);
  /// Any op of one result, with its attributes. Its element type is that of the graph unless another is named.
  Value op(const llvm::Twine &text, llvm::ArrayRef<Value> operands, llvm::ArrayRef<int64_t> shape, const llvm::Twine &attributes = "",
           llvm::StringRef element = "");
  Value add(const Value &x, const Value &y) { return op("binary add", {x, y}, x.shape); }
  Value product(const Value &x);
  /// Of queries made of `x` to keys made of `keys` and values made of `values`; `mask` is added to scores if it has a name.
  Value attend(const Value &x, const Value &keys, const Value &values, bool isCausal = false, const Value &mask = {});
  Value attend(const Value &x, bool isCausal = false, const Value &mask = {}) { return attend(x, x, x, isCausal, mask); }
  Value mlp(const Value &x) { return add(x, product(op("unary gelu", {product(x)}, x.shape))); }
  /// Attention and MLP, each added to what goes in.
  Value layer(const Value &x, bool isCausal = false, const Value &mask = {}) { return mlp(add(x, attend(x, isCausal, mask))); }
  /// A layer whose tokens attend to each other, and then to those of an encoder.
  Value decoderLayer(const Value &x, const Value &encoded, bool isCausal) {
    Value y = add(x, attend(x, isCausal));
    return mlp(add(y, attend(y, encoded, encoded)));
  }
  /// What `x` [1, t, 4] reads of as many keys, which are constant, added to it.
  Value readConstant(const Value &x);
  Value mean(const Value &x) { return op("reduce mean", {x}, {1, channels}, "axes = array<i64: 1>"); }

  std::string text(llvm::ArrayRef<Value> results) const;

private:
  /// [1, t, c] as [1, heads, t, depth], and back.
  Value split(const Value &x);
  Value join(const Value &x);
  std::vector<double> draw(int64_t values);
  Value next(llvm::ArrayRef<int64_t> shape, llvm::StringRef other = "") {
    return {"%v" + std::to_string(count++), shape.vec(), other.empty() ? element : other.str()};
  }

  std::string element, arguments, body;
  int64_t count = 0;
  std::mt19937 random{1};
};

} // namespace fettle::test

#endif
