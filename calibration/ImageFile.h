//===- ImageFile.h - pixels of JPEG and PNG files ------------------------===//
#ifndef FETTLE_CALIBRATION_IMAGEFILE_H
#define FETTLE_CALIBRATION_IMAGEFILE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <vector>

namespace fettle::calibration {

/// Larger images are refused, whatever their files say.
constexpr int64_t mostPixels = int64_t(64) << 20;

/// 8-bit red, green and blue, pixel after pixel, row after row from the top.
struct Image {
  int64_t width = 0, height = 0;
  std::vector<uint8_t> rgb; ///< height * width * 3
};

/// Decodes a whole JPEG or PNG file, told apart by their first bytes. Grey becomes equal red, green and blue, palettes become
/// colours, inks (CMYK) too, of 16 bits the upper 8 are left, and alpha is dropped: what Pillow's convert("RGB") makes of them (but
/// of 16-bit grey, which it cuts at 255). Colour profiles and orientation tags are left alone.
/// Errors: neither of the two, damaged, cut off, or above mostPixels.
llvm::Expected<Image> decodeImage(llvm::ArrayRef<char> bytes);

/// decodeImage() of a file; errors name it.
llvm::Expected<Image> readImage(llvm::StringRef path);

} // namespace fettle::calibration

#endif
