//===- ImageFolder.h - a folder of images as samples ---------------------===//
//
// photos/a.jpg photos/b.png            images without labels, in the order of their names
// photos/3/a.jpg photos/17/b.png       of classes 3 and 17: names that are all numbers are what they say
// photos/cat/a.jpg photos/dog/b.png    of classes 0 and 1, in the order of the folders' names
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_CALIBRATION_IMAGEFOLDER_H
#define FETTLE_CALIBRATION_IMAGEFOLDER_H

#include "calibration/ImageInput.h"

namespace fettle::calibration {

struct ImageFolder {
  std::vector<std::string> paths;
  std::vector<int64_t> labels; ///< one for each path, or none

  /// Lists .jpg, .jpeg and .png files, in capitals or not, of `path`, or of the folders in it; what else lies there is left
  /// alone. The error says what cannot be read, or that images lie both beside folders of images and in them.
  static llvm::Expected<ImageFolder> list(llvm::StringRef path);

  /// The images one after the other as the array of `input`, and `labels` if there are any. One image is decoded at a time;
  /// large arrays go to a spool file. Errors name the image.
  llvm::Expected<std::vector<NamedTensor>> read(const InputSpec &spec, const ImageInput &input) const;
};

} // namespace fettle::calibration

#endif
