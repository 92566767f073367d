//===- ModelOptionsFuzzer.cpp - any words as --dim, --shape and --const ----===//
//
// Lines are given as options by turns. Whatever they are, parsing them ends with an
// error or with bindings of no more combinations than are allowed, which a manifest
// keeps if they are text.
//   ModelOptionsFuzzer -max_len=4096 -rss_limit_mb=2048 CORPUS
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/MLIRContext.h"
#include "tools/fettle/ModelOptions.h"
#include "tools/fettle/SavedBindings.h"
#include "llvm/ADT/StringExtras.h"
#include <CLI/CLI.hpp>
#include <cstdlib>

using namespace fettle::cli;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  llvm::StringRef text(reinterpret_cast<const char *>(data), size);
  static constexpr const char *flags[] = {"--dim=", "--shape=", "--const="};
  std::vector<std::string> words;
  for (llvm::StringRef line : llvm::split(text, '\n'))
    words.insert(words.begin(), flags[words.size() % 3] + line.str()); // CLI11 takes the last word first
  CLI::App app;
  ModelOptions options;
  options.addOptions(app);
  try {
    app.parse(words);
  } catch (const CLI::ParseError &) {
    return 0;
  }
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  llvm::Expected<BindingChoices> bindings = options.parse(context);
  if (!bindings) {
    llvm::consumeError(bindings.takeError());
    return 0;
  }
  BindingChoices kept;
  inheritBindings(context, bindingsToJson(*bindings), kept);
  if (bindings->combinations().size() != bindings->numCombinations() ||
      (llvm::json::isUTF8(text) && (kept.dims != bindings->dims || kept.shapes != bindings->shapes)))
    std::abort();
  return 0;
}
