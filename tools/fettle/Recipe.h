//===- Recipe.h - how a model is compressed, as YAML ----------------------===//
#ifndef FETTLE_TOOLS_RECIPE_H
#define FETTLE_TOOLS_RECIPE_H

#include "calibration/ImageInput.h"
#include "passes/Pipelines.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace fettle::cli {

/// How many tokens of a transformer are removed, and how.
struct TokenGoals {
  double macs = 0, latency = 0;  ///< share of multiply-adds or of measured time that is to be left; 0: no goal
  std::vector<int64_t> removed;  ///< behind each attention, or one number for all; empty: by a goal
  std::optional<TokenMethod> method;
  std::optional<TokenMetric> metric;
  int64_t rounds = 2;                    ///< TokenVariant::rounds
  std::optional<bool> refits;            ///< whether weights are fitted to fewer tokens; none: if the plan is searched
  std::optional<TokenMatching> matching; ///< what is not given is chosen by what it does to the outputs

  /// What a profile knows a search by.
  std::string key() const;
};

struct Recipe {
  std::string name = "float";
  std::string text; ///< the YAML it was read from, then one KEY=VALUE line per --set: what a hash is made of
  /// "float": the arithmetic of the model itself; "int8": 8-bit weights and activations.
  std::string precision = "float";
  /// Whether operands of products that stay in float are rounded to bf16, for targets that multiply it.
  bool bf16Products = false;
  QuantizationOptions quantization;
  /// Share of the multiply-adds, in per cent, that a search for accuracy leaves in integers.
  double leastIntegers = 50;
  /// Layers are timed in both precisions, and those that are slower in integers stay in float.
  bool refusesSlower = false;
  /// How sums become 8 bits again.
  IntegerRule integerRule = IntegerRule::IeeeF32;
  /// The sign of quantized activations in an ONNX model; none: as they are.
  std::optional<bool> unsignedActivations;
  /// The random sample in golden/ is made from it.
  uint64_t goldenSeed = 0;

  TokenGoals tokens;
  /// How folders of images are read as samples; none: the recipe says nothing of them.
  std::optional<calibration::ImageOptions> images;

  bool quantizes() const { return precision == "int8"; }
  bool refitsWeights() const { return quantizes() && quantization.weights.refits; }
  bool reducesTokens() const { return searchesTokens() || !tokens.removed.empty(); }
  bool refitsProducts() const { return reducesTokens() && tokens.refits.value_or(searchesTokens()); }
  bool searchesTokens() const { return tokens.removed.empty() && (tokens.macs > 0 || tokens.latency > 0); }
  /// Whether it needs to measure the model.
  bool measures() const { return quantizes() || searchesTokens() || refitsProducts(); }
};

struct BuiltInRecipe {
  std::string name, summary, yaml;
};
llvm::ArrayRef<BuiltInRecipe> builtInRecipes();

/// A built-in recipe by name, or a YAML file by path, and `settings` (KEY=VALUE) on top. Errors: exit code 2 for an
/// unknown name, key or value, with the nearest spelling; 4 for a file.
llvm::Expected<Recipe> readRecipe(llvm::StringRef nameOrPath, llvm::ArrayRef<std::string> settings);
/// Parses YAML; `source` names it in messages.
llvm::Expected<Recipe> parseRecipe(llvm::StringRef source, llvm::StringRef yaml);

} // namespace fettle::cli

#endif
