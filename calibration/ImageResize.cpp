//===- ImageResize.cpp - images of another size --------------------------===//
//
// Problem: a photograph is larger than what a network takes. Reading one pixel
// for each that is wanted (or four, as plain bilinear interpolation does) leaves
// out most of them, and what is left flickers. Networks were trained on images
// whose every pixel had its say, so they must be measured on such.
//
// Method: an output pixel is the mean of the input weighted by a triangle around
// its centre, one output pixel wide on each side (when enlarging, one input
// pixel). A row of four made two (scale 2, centres at 1 and 3 between pixels):
//
//   input pixels' centres   0.5  1.5  2.5  3.5
//   distance from 1, / 2    1/4  1/4  3/4
//   triangle 1 - distance   3/4  3/4  1/4        -> weights 3/7 3/7 1/7
//
// At borders the triangle is cut, and weights are scaled to sum to 1: a constant
// image stays what it is. The filter is separable: rows first, then columns.
//
// Sound: weights are rounded to 22 bits behind the point and sums to bytes after
// each pass, in integers: the same bytes on any machine, and Pillow's.
//
// Cost: for each pass, output pixels x (2 x scale + 1) multiplications a channel.
// Source: Pillow, src/libImaging/Resample.c (precompute_coeffs and the 8-bit passes).
//
//===----------------------------------------------------------------------===//

#include "calibration/ImageResize.h"
#include <algorithm>
#include <cassert>
#include <cmath>

namespace fettle::calibration {

static constexpr int weightBits = 22;

namespace {
/// Input elements `first`, `first` + 1, ... by their weights.
struct Window {
  int64_t first;
  std::vector<int32_t> weights;
};
} // namespace

static std::vector<Window> windowsOf(int64_t from, int64_t to) {
  double scale = double(from) / to, support = std::max(scale, 1.0);
  std::vector<Window> windows;
  std::vector<double> weights;
  for (int64_t i = 0; i < to; ++i) {
    double centre = (i + 0.5) * scale;
    int64_t begin = std::max<int64_t>(int64_t(centre - support + 0.5), 0);
    int64_t end = std::min<int64_t>(int64_t(centre + support + 0.5), from);
    weights.clear();
    double sum = 0;
    for (int64_t k = begin; k < end; ++k) {
      weights.push_back(std::max(0.0, 1 - std::abs((k - centre + 0.5) * (1 / support))));
      sum += weights.back();
    }
    Window window{begin, {}};
    for (double weight : weights)
      window.weights.push_back(int32_t(0.5 + weight / sum * (1 << weightBits)));
    windows.push_back(std::move(window));
  }
  return windows;
}

/// Three weighted sums, of elements `stride` bytes apart from `from` on.
static void filterPixel(const Window &window, const uint8_t *from, int64_t stride, uint8_t *to) {
  for (int channel = 0; channel < 3; ++channel) {
    int64_t sum = 1 << (weightBits - 1);
    for (size_t k = 0; k < window.weights.size(); ++k)
      sum += int64_t(window.weights[k]) * from[k * stride + channel];
    to[channel] = uint8_t(std::min<int64_t>(sum >> weightBits, 255));
  }
}

Image resizeImage(const Image &image, int64_t width, int64_t height) {
  assert(width > 0 && height > 0 && image.width > 0 && image.height > 0);
  if (width == image.width && height == image.height)
    return image;
  Image wide;
  if (width != image.width) {
    wide = {width, image.height, std::vector<uint8_t>(width * image.height * 3)};
    std::vector<Window> windows = windowsOf(image.width, width);
    for (int64_t y = 0; y < image.height; ++y)
      for (int64_t x = 0; x < width; ++x)
        filterPixel(windows[x], &image.rgb[(y * image.width + windows[x].first) * 3], 3, &wide.rgb[(y * width + x) * 3]);
  }
  if (height == image.height)
    return wide;
  const Image &source = width == image.width ? image : wide;
  Image result{width, height, std::vector<uint8_t>(width * height * 3)};
  std::vector<Window> windows = windowsOf(image.height, height);
  for (int64_t y = 0; y < height; ++y)
    for (int64_t x = 0; x < width; ++x)
      filterPixel(windows[y], &source.rgb[(windows[y].first * width + x) * 3], width * 3, &result.rgb[(y * width + x) * 3]);
  return result;
}

Image cropImage(const Image &image, int64_t width, int64_t height) {
  assert(width <= image.width && height <= image.height);
  Image result{width, height, {}};
  result.rgb.reserve(width * height * 3);
  int64_t left = (image.width - width) / 2, top = (image.height - height) / 2;
  for (int64_t y = 0; y < height; ++y) {
    const uint8_t *row = &image.rgb[((top + y) * image.width + left) * 3];
    result.rgb.insert(result.rgb.end(), row, row + width * 3);
  }
  return result;
}

} // namespace fettle::calibration
