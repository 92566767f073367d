//===- ImageRecipe.cpp - how a verb that has no recipe reads images ------===//

#include "tools/fettle/ImageRecipe.h"
#include "tools/fettle/ExitCode.h"
#include "tools/fettle/Recipe.h"
#include <CLI/CLI.hpp>

namespace fettle::cli {

void ImageRecipe::addOptions(CLI::App &app) {
  app.add_option("--recipe", recipe, "whose images.* keys say how a folder of images is read")->type_name("NAME|FILE")->capture_default_str();
  app.add_option("--set", settings, "override an images.* key of the recipe (repeatable)")->type_name("KEY=VALUE")->allow_extra_args(false);
}

llvm::Expected<calibration::ImageOptions> ImageRecipe::parse() const {
  for (llvm::StringRef setting : settings)
    if (!setting.trim().starts_with("images."))
      return makeFailure(ExitCode::Usage, "--set " + setting + " changes nothing here", "only images.* keys say how data are read");
  auto parsed = readRecipe(recipe, settings);
  if (!parsed)
    return parsed.takeError();
  return parsed->images;
}

} // namespace fettle::cli
