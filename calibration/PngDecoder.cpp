//===- PngDecoder.cpp - pixels of PNG files --------------------------------===//
//
// libpng's short interface (png_image) turns colours into sRGB where a file says
// that they are something else. What networks are trained on was read without
// that (Pillow, OpenCV and TensorFlow leave values as they are stored), so the
// long interface it is.
//
//===----------------------------------------------------------------------===//

#include "calibration/ImageDecoders.h"
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <png.h>

namespace fettle::calibration {

namespace {
/// libpng reports errors by a call that must not return. Nothing with a destructor may live in the frames that are jumped
/// over: what a decoder makes is kept here, outside of them.
struct PngDecoder {
  llvm::ArrayRef<char> rest;
  png_structp state = nullptr;
  png_infop info = nullptr;
  jmp_buf escape;
  char message[256] = "out of memory";

  explicit PngDecoder(llvm::ArrayRef<char> bytes) : rest(bytes) {
    state = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, fail, [](png_structp, png_const_charp) {});
    info = state ? png_create_info_struct(state) : nullptr;
  }
  ~PngDecoder() { png_destroy_read_struct(&state, &info, nullptr); }

  [[noreturn]] static void fail(png_structp state, png_const_charp text) {
    auto &decoder = *static_cast<PngDecoder *>(png_get_error_ptr(state));
    snprintf(decoder.message, sizeof decoder.message, "%s", text);
    longjmp(decoder.escape, 1);
  }

  static void read(png_structp state, png_bytep to, size_t size) {
    auto &decoder = *static_cast<PngDecoder *>(png_get_io_ptr(state));
    if (size > decoder.rest.size())
      png_error(state, "cut off");
    std::memcpy(to, decoder.rest.data(), size);
    decoder.rest = decoder.rest.drop_front(size);
  }

  bool open() {
    if (!info || setjmp(escape))
      return false;
    png_set_read_fn(state, this, read);
    png_read_info(state, info);
    return true;
  }

  /// Three bytes a pixel, whatever the file has.
  bool decode(png_bytepp rows, size_t rowBytes) {
    if (setjmp(escape))
      return false;
    png_set_expand(state);
    png_set_strip_16(state);
    png_set_strip_alpha(state);
    png_set_gray_to_rgb(state);
    png_set_interlace_handling(state);
    png_read_update_info(state, info);
    if (png_get_rowbytes(state, info) != rowBytes)
      png_error(state, "of an unknown kind of pixels");
    png_read_image(state, rows);
    return true;
  }
};
} // namespace

llvm::Expected<Image> decodePng(llvm::ArrayRef<char> bytes) {
  PngDecoder decoder(bytes);
  auto damaged = [&] { return llvm::createStringError("not a readable PNG image: " + llvm::Twine(decoder.message)); };
  if (!decoder.open())
    return damaged();
  Image image{png_get_image_width(decoder.state, decoder.info), png_get_image_height(decoder.state, decoder.info), {}};
  if (llvm::Error error = checkExtent(image.width, image.height))
    return std::move(error);
  image.rgb.resize(image.width * image.height * 3);
  std::vector<png_bytep> rows(image.height);
  for (int64_t y = 0; y < image.height; ++y)
    rows[y] = &image.rgb[y * image.width * 3];
  if (!decoder.decode(rows.data(), image.width * 3))
    return damaged();
  return image;
}

} // namespace fettle::calibration
