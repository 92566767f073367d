//===- ImageRecipe.cpp - how a verb that has no recipe reads images ------===//

#include "tools/fettle/ImageRecipe.h"
#include "codegen/artifact/Manifest.h"
#include "tools/fettle/ExitCode.h"
#include "tools/fettle/Recipe.h"
#include "tools/fettle/SavedImages.h"
#include "llvm/Support/FileSystem.h"
#include <CLI/CLI.hpp>

namespace fettle::cli {

void ImageRecipe::addOptions(CLI::App &app) {
  app.add_option("--recipe", recipe, "whose images.* keys say how a folder of images is read; default: the\nartifact's own keys")->type_name("NAME|FILE");
  app.add_option("--set", settings, "override such a key (repeatable)")->type_name("KEY=VALUE")->allow_extra_args(false);
}

/// What the artifact in `folder` says, as settings.
static llvm::Expected<std::vector<std::string>> readSaved(llvm::StringRef folder) {
  auto manifest = codegen::Manifest::read(folder);
  if (!manifest)
    return withExitCode(manifest.takeError(), ExitCode::File);
  const llvm::json::Object *saved = manifest->details.getObject("images");
  if (!saved)
    return std::vector<std::string>();
  std::vector<std::string> result = imageSettings(*saved);
  if (auto parsed = readRecipe("float", result); !parsed)
    return makeFailure(ExitCode::File, folder + "/manifest.json: damaged images: " + llvm::toString(parsed.takeError()));
  return result;
}

llvm::Expected<calibration::ImageOptions> ImageRecipe::parse(llvm::ArrayRef<std::string> paths, llvm::StringRef data) const {
  for (llvm::StringRef setting : settings)
    if (!setting.trim().starts_with("images."))
      return makeFailure(ExitCode::Usage, "--set " + setting + " changes nothing here", "only images.* keys say how data are read");
  if (!settings.empty() && (data.empty() || (llvm::sys::fs::exists(data) && !llvm::sys::fs::is_directory(data))))
    return makeFailure(ExitCode::Usage, "--set " + settings.front() + " changes nothing here", "such keys say how a folder of images is read");
  std::vector<std::string> all;
  for (llvm::StringRef path : paths)
    if (recipe.empty() && all.empty() && llvm::sys::fs::is_directory(path))
      if (llvm::Error error = readSaved(path).moveInto(all))
        return std::move(error);
  llvm::append_range(all, settings);
  auto parsed = readRecipe(recipe.empty() ? "float" : recipe, all);
  if (!parsed)
    return parsed.takeError();
  return parsed->images.value_or(calibration::ImageOptions());
}

} // namespace fettle::cli
