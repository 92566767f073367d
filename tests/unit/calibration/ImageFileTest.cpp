//===- ImageFileTest.cpp - pixels of JPEG and PNG files ------------------===//

#include "calibration/ImageFile.h"
#include "tests/unit/calibration/EncodedImages.h"
#include "llvm/Support/CRC.h"
#include <gtest/gtest.h>

using namespace fettle::calibration;

namespace {

using Bytes = std::vector<uint8_t>;

std::string problemOf(llvm::ArrayRef<char> bytes) {
  auto image = decodeImage(bytes);
  return image ? "" : llvm::toString(image.takeError());
}

TEST(ImageFileTest, PngOfColourIsExact) {
  Bytes pixels{1, 2, 3, 250, 0, 7, 9, 8, 7, 0, 255, 128, 4, 4, 4, 90, 91, 92};
  auto image = decodeImage(encodePng(3, 2, PNG_FORMAT_RGB, pixels));
  ASSERT_TRUE(bool(image)) << llvm::toString(image.takeError());
  EXPECT_EQ(image->width, 3);
  EXPECT_EQ(image->height, 2);
  EXPECT_EQ(image->rgb, pixels);
}

TEST(ImageFileTest, GreyIsEqualChannelsAndAlphaIsDropped) {
  auto grey = decodeImage(encodePng(2, 1, PNG_FORMAT_GRAY, {5, 200}));
  ASSERT_TRUE(bool(grey)) << llvm::toString(grey.takeError());
  EXPECT_EQ(grey->rgb, (Bytes{5, 5, 5, 200, 200, 200}));
  auto alpha = decodeImage(encodePng(2, 1, PNG_FORMAT_RGBA, {5, 6, 7, 255, 10, 20, 30, 128}));
  ASSERT_TRUE(bool(alpha)) << llvm::toString(alpha.takeError());
  EXPECT_EQ(alpha->rgb, (Bytes{5, 6, 7, 10, 20, 30}));
}

TEST(ImageFileTest, ValuesAreThoseStoredWhateverTheGammaAndBits) {
  // A chunk behind the header, which ends at byte 33: light is stored as it is, which a viewer would brighten.
  const Bytes pixels{1, 60, 128, 200, 250, 9};
  std::vector<char> linear = encodePng(2, 1, PNG_FORMAT_RGB, pixels);
  Bytes chunk{'g', 'A', 'M', 'A', 0, 1, 0x86, 0xa0};
  uint32_t sum = llvm::crc32(chunk);
  chunk.insert(chunk.begin(), {0, 0, 0, 4});
  for (int shift : {24, 16, 8, 0})
    chunk.push_back(uint8_t(sum >> shift));
  linear.insert(linear.begin() + 33, chunk.begin(), chunk.end());
  auto image = decodeImage(linear);
  ASSERT_TRUE(bool(image)) << llvm::toString(image.takeError());
  EXPECT_EQ(image->rgb, pixels);
  // Two bytes a channel, which libpng takes as linear light in the machine's order.
  const uint16_t wide[3] = {0x01ff, 0x8000, 0xff01};
  std::vector<uint8_t> stored(sizeof wide);
  memcpy(stored.data(), wide, sizeof wide);
  auto upper = decodeImage(encodePng(1, 1, PNG_FORMAT_LINEAR_RGB, stored));
  ASSERT_TRUE(bool(upper)) << llvm::toString(upper.takeError());
  EXPECT_EQ(upper->rgb, (Bytes{1, 128, 255}));
}

TEST(ImageFileTest, InksBecomeLight) {
  // Stored inverted: no cyan, half of the magenta, no yellow; and black.
  Bytes inks;
  for (int i = 0; i < 64; ++i)
    inks.insert(inks.end(), {255, 127, 255, uint8_t(i < 32 ? 255 : 0)});
  auto image = decodeImage(encodeJpeg(8, 8, 4, inks));
  ASSERT_TRUE(bool(image)) << llvm::toString(image.takeError());
  for (int i = 0; i < 3; ++i) {
    EXPECT_NEAR(image->rgb[i], i == 1 ? 127 : 255, 4) << i;
    EXPECT_NEAR(image->rgb[63 * 3 + i], 0, 4) << i;
  }
}

TEST(ImageFileTest, JpegIsNearlyWhatWasEncoded) {
  for (int channels : {1, 3}) {
    Bytes pixels;
    for (int i = 0; i < 16 * 8; ++i)
      for (int channel = 0; channel < channels; ++channel)
        pixels.push_back(channel == 0 ? 180 : 40);
    auto image = decodeImage(encodeJpeg(16, 8, channels, pixels));
    ASSERT_TRUE(bool(image)) << llvm::toString(image.takeError());
    ASSERT_EQ(image->rgb.size(), size_t(16 * 8 * 3));
    EXPECT_EQ(image->width, 16);
    for (int i = 0; i < 16 * 8 * 3; ++i)
      EXPECT_NEAR(image->rgb[i], channels == 1 || i % 3 == 0 ? 180 : 40, 2) << i;
  }
}

TEST(ImageFileTest, CutOffAnywhereIsAnError) {
  Bytes pixels(32 * 32 * 3);
  for (size_t i = 0; i < pixels.size(); ++i)
    pixels[i] = uint8_t(i * i / 7);
  for (const std::vector<char> &whole : {encodePng(32, 32, PNG_FORMAT_RGB, pixels), encodeJpeg(32, 32, 3, pixels)}) {
    EXPECT_EQ(problemOf(whole), "");
    for (size_t size = 0; size + 16 < whole.size(); size += 37)
      EXPECT_NE(problemOf(llvm::ArrayRef(whole).take_front(size)), "") << size << " of " << whole.size();
  }
}

TEST(ImageFileTest, DamageNeverEndsTheProcess) {
  Bytes pixels(24 * 24 * 3, 77);
  for (const std::vector<char> &whole : {encodePng(24, 24, PNG_FORMAT_RGB, pixels), encodeJpeg(24, 24, 3, pixels)})
    for (size_t i = 0; i < whole.size(); ++i) {
      std::vector<char> bytes = whole;
      bytes[i] ^= 0x55;
      auto image = decodeImage(bytes);
      if (image)
        EXPECT_EQ(image->rgb.size(), size_t(image->width * image->height * 3));
      else
        EXPECT_NE(llvm::toString(image.takeError()), "");
    }
}

TEST(ImageFileTest, TooManyPixelsAreRefusedBeforeTheyAreDecoded) {
  std::vector<char> bytes = encodeJpeg(16, 16, 1, Bytes(16 * 16));
  // The frame header: ff c0, its length, 8 bits, height, width.
  for (size_t i = 0; i + 9 < bytes.size(); ++i)
    if (bytes[i] == char(0xff) && bytes[i + 1] == char(0xc0)) {
      std::fill_n(bytes.begin() + i + 5, 4, char(0x7f));
      break;
    }
  EXPECT_EQ(problemOf(bytes), "is 32639 x 32639 pixels; images of samples have at most 64 megapixels");
}

TEST(ImageFileTest, OtherFilesAreToldApart) {
  EXPECT_EQ(problemOf({'G', 'I', 'F', '8'}), "is neither a JPEG nor a PNG image");
  EXPECT_EQ(problemOf({}), "is neither a JPEG nor a PNG image");
  auto missing = readImage("no/such.png");
  ASSERT_FALSE(bool(missing));
  EXPECT_EQ(llvm::toString(missing.takeError()), "no/such.png: No such file or directory");
}

} // namespace
