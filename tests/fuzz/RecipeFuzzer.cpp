//===- RecipeFuzzer.cpp - any bytes as a recipe ----------------------------===//
//
// Whatever the bytes are, reading them as YAML ends with an error or with a recipe,
// and so does each of their lines as KEY=VALUE of --set.
//   RecipeFuzzer -max_len=65536 -rss_limit_mb=2048 CORPUS
//
//===----------------------------------------------------------------------===//

#include "tools/fettle/Recipe.h"
#include "llvm/ADT/StringExtras.h"
#include <cstdlib>

using fettle::cli::Recipe;

static void check(llvm::Expected<Recipe> recipe) {
  if (!recipe)
    llvm::consumeError(recipe.takeError());
  else if ((recipe->precision != "float" && recipe->precision != "int8") || recipe->tokens.key().empty())
    std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  llvm::StringRef text(reinterpret_cast<const char *>(data), size);
  check(fettle::cli::parseRecipe("recipe.yaml", text));
  for (llvm::StringRef line : llvm::split(text, '\n'))
    check(fettle::cli::readRecipe("float", line.str()));
  return 0;
}
