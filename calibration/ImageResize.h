//===- ImageResize.h - images of another size ----------------------------===//
#ifndef FETTLE_CALIBRATION_IMAGERESIZE_H
#define FETTLE_CALIBRATION_IMAGERESIZE_H

#include "calibration/ImageFile.h"

namespace fettle::calibration {

/// `image` at `width` x `height` pixels, both above 0, by the triangle filter: byte for byte what Pillow's
/// resize(..., BILINEAR) makes, and torchvision's Resize of a Pillow image.
Image resizeImage(const Image &image, int64_t width, int64_t height);

/// The part of `image`, at least as large, in its middle; odd margins are smaller above and to the left.
Image cropImage(const Image &image, int64_t width, int64_t height);

} // namespace fettle::calibration

#endif
