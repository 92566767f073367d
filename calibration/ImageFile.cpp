//===- ImageFile.cpp - pixels of JPEG and PNG files ----------------------===//

#include "calibration/ImageDecoders.h"
#include "llvm/Support/MemoryBuffer.h"

namespace fettle::calibration {

llvm::Error checkExtent(int64_t width, int64_t height) {
  if (width <= mostPixels / height)
    return llvm::Error::success();
  return llvm::createStringError("is " + llvm::Twine(width) + " x " + llvm::Twine(height) + " pixels; images of samples have at most " +
                                 llvm::Twine(mostPixels >> 20) + " megapixels");
}

llvm::Expected<Image> decodeImage(llvm::ArrayRef<char> bytes) {
  llvm::StringRef text(bytes.data(), bytes.size());
  if (text.starts_with("\xff\xd8\xff"))
    return decodeJpeg(bytes);
  if (text.starts_with("\x89PNG"))
    return decodePng(bytes);
  return llvm::createStringError("is neither a JPEG nor a PNG image");
}

llvm::Expected<Image> readImage(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return llvm::createStringError(path + ": " + buffer.getError().message());
  llvm::StringRef bytes = (*buffer)->getBuffer();
  auto image = decodeImage({bytes.data(), bytes.size()});
  if (!image)
    return llvm::createStringError(path + ": " + llvm::toString(image.takeError()));
  return image;
}

} // namespace fettle::calibration
