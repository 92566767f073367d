//===- ImageDecoders.h - the two formats of images ------------------------===//
#ifndef FETTLE_CALIBRATION_IMAGEDECODERS_H
#define FETTLE_CALIBRATION_IMAGEDECODERS_H

#include "calibration/ImageFile.h"

namespace fettle::calibration {

/// Decode a whole file of their format, as decodeImage() says.
llvm::Expected<Image> decodeJpeg(llvm::ArrayRef<char> bytes);
llvm::Expected<Image> decodePng(llvm::ArrayRef<char> bytes);

/// An error for images above mostPixels; asked before anything of their size is allocated.
llvm::Error checkExtent(int64_t width, int64_t height);

} // namespace fettle::calibration

#endif
