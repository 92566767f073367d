//===- ImageInput.h - an image as what a model takes ---------------------===//
#ifndef FETTLE_CALIBRATION_IMAGEINPUT_H
#define FETTLE_CALIBRATION_IMAGEINPUT_H

#include "calibration/ImageFile.h"
#include "calibration/Samples.h"
#include <array>
#include <optional>

namespace fettle::calibration {

/// What is done to images before a model sees them.
struct ImageOptions {
  int64_t resize = 0;                   ///< pixels of the shorter side; 0: the larger side of the crop / 0.875
  int64_t crop = 0;                     ///< side of the square that is cut from the middle; 0: the input's height and width
  std::array<double, 3> mean{0, 0, 0};  ///< of red, green and blue, where 255 is 1: taken off
  std::array<double, 3> std{1, 1, 1};   ///< divided by, after that
  bool isBgr = false;                   ///< blue first
  std::optional<bool> isChannelsFirst;  ///< none: by which axis has 1 or 3 elements
};

/// Makes images elements of one input, float32 or uint8, of shape N x C x H x W or N x H x W x C, C being 1 or 3.
class ImageInput {
public:
  /// An error says why images cannot be what `input` takes.
  static llvm::Expected<ImageInput> create(const InputSpec &input, const ImageOptions &options);

  /// The options, with a choice made wherever they leave one open, but for the crop of an input that is no square.
  const ImageOptions &choices() const { return options; }
  bool isGrey() const { return channels == 1; }
  bool takesBytes() const { return !isFloat; }
  /// Images in a call.
  int64_t batch() const { return batchSize; }
  /// Bytes that one image becomes.
  size_t bytes() const;
  /// Resizes, crops and normalizes an image. uint8 inputs get the pixels as they are. Grey is the luma of ITU-R 601.
  /// An error if the image is so long and narrow that it would be above mostPixels.
  llvm::Expected<std::vector<char>> prepare(const Image &image) const;

private:
  llvm::Expected<Image> fit(const Image &image) const;

  ImageOptions options;
  int64_t batchSize = 1, channels = 3, height = 0, width = 0;
  bool isChannelsFirst = true, isFloat = true;
};

} // namespace fettle::calibration

#endif
