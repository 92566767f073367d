//===- ImageResizeTest.cpp - images of another size ----------------------===//

#include "calibration/ImageResize.h"
#include <gtest/gtest.h>

using namespace fettle::calibration;

namespace {

/// Of grey pixels.
Image greys(int64_t width, int64_t height, const std::vector<uint8_t> &values) {
  Image image{width, height, {}};
  for (uint8_t value : values)
    image.rgb.insert(image.rgb.end(), 3, value);
  return image;
}

TEST(ImageResizeTest, HalvesByTheTriangleFilter) {
  // Weights 3/7 3/7 1/7 and their mirror image: the essay's example.
  EXPECT_EQ(resizeImage(greys(4, 1, {0, 70, 140, 210}), 2, 1).rgb, greys(2, 1, {50, 160}).rgb);
  EXPECT_EQ(resizeImage(greys(1, 4, {0, 70, 140, 210}), 1, 2).rgb, greys(1, 2, {50, 160}).rgb);
}

TEST(ImageResizeTest, EnlargesByInterpolation) {
  // Centres at 1/4, 3/4, 5/4 and 7/4 between pixels at 1/2 and 3/2.
  EXPECT_EQ(resizeImage(greys(2, 1, {0, 200}), 4, 1).rgb, greys(4, 1, {0, 50, 150, 200}).rgb);
}

TEST(ImageResizeTest, ConstantImagesStay) {
  for (uint8_t value : {0, 1, 128, 255})
    for (auto [width, height] : {std::pair(7, 5), {31, 2}, {64, 64}, {1, 1}}) {
      Image resized = resizeImage(greys(23, 17, std::vector<uint8_t>(23 * 17, value)), width, height);
      EXPECT_EQ(resized.rgb, std::vector<uint8_t>(width * height * 3, value)) << width << " x " << height;
    }
}

TEST(ImageResizeTest, ChannelsDoNotMix) {
  Image image{2, 2, {10, 20, 30, 10, 20, 30, 10, 20, 30, 10, 20, 30}};
  EXPECT_EQ(resizeImage(image, 1, 1).rgb, (std::vector<uint8_t>{10, 20, 30}));
}

TEST(ImageResizeTest, CropsTheMiddle) {
  Image image = greys(4, 3, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  EXPECT_EQ(cropImage(image, 2, 1).rgb, greys(2, 1, {5, 6}).rgb);
  EXPECT_EQ(cropImage(image, 3, 2).rgb, greys(3, 2, {0, 1, 2, 4, 5, 6}).rgb);
  EXPECT_EQ(cropImage(image, 4, 3).rgb, image.rgb);
}

} // namespace
