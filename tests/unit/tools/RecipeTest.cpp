//===- RecipeTest.cpp - how a model is compressed, as YAML -----------------===//

#include "tools/fettle/Recipe.h"
#include <gtest/gtest.h>

namespace fettle::cli {

static std::string problem(llvm::StringRef yaml) {
  auto recipe = parseRecipe("r.yaml", yaml);
  return recipe ? "" : llvm::toString(recipe.takeError());
}

TEST(Recipe, TakesKeysOfFilesAndSettings) {
  auto recipe = parseRecipe("r.yaml", "version: 1\nprecision: int8\ntokens: {remove: '4, 2', method: drop}\ngolden:\n  seed: 7\n");
  ASSERT_TRUE(bool(recipe)) << llvm::toString(recipe.takeError());
  EXPECT_TRUE(recipe->quantizes());
  EXPECT_EQ(recipe->tokens.removed, (std::vector<int64_t>{4, 2}));
  EXPECT_EQ(recipe->tokens.method, TokenMethod::Drop);
  EXPECT_EQ(recipe->goldenSeed, 7u);
  auto changed = readRecipe("tokens", {"golden.seed=9", "tokens.latency = 0.5"});
  ASSERT_TRUE(bool(changed)) << llvm::toString(changed.takeError());
  EXPECT_EQ(changed->goldenSeed, 9u);
  EXPECT_EQ(changed->tokens.macs, 0);
  EXPECT_EQ(changed->tokens.latency, 0.5);
}

// What would be read in part, or one way of two.
TEST(Recipe, RefusesWhatSaysMoreThanOneThing) {
  EXPECT_EQ(problem("---\nversion: 1\n...\n"), "");
  EXPECT_NE(problem("version: 1\n---\nprecision: int8\n").find("more than one document"), std::string::npos);
  EXPECT_NE(problem("golden:\n  seed: 1\ngolden:\n  seed: 2\n").find("gives 'golden' twice"), std::string::npos);
  EXPECT_NE(problem("golden:\n  seed: 1\n  seed: 2\n").find("gives 'golden.seed' twice"), std::string::npos);
}

TEST(Recipe, RefusesWhatIsNone) {
  EXPECT_NE(problem("").find("mapping of keys"), std::string::npos);
  EXPECT_NE(problem("- version").find("mapping of keys"), std::string::npos);
  EXPECT_NE(problem("golden: &a {seed: 1}\nversion: *a\n").find("mapping of keys"), std::string::npos);
  EXPECT_NE(problem("? [a]\n: b\n").find("must be a word"), std::string::npos);
  EXPECT_NE(problem("version: {a: {b: 1}}").find("no recipe key 'version.a.b'"), std::string::npos);
  EXPECT_NE(problem("version: 1\nprecision: 'int8\n").find("line 2: "), std::string::npos);
  for (llvm::StringRef level : {"[", "{", "- ", "? ", "a: {", "golden: {seed: ["}) {
    std::string text;
    for (int i = 0; i < 100000; ++i)
      text += level;
    EXPECT_NE(problem(text), "") << level.str();
  }
}

} // namespace fettle::cli
