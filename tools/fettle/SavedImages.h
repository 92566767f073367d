//===- SavedImages.h - how images are prepared, in a manifest -------------===//
//
// An artifact is right only on images that are prepared as the recipe says, so
// it keeps what the recipe says: for those who deploy it, and for the verbs that
// run it on a folder of images.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_TOOLS_SAVEDIMAGES_H
#define FETTLE_TOOLS_SAVEDIMAGES_H

#include "calibration/ImageInput.h"
#include "llvm/Support/JSON.h"

namespace fettle::cli {

/// {"x": {"resize": 256, "crop": 224, "mean": [...], "std": [...], "order": "rgb", "layout": "nchw"}} for the input x of a model in
/// several sizes: choices that `options` leave open are made, null stands where they differ between the sizes. mean and std are
/// left out for an input of bytes, order for one of grey. An error says why the model takes no such images.
llvm::Expected<llvm::json::Object> imagesToJson(const calibration::ImageOptions &options,
                                                llvm::ArrayRef<std::vector<calibration::InputSpec>> specializations);

/// The same as settings of a recipe, "images.resize=256"; values are taken as they are.
std::vector<std::string> imageSettings(const llvm::json::Object &saved);

} // namespace fettle::cli

#endif
