//===- ImageFuzzer.cpp - any bytes as an image ----------------------------===//
//
// Whatever the bytes are, decoding them ends with an error or with as many pixels as the image says it has.
//   ImageFuzzer -max_len=65536 -rss_limit_mb=2048 CORPUS
//
//===----------------------------------------------------------------------===//

#include "calibration/ImageFile.h"
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace fettle;
  llvm::Expected<calibration::Image> image = calibration::decodeImage({reinterpret_cast<const char *>(data), size});
  if (!image) {
    llvm::consumeError(image.takeError());
    return 0;
  }
  if (image->width < 1 || image->height < 1 || image->rgb.size() != size_t(image->width * image->height * 3))
    std::abort();
  return 0;
}
