//===- ImageInput.cpp - an image as what a model takes -------------------===//

#include "calibration/ImageInput.h"
#include "calibration/ImageResize.h"
#include <cmath>
#include <cstring>

using namespace mlir;

namespace fettle::calibration {

llvm::Expected<ImageInput> ImageInput::create(const InputSpec &input, const ImageOptions &options) {
  auto refuse = [&](const llvm::Twine &why) {
    return llvm::createStringError("input '" + input.name + "' (" + describeTensorType(input.type) + ") " + why);
  };
  ImageInput result;
  result.options = options;
  Type element = input.type.getElementType();
  result.isFloat = element.isF32();
  if (!element.isF32() && !element.isUnsignedInteger(8))
    return refuse("takes no images, which are float32 or uint8");
  ArrayRef<int64_t> shape = input.type.getShape();
  auto isChannels = [](int64_t extent) { return extent == 1 || extent == 3; };
  bool first = shape.size() == 4 && isChannels(shape[1]), last = shape.size() == 4 && isChannels(shape[3]);
  if (options.isChannelsFirst)
    (*options.isChannelsFirst ? last : first) = false;
  if (!first && !last)
    return refuse("takes no images: it has no four axes with 1 or 3 channels second" + llvm::Twine(options.isChannelsFirst ? "" : " or last"));
  if (first && last)
    return refuse("has two axes that may be channels: images.layout nchw or nhwc says which");
  result.isChannelsFirst = first;
  result.batchSize = shape[0];
  result.channels = first ? shape[1] : shape[3];
  result.height = first ? shape[2] : shape[1];
  result.width = first ? shape[3] : shape[2];
  if (input.type.getNumElements() == 0)
    return refuse("is empty");
  if (result.height > mostPixels / result.width)
    return refuse("is larger than images are");
  auto differ = [](const std::array<double, 3> &numbers) { return numbers[0] != numbers[1] || numbers[1] != numbers[2]; };
  if (result.channels == 1 && (differ(options.mean) || differ(options.std)))
    return refuse("has one channel: one number is enough for images.mean and images.std");
  if (!result.isFloat && (options.mean != ImageOptions().mean || options.std != ImageOptions().std))
    return refuse("takes bytes: leave out images.mean and images.std");
  int64_t cropHeight = options.crop ? options.crop : result.height, cropWidth = options.crop ? options.crop : result.width;
  if (!options.resize)
    result.options.resize = std::llround(std::max(cropHeight, cropWidth) / 0.875);
  if (result.options.resize > mostPixels / result.options.resize)
    return refuse("is larger than images are");
  if (result.options.resize < std::max(cropHeight, cropWidth))
    return refuse("takes " + llvm::Twine(cropHeight) + " x " + llvm::Twine(cropWidth) + " pixels of an image whose shorter side is " +
                  llvm::Twine(options.resize) + ": raise images.resize, or lower images.crop");
  if (cropHeight == cropWidth)
    result.options.crop = cropHeight;
  result.options.isChannelsFirst = result.isChannelsFirst;
  return result;
}

size_t ImageInput::bytes() const { return height * width * channels * (isFloat ? sizeof(float) : 1); }

/// The longer side of an image whose shorter one becomes `wanted`, to the nearest pixel, a half to the even one: Python's
/// round(longer * (wanted / shorter)).
static int64_t scaleSide(int64_t longer, int64_t shorter, int64_t wanted) { return std::llrint(longer * (double(wanted) / shorter)); }

llvm::Expected<Image> ImageInput::fit(const Image &image) const {
  int64_t shorter = std::min(image.width, image.height), longer = std::max(image.width, image.height);
  int64_t scaled = scaleSide(longer, shorter, options.resize);
  if (scaled > mostPixels / options.resize)
    return llvm::createStringError("would be " + llvm::Twine(scaled) + " x " + llvm::Twine(options.resize) +
                                   " pixels with the shorter side at " + llvm::Twine(options.resize));
  bool isWide = image.width > image.height;
  Image result = resizeImage(image, isWide ? scaled : options.resize, isWide ? options.resize : scaled);
  result = cropImage(result, options.crop ? options.crop : width, options.crop ? options.crop : height);
  return resizeImage(result, width, height);
}

llvm::Expected<std::vector<char>> ImageInput::prepare(const Image &image) const {
  auto fitted = fit(image);
  if (!fitted)
    return fitted.takeError();
  std::vector<char> result(bytes());
  const int64_t pixels = height * width;
  for (int64_t channel = 0; channel < channels; ++channel) {
    int source = options.isBgr ? 2 - channel : channel; // of one channel, mean and std are alike
    std::array<float, 256> values;
    for (int byte = 0; byte < 256; ++byte)
      values[byte] = float((byte / 255.0 - options.mean[source]) / options.std[source]);
    for (int64_t i = 0; i < pixels; ++i) {
      const uint8_t *rgb = &fitted->rgb[3 * i];
      // Pillow's weights, which sum to 65536.
      uint8_t byte = channels == 3 ? rgb[source] : (rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16;
      int64_t at = isChannelsFirst ? channel * pixels + i : i * channels + channel;
      if (isFloat)
        std::memcpy(&result[at * sizeof(float)], &values[byte], sizeof(float));
      else
        result[at] = char(byte);
    }
  }
  return result;
}

} // namespace fettle::calibration
