//===- ImageRecipe.h - how a verb that has no recipe reads images --------===//
#ifndef FETTLE_TOOLS_IMAGERECIPE_H
#define FETTLE_TOOLS_IMAGERECIPE_H

#include "calibration/ImageInput.h"
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace fettle::cli {

/// --recipe and --set of verbs that run a model as it is: what they take of it are its images.* keys. Without --recipe, an artifact
/// says itself how its images are prepared.
class ImageRecipe {
public:
  void addOptions(CLI::App &app);
  /// `paths` are what is run, on `data`; of several artifacts that say it, the first is asked. Errors: exit code 2 for a mistake in
  /// the recipe, for --set of what is no images.* key, and for --set beside data that are no folder; 4 for a file.
  llvm::Expected<calibration::ImageOptions> parse(llvm::ArrayRef<std::string> paths, llvm::StringRef data) const;

private:
  std::string recipe;
  std::vector<std::string> settings;
};

} // namespace fettle::cli

#endif
