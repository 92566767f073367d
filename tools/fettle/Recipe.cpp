//===- Recipe.cpp - how a model is compressed, as YAML --------------------===//
//
// One table of keys serves files and --set alike: nested mappings in YAML are
// dotted names here (golden: {seed: 7} is golden.seed=7).
//
//===----------------------------------------------------------------------===//

#include "tools/fettle/Recipe.h"
#include "tools/fettle/ExitCode.h"
#include "tools/fettle/Spelling.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/YAMLParser.h"
#include <cmath>

namespace fettle::cli {

std::string TokenGoals::key() const {
  auto word = [](auto choice) { return choice ? tokenWord(*choice).str() : std::string("auto"); };
  std::string goal = llvm::formatv("{0}={1}", macs > 0 ? "macs" : "latency", macs > 0 ? macs : latency);
  if (!removed.empty())
    goal = "remove=" + llvm::join(llvm::map_range(removed, [](int64_t count) { return std::to_string(count); }), ",");
  return llvm::formatv("{0} method={1} metric={2} matching={3} rounds={4} refit={5}", goal, word(method), word(metric), word(matching), rounds,
                       refits ? (*refits ? "true" : "false") : "auto")
      .str();
}

llvm::ArrayRef<BuiltInRecipe> builtInRecipes() {
  // Sections that several of them have.
  static const std::string tokens =
      "tokens:\n"
      "  macs: 0.6        # share of the multiply-adds that is left; or latency, of the time that is measured\n"
      "  method: merge    # merge or drop; or auto: whatever changes the outputs least\n"
      "  metric: auto     # features, keys or both: by what tokens are alike\n"
      "  matching: auto   # global, or local: neighbours first\n"
      "  rounds: 2        # most matchings that follow each other in a layer: more find better partners, and cost time\n"
      "  refit: auto      # true: weights behind removed tokens are fitted to what is left; auto: where the plan is searched\n";
  static const std::string rounding =
      "activations:\n"
      "  grid: mse        # mse, min-max, percentile or entropy: how the ends of an 8-bit range are chosen\n"
      "  equalize: true   # channels are scaled so that the range of the tensor suits all of them\n"
      "weights:\n"
      "  rounding: gptq   # gptq: rounding errors make up for each other on the samples; or nearest\n";
  static const std::string refit =
      "  refit: true      # weights make up for errors of the layers before, if outputs come closer by that\n";
  static const std::string golden =
      "golden:            # a random input and its answer, to check the artifact where it runs\n"
      "  seed: 0\n";
  static const BuiltInRecipe recipes[] = {
      {"float", "the model's own arithmetic; nothing is compressed (the default)",
       "# The model's own arithmetic; nothing is compressed.\n"
       "version: 1\n"
       "precision: float\n" +
           golden},
      {"bf16", "the float model with products of bf16, summed up in single precision; for targets that have them",
       "# Operands of convolutions and matrix products are rounded to bf16; sums and all else stay in single precision.\n"
       "version: 1\n"
       "precision: float\n"
       "products: bf16     # f32 or bf16: what operands of products are rounded to\n" +
           golden},
      {"int8", "8-bit integers where the multiply-adds are; needs --calibration or --profile",
       "# 8-bit weights and activations in convolutions and matrix products, chosen on calibration samples.\n"
       "version: 1\n"
       "precision: int8\n" +
           rounding + golden},
      {"int8-accurate", "int8, with weights that make up for the layers before; takes longer to make",
       "# int8, and weights of each layer are fitted to the inputs that the layers before it, rounded, leave it.\n"
       "version: 1\n"
       "precision: int8\n" +
           rounding + refit + golden},
      {"tokens", "tokens of transformers merged where they say the same; needs --calibration or --profile",
       "# Tokens that are most alike become one between attention and MLP, as many in each layer as the goal asks for and the\n"
       "# outputs bear on calibration samples.\n"
       "version: 1\n"
       "precision: float\n" +
           tokens + golden},
      {"tokens-int8", "tokens merged, then 8-bit integers; needs --calibration or --profile",
       "# Tokens are merged first; the smaller network is quantized against the same float model.\n"
       "version: 1\n"
       "precision: int8\n" +
           tokens + rounding + golden}};
  return recipes;
}

/// A share that is left, above 0 and at most 1.
static std::string storeShare(double &share, llvm::StringRef text) {
  return text.getAsDouble(share) || !(share > 0 && share <= 1) ? "a share above 0, at most 1" : "";
}

/// One of the words for a choice, or auto: none.
template <typename Choice> static std::string storeChoice(std::optional<Choice> &choice, llvm::StringRef text) {
  choice = std::nullopt;
  std::string words;
  for (auto [word, meaning] : tokenWords<Choice>()) {
    words += (word + ", ").str();
    if (text == word)
      choice = meaning;
  }
  return choice || text == "auto" ? "" : words + "or auto";
}

/// A number of pixels.
static std::string storePixels(int64_t &pixels, llvm::StringRef text) {
  constexpr int64_t most = 8192; // a square of the largest image
  return text.getAsInteger(10, pixels) || pixels < 1 || pixels > most ? "a number of pixels from 1 to 8192" : "";
}

/// Three numbers for red, green and blue, or one for all, that `isGood` takes.
static std::string storeColour(std::array<double, 3> &colour, llvm::StringRef text, llvm::function_ref<bool(double)> isGood,
                               llvm::StringRef what) {
  llvm::SmallVector<llvm::StringRef> parts;
  text.split(parts, ',');
  bool isWrong = parts.size() != 1 && parts.size() != 3;
  for (size_t i = 0; i < 3 && !isWrong; ++i)
    isWrong = parts[parts.size() == 1 ? 0 : i].trim().getAsDouble(colour[i]) || !std::isfinite(colour[i]) || !isGood(colour[i]);
  return isWrong ? ("three numbers for red, green and blue" + what + ", separated by commas, or one for all").str() : "";
}

/// How images are prepared, of which the recipe has something to say.
static calibration::ImageOptions &imagesOf(Recipe &recipe) {
  if (!recipe.images)
    recipe.images.emplace();
  return *recipe.images;
}

namespace {
struct RecipeKey {
  std::string name;
  /// Stores the value, or says what it must be.
  std::function<std::string(Recipe &, llvm::StringRef)> store;
};
} // namespace

static const std::vector<RecipeKey> &recipeKeys() {
  static const std::vector<RecipeKey> keys = {
      {"version", [](Recipe &, llvm::StringRef text) { return text == "1" ? "" : "1, the only version there is"; }},
      {"precision",
       [](Recipe &recipe, llvm::StringRef text) {
         recipe.precision = text.str();
         return text == "float" || text == "int8" ? "" : "float or int8";
       }},
      {"products",
       [](Recipe &recipe, llvm::StringRef text) {
         recipe.bf16Products = text == "bf16";
         return text == "f32" || text == "bf16" ? "" : "f32 or bf16";
       }},
      {"activations.grid",
       [](Recipe &recipe, llvm::StringRef text) -> std::string {
         auto method = llvm::StringSwitch<std::optional<GridMethod>>(text)
                           .Case("min-max", GridMethod::MinMax)
                           .Case("percentile", GridMethod::Percentile)
                           .Case("entropy", GridMethod::Entropy)
                           .Case("mse", GridMethod::Mse)
                           .Default(std::nullopt);
         if (!method)
           return "min-max, percentile, entropy or mse";
         recipe.quantization.activations.method = *method;
         return "";
       }},
      {"activations.equalize",
       [](Recipe &recipe, llvm::StringRef text) -> std::string {
         recipe.quantization.equalize = text == "true";
         return text == "true" || text == "false" ? "" : "true or false";
       }},
      {"activations.percentile",
       [](Recipe &recipe, llvm::StringRef text) -> std::string {
         double &percentile = recipe.quantization.activations.percentile;
         return text.getAsDouble(percentile) || !(percentile > 50 && percentile <= 100)
                    ? "a number of per cent, above 50 and at most 100"
                    : "";
       }},
      {"weights.rounding",
       [](Recipe &recipe, llvm::StringRef text) -> std::string {
         recipe.quantization.weights.rounding = text == "gptq" ? Rounding::Gptq : Rounding::Nearest;
         return text == "gptq" || text == "nearest" ? "" : "gptq or nearest";
       }},
      {"weights.damping",
       [](Recipe &recipe, llvm::StringRef text) -> std::string {
         double &damping = recipe.quantization.weights.damping;
         return text.getAsDouble(damping) || !(damping > 0 && damping <= 1) ? "a number above 0, at most 1" : "";
       }},
      {"weights.refit",
       [](Recipe &recipe, llvm::StringRef text) -> std::string {
         recipe.quantization.weights.refits = text == "true";
         return text == "true" || text == "false" ? "" : "true or false";
       }},
      {"budget.integers",
       [](Recipe &recipe, llvm::StringRef text) -> std::string {
         double &share = recipe.leastIntegers;
         return text.getAsDouble(share) || !(share >= 0 && share <= 100) ? "a number of per cent, from 0 to 100" : "";
       }},
      {"budget.latency",
       [](Recipe &recipe, llvm::StringRef text) -> std::string {
         recipe.refusesSlower = text == "measured";
         return text == "any" || text == "measured" ? "" : "any or measured";
       }},
      {"tokens.macs", [](Recipe &recipe, llvm::StringRef text) { return storeShare(recipe.tokens.macs, text); }},
      {"tokens.latency",
       [](Recipe &recipe, llvm::StringRef text) {
         recipe.tokens.macs = 0; // the goal that a recipe comes with gives way
         return storeShare(recipe.tokens.latency, text);
       }},
      {"tokens.remove",
       [](Recipe &recipe, llvm::StringRef text) -> std::string {
         recipe.tokens.removed.clear();
         for (llvm::StringRef number : llvm::split(text, ',')) {
           int64_t count;
           if (number.trim().getAsInteger(10, count) || count < 0)
             return "one number of tokens for each attention, separated by commas, or one for all";
           recipe.tokens.removed.push_back(count);
         }
         return "";
       }},
      {"tokens.method", [](Recipe &recipe, llvm::StringRef text) { return storeChoice(recipe.tokens.method, text); }},
      {"tokens.metric", [](Recipe &recipe, llvm::StringRef text) { return storeChoice(recipe.tokens.metric, text); }},
      {"tokens.rounds",
       [](Recipe &recipe, llvm::StringRef text) -> std::string {
         int64_t &rounds = recipe.tokens.rounds;
         return text.getAsInteger(10, rounds) || rounds < 1 || rounds > 8 ? "a number from 1 to 8" : "";
       }},
      {"tokens.refit",
       [](Recipe &recipe, llvm::StringRef text) -> std::string {
         recipe.tokens.refits = text == "auto" ? std::nullopt : std::optional<bool>(text == "true");
         return text == "true" || text == "false" || text == "auto" ? "" : "true, false or auto";
       }},
      {"tokens.matching", [](Recipe &recipe, llvm::StringRef text) { return storeChoice(recipe.tokens.matching, text); }},
      {"integers.rule",
       [](Recipe &recipe, llvm::StringRef text) -> std::string {
         recipe.integerRule = text == "tosa" ? IntegerRule::Tosa : IntegerRule::IeeeF32;
         return text == "ieee_f32" || text == "tosa" ? "" : "ieee_f32 or tosa";
       }},
      {"onnx.activations",
       [](Recipe &recipe, llvm::StringRef text) -> std::string {
         if (text != "as-is" && text != "int8" && text != "uint8")
           return "as-is, int8 or uint8";
         recipe.unsignedActivations = text == "as-is" ? std::nullopt : std::optional<bool>(text == "uint8");
         return "";
       }},
      {"images.resize", [](Recipe &recipe, llvm::StringRef text) { return storePixels(imagesOf(recipe).resize, text); }},
      {"images.crop", [](Recipe &recipe, llvm::StringRef text) { return storePixels(imagesOf(recipe).crop, text); }},
      {"images.mean",
       [](Recipe &recipe, llvm::StringRef text) { return storeColour(imagesOf(recipe).mean, text, [](double) { return true; }, ""); }},
      {"images.std",
       [](Recipe &recipe, llvm::StringRef text) {
         return storeColour(imagesOf(recipe).std, text, [](double number) { return number >= 1e-6; }, ", 1e-6 or above");
       }},
      {"images.order",
       [](Recipe &recipe, llvm::StringRef text) -> std::string {
         imagesOf(recipe).isBgr = text == "bgr";
         return text == "rgb" || text == "bgr" ? "" : "rgb or bgr";
       }},
      {"images.layout",
       [](Recipe &recipe, llvm::StringRef text) -> std::string {
         imagesOf(recipe).isChannelsFirst = text == "auto" ? std::nullopt : std::optional<bool>(text == "nchw");
         return text == "nchw" || text == "nhwc" || text == "auto" ? "" : "nchw, nhwc or auto";
       }},
      {"golden.seed",
       [](Recipe &recipe, llvm::StringRef text) -> std::string {
         return text.getAsInteger(10, recipe.goldenSeed) ? "an integer, 0 or above" : "";
       }},
  };
  return keys;
}

static llvm::Error storeKey(Recipe &recipe, llvm::StringRef source, llvm::StringRef key, llvm::StringRef value) {
  auto known = llvm::find_if(recipeKeys(), [&](const RecipeKey &candidate) { return candidate.name == key; });
  if (known == recipeKeys().end()) {
    std::vector<std::string> names;
    for (const RecipeKey &candidate : recipeKeys())
      names.push_back(candidate.name);
    return makeFailure(ExitCode::Usage, source + ": no recipe key '" + key + "'", suggestSpelling(key, names));
  }
  std::string wanted = known->store(recipe, value);
  if (!wanted.empty())
    return makeFailure(ExitCode::Usage, source + ": " + key + " cannot be '" + value + "'", key + " is " + wanted);
  return llvm::Error::success();
}

/// --set golden.seed=7
static llvm::Error setKey(Recipe &recipe, llvm::StringRef assignment) {
  auto [key, value] = assignment.split('=');
  if (key.empty() || !assignment.contains('='))
    return makeFailure(ExitCode::Usage, "--set takes KEY=VALUE, got '" + assignment + "'",
                       "for example --set golden.seed=7");
  recipe.text += (assignment + "\n").str();
  return storeKey(recipe, "--set", key.trim(), value.trim());
}

/// Stores all leaves below `node`. Returns the first mistake.
static llvm::Error storeNode(Recipe &recipe, llvm::StringRef source, llvm::yaml::Node *node, const std::string &key) {
  if (auto *scalar = llvm::dyn_cast_or_null<llvm::yaml::ScalarNode>(node)) {
    llvm::SmallString<32> storage;
    return storeKey(recipe, source, key, scalar->getValue(storage));
  }
  auto *mapping = llvm::dyn_cast_or_null<llvm::yaml::MappingNode>(node);
  if (!mapping)
    return makeFailure(ExitCode::Usage, source + ": " + (key.empty() ? "a recipe" : "'" + key + "'") +
                                            " must be a mapping of keys to values");
  llvm::StringSet<> names;
  for (llvm::yaml::KeyValueNode &entry : *mapping) {
    auto *name = llvm::dyn_cast_or_null<llvm::yaml::ScalarNode>(entry.getKey());
    if (!name)
      return makeFailure(ExitCode::Usage, source + ": a key must be a word");
    llvm::SmallString<32> storage;
    std::string full = (key.empty() ? "" : key + ".") + name->getValue(storage).str();
    if (!names.insert(full).second)
      return makeFailure(ExitCode::Usage, source + ": gives '" + full + "' twice");
    // No key lies deeper than its dots, so hostile nesting ends here.
    if (std::count(full.begin(), full.end(), '.') > 1)
      return storeKey(recipe, source, full, "");
    if (llvm::Error error = storeNode(recipe, source, entry.getValue(), full))
      return error;
  }
  return llvm::Error::success();
}

llvm::Expected<Recipe> parseRecipe(llvm::StringRef source, llvm::StringRef yaml) {
  Recipe recipe;
  recipe.text = yaml.str();
  std::string syntaxProblem;
  llvm::SourceMgr sources;
  sources.setDiagHandler(
      [](const llvm::SMDiagnostic &diagnostic, void *problem) {
        auto &text = *static_cast<std::string *>(problem);
        if (text.empty())
          text = ("line " + llvm::Twine(diagnostic.getLineNo()) + ": " + diagnostic.getMessage()).str();
      },
      &syntaxProblem);
  llvm::yaml::Stream stream(yaml, sources);
  auto document = stream.begin();
  llvm::Error mistake = document == stream.end() ? makeFailure(ExitCode::Usage, source + ": the recipe is empty")
                                                 : storeNode(recipe, source, document->getRoot(), "");
  if (!mistake && ++document != stream.end())
    mistake = makeFailure(ExitCode::Usage, source + ": holds more than one document", "a recipe is one; remove what is behind '---'");
  if (stream.failed() || !syntaxProblem.empty()) {
    llvm::consumeError(std::move(mistake));
    return makeFailure(ExitCode::Usage, source + ": " + syntaxProblem);
  }
  if (mistake)
    return std::move(mistake);
  return recipe;
}

static llvm::Expected<Recipe> readUnchanged(llvm::StringRef nameOrPath) {
  for (const BuiltInRecipe &builtIn : builtInRecipes())
    if (builtIn.name == nameOrPath) {
      auto recipe = parseRecipe(nameOrPath, builtIn.yaml);
      if (recipe)
        recipe->name = builtIn.name;
      return recipe;
    }
  llvm::StringRef extension = llvm::sys::path::extension(nameOrPath);
  if (extension != ".yaml" && extension != ".yml" && !llvm::sys::fs::exists(nameOrPath)) {
    std::vector<std::string> names;
    for (const BuiltInRecipe &builtIn : builtInRecipes())
      names.push_back(builtIn.name);
    return makeFailure(ExitCode::Usage, "no recipe '" + nameOrPath + "'",
                       suggestSpelling(nameOrPath, names) + ", or a .yaml file");
  }
  auto buffer = llvm::MemoryBuffer::getFile(nameOrPath);
  if (!buffer)
    return makeFailure(ExitCode::File, nameOrPath + ": " + buffer.getError().message());
  auto recipe = parseRecipe(nameOrPath, (*buffer)->getBuffer());
  if (recipe)
    recipe->name = llvm::sys::path::stem(nameOrPath).str();
  return recipe;
}

llvm::Expected<Recipe> readRecipe(llvm::StringRef nameOrPath, llvm::ArrayRef<std::string> settings) {
  auto recipe = readUnchanged(nameOrPath);
  if (!recipe)
    return recipe;
  for (const std::string &setting : settings)
    if (llvm::Error error = setKey(*recipe, setting))
      return std::move(error);
  if (recipe->quantization.weights.refits && recipe->quantization.weights.rounding == Rounding::Nearest)
    return makeFailure(ExitCode::Usage, "weights.refit works on what weights.rounding=gptq measures", "leave one of them as it is by default");
  return recipe;
}

} // namespace fettle::cli
