//===- SmallTransformer.h - a transformer that tests write and evaluate ----===//
//
// One description, two forms: a function of the nn dialect, and a plain evaluation in double that knows nothing of the IR. The latter
// also removes tokens, written from the descriptions of the ops alone, so that a rewritten function has something to equal.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_TESTS_UNIT_PASSES_SMALLTRANSFORMER_H
#define FETTLE_TESTS_UNIT_PASSES_SMALLTRANSFORMER_H

#include "ir/support/HostTensor.h"
#include "passes/tokens/TokenPlan.h"

namespace fettle::test {

/// Row by row.
struct Matrix {
  int64_t rows = 0, columns = 0;
  std::vector<double> values;

  Matrix() = default;
  Matrix(int64_t rows, int64_t columns) : rows(rows), columns(columns), values(rows * columns) {}
  double &operator()(int64_t row, int64_t column) { return values[row * columns + column]; }
  double operator()(int64_t row, int64_t column) const { return values[row * columns + column]; }
};

/// What reads the tokens of the last layer.
enum class Head {
  Some,       ///< a slice of them
  Two,        ///< the first, and the second on its own, as behind a distillation token; their sum
  Mean,
  MaskedMean, ///< over tokens that are no padding
  All,        ///< an output for each
};

struct SmallTransformer {
  int64_t batch = 1, tokens = 9, heads = 2, keyHeads = 2, channels = 8, layers = 2;
  bool isPreNorm = true;
  bool isPacked = false;          ///< one product makes queries, keys and values
  bool isPadded = false;          ///< a second argument, [n, t], is 0 for tokens that are padding, else 1; a mask is made of it
  bool hasPositions = false;      ///< added before queries and keys in each layer
  bool hasGivenPositions = false; ///< the same, [1, t, c], as the last argument
  bool isRotary = false;          ///< queries and keys are turned by their places
  bool isConvolved = false;       ///< each layer begins with a convolution over neighbouring tokens
  bool zeroesPadding = false;     ///< what attention gives to padding is set to 0
  std::string element = "f32"; ///< or f16, bf16: of all values of the function; the plain evaluation rounds none but the inputs
  Head head = Head::Some;
  int64_t first = 0, kept = 1; ///< of Head::Some

  std::string text() const;
  llvm::SmallVector<HostTensor> inputs(mlir::MLIRContext &context) const;
  /// The result, with counts[i] tokens removed behind the attention of layer i.
  std::vector<double> evaluate(llvm::ArrayRef<int64_t> counts, TokenVariant variant) const;

  /// Leading tokens that take no part.
  int64_t protectedTokens() const;
  int64_t depth() const { return channels / heads; }

  struct Layer {
    Matrix query, queryBias, key, keyBias, value, valueBias, output, outputBias, up, upBias, down, downBias;
    Matrix firstScale, firstBias, secondScale, secondBias; ///< of the norms
    Matrix filter;                                         ///< [channels, 3]
  };
  std::vector<Layer> weights() const;
  Matrix positions() const;
  /// Cosines, then sines, [t, depth] each.
  std::pair<Matrix, Matrix> turns() const;
};

} // namespace fettle::test

#endif
