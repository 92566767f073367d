//===- Text.cpp - ONNX operators on token and feature vectors -------------===//

#include "ir/import/OperatorTable.h"

using namespace mlir;

namespace fettle {

/// Counts of known n-grams in rows of tokens. For each length n and distance d
/// between the tokens of a gram, all windows of a row meet all grams of that
/// length: [rows, windows, 1, n] == [grams, n], true where all n agree, summed
/// over windows. A constant 0/1 matrix then puts each count in its place.
static void importTfIdfVectorizer(NodeImporter &node) {
  Value input = node.input(0);
  if (node.hasAttribute("pool_strings"))
    return node.fail("counts strings", "strings are not compiled: do text processing before the model");
  auto list = [&](StringRef name) { return node.integersAttribute(name).value_or(std::vector<int64_t>()); };
  std::vector<int64_t> pool = list("pool_int64s"), starts = list("ngram_counts"), places = list("ngram_indexes");
  std::vector<float> weights = node.realsAttribute("weights").value_or(std::vector<float>());
  std::string mode = node.text("mode", "TF");
  int64_t shortest = node.integer("min_gram_length", 1), longest = node.integer("max_gram_length", 1);
  int64_t skips = node.integer("max_skip_count", 0), rank = rankOf(input);
  bool sane = !node.failed() && (rank == 1 || rank == 2) && shortest >= 1 && shortest <= longest &&
              longest <= int64_t(starts.size()) && skips >= 0 && skips < 1 << 16 && !places.empty() &&
              (weights.empty() || weights.size() == places.size()) && (mode == "TF" || mode == "IDF" || mode == "TFIDF");
  for (size_t i = 0; i < starts.size() && sane; ++i) {
    int64_t end = i + 1 < starts.size() ? starts[i + 1] : int64_t(pool.size());
    sane = starts[i] >= 0 && starts[i] <= end && end <= int64_t(pool.size()) && (end - starts[i]) % int64_t(i + 1) == 0;
  }
  int64_t width = 0;
  for (int64_t place : places) {
    sane &= place >= 0 && place < 1 << 24;
    width = std::max(width, place + 1);
  }
  if (!sane)
    return node.fail("its attributes do not fit together");
  int64_t rows = rank == 2 ? dimOf(input, 0) : 1, tokens = dimOf(input, -1), firstGram = 0;
  Value text = node.cast(node.reshape(input, {rows, tokens}), node.i64()), result = node.splat(0, {rows, width}, node.f32());
  for (int64_t n = 1; n <= longest; ++n) {
    int64_t end = n < int64_t(starts.size()) ? starts[n] : int64_t(pool.size());
    int64_t grams = (end - starts[n - 1]) / n;
    firstGram += grams;
    if (n < shortest || grams == 0)
      continue;
    if (firstGram > int64_t(places.size()))
      return node.fail("has fewer ngram_indexes than n-grams");
    Value known = node.integers(ArrayRef(pool).slice(starts[n - 1], grams * n), {grams, n}), counts;
    // Single tokens have no distance.
    for (int64_t distance = 1; distance <= (n == 1 ? 1 : skips + 1); ++distance) {
      int64_t windows = tokens - distance * (n - 1);
      if (windows <= 0 || !node.checkShape({rows, windows, grams, n}) || !node.checkConstant({windows, n}))
        break;
      std::vector<int64_t> index;
      for (int64_t at = 0; at < windows; ++at)
        for (int64_t i = 0; i < n; ++i)
          index.push_back(at + i * distance);
      Value window = node.unsqueeze(node.gather(text, node.integers(index, {windows, n}), 1), {2});
      Value equal = node.cast(node.compare(nn::CompareKind::eq, window, known), node.f32());
      Value all = node.reduce(nn::ReduceKind::min, equal, {3}, false);
      Value found = node.reduce(nn::ReduceKind::sum, all, {1}, false);
      counts = counts ? node.add(counts, found) : found;
    }
    if (!counts)
      continue;
    if (mode == "IDF")
      counts = node.clamp(counts, 0, 1);
    if (!node.checkConstant({grams, width}))
      return;
    std::vector<double> placement(grams * width, 0);
    for (int64_t gram = 0; gram < grams; ++gram) {
      int64_t id = firstGram - grams + gram;
      placement[gram * width + places[id]] = mode == "TF" || weights.empty() ? 1 : weights[id];
    }
    result = node.add(result, node.matmul(counts, node.reals(placement, {grams, width}, node.f32())));
  }
  node.setOutput(rank == 2 ? result : node.reshape(result, {width}));
}

static void importBinarizer(NodeImporter &node) {
  Value input = node.input(0);
  Value above = node.compare(nn::CompareKind::gt, input, node.scalarLike(node.real("threshold", 0), input));
  node.setOutput(node.cast(above, elementOf(input)));
}

/// Columns by index; vectors count as one row.
static void importArrayFeatureExtractor(NodeImporter &node) {
  Value input = node.input(0), indices = node.input(1);
  if (rankOf(input) == 0)
    return node.fail("needs a vector or more");
  if (rankOf(input) == 1)
    input = node.unsqueeze(input, {0});
  node.setOutput(node.gather(input, node.reshape(indices, {elementsOf(indices)}), rankOf(input) - 1));
}

ArrayRef<OperatorEntry> textOperators() {
  static const OperatorEntry table[] = {
      {"", "TfIdfVectorizer", 9, newestOpset, importTfIdfVectorizer, "integers"},
      {machineLearningDomain, "ArrayFeatureExtractor", 1, newestMachineLearningOpset, importArrayFeatureExtractor, ""},
      {machineLearningDomain, "Binarizer", 1, newestMachineLearningOpset, importBinarizer, ""},
  };
  return table;
}

} // namespace fettle
