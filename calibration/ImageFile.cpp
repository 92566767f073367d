//===- ImageFile.cpp - pixels of JPEG and PNG files ----------------------===//

#include "calibration/ImageFile.h"
#include "llvm/Support/MemoryBuffer.h"
#include <csetjmp>
#include <cstdio> // jpeglib.h wants FILE
#include <png.h>

#include <jpeglib.h>

#include <jerror.h>

namespace fettle::calibration {

static llvm::Error checkExtent(int64_t width, int64_t height) {
  if (width <= mostPixels / height)
    return llvm::Error::success();
  return llvm::createStringError("is " + llvm::Twine(width) + " x " + llvm::Twine(height) + " pixels; images of samples have at most " +
                                 llvm::Twine(mostPixels >> 20) + " megapixels");
}

namespace {
/// libjpeg ends the process on an error unless its handler jumps out. Nothing with a destructor may live in the frames
/// that are jumped over: what a decoder makes is kept here, outside of them.
struct JpegDecoder {
  jpeg_decompress_struct state;
  jpeg_error_mgr errors;
  jpeg_progress_mgr progress;
  jmp_buf escape;
  char message[JMSG_LENGTH_MAX];

  static JpegDecoder &of(j_common_ptr state) { return *static_cast<JpegDecoder *>(state->client_data); }

  [[noreturn]] static void fail(j_common_ptr state) {
    JpegDecoder &decoder = of(state);
    decoder.errors.format_message(state, decoder.message);
    longjmp(decoder.escape, 1);
  }

  /// libjpeg goes on with grey where data are missing or wrong: that is no sample of anything.
  static void takeMessage(j_common_ptr state, int level) {
    int code = state->err->msg_code;
    if (level < 0 && (code == JWRN_HIT_MARKER || code == JWRN_JPEG_EOF || code == JWRN_HUFF_BAD_CODE || code == JWRN_ARITH_BAD_CODE ||
                      code == JWRN_MUST_RESYNC || code == JWRN_BOGUS_PROGRESSION))
      fail(state);
  }

  /// A small file may hold any number of passes over a large image. Encoders write about ten.
  static void limitScans(j_common_ptr state) {
    constexpr int mostScans = 100;
    JpegDecoder &decoder = of(state);
    if (!state->is_decompressor || decoder.state.input_scan_number <= mostScans)
      return;
    snprintf(decoder.message, sizeof decoder.message, "more than %d scans", mostScans);
    longjmp(decoder.escape, 1);
  }

  bool open(llvm::ArrayRef<char> bytes) {
    state.err = jpeg_std_error(&errors);
    state.client_data = this;
    errors.error_exit = fail;
    errors.emit_message = takeMessage;
    errors.output_message = [](j_common_ptr) {};
    if (setjmp(escape))
      return false;
    jpeg_create_decompress(&state); // keeps err and client_data
    progress.progress_monitor = limitScans;
    state.progress = &progress;
    jpeg_mem_src(&state, reinterpret_cast<const unsigned char *>(bytes.data()), bytes.size());
    jpeg_read_header(&state, TRUE);
    state.out_color_space = JCS_RGB;
    return true;
  }

  bool decode(uint8_t *rgb, size_t rowBytes) {
    if (setjmp(escape))
      return false;
    jpeg_start_decompress(&state);
    while (state.output_scanline < state.output_height) {
      JSAMPROW row = rgb + state.output_scanline * rowBytes;
      jpeg_read_scanlines(&state, &row, 1);
    }
    jpeg_finish_decompress(&state);
    return true;
  }
};
} // namespace

static llvm::Expected<Image> decodeJpeg(llvm::ArrayRef<char> bytes) {
  JpegDecoder decoder = {};
  struct Destroyer {
    jpeg_decompress_struct &state;
    ~Destroyer() { jpeg_destroy_decompress(&state); }
  } destroyer{decoder.state};
  auto damaged = [&] { return llvm::createStringError("not a readable JPEG image: " + llvm::Twine(decoder.message)); };
  if (!decoder.open(bytes))
    return damaged();
  Image image{decoder.state.image_width, decoder.state.image_height, {}};
  if (llvm::Error error = checkExtent(image.width, image.height))
    return std::move(error);
  image.rgb.resize(image.width * image.height * 3);
  if (!decoder.decode(image.rgb.data(), image.width * 3))
    return damaged();
  return image;
}

static llvm::Expected<Image> decodePng(llvm::ArrayRef<char> bytes) {
  png_image png = {};
  png.version = PNG_IMAGE_VERSION;
  struct Releaser {
    png_image &png;
    ~Releaser() { png_image_free(&png); }
  } releaser{png};
  auto damaged = [&] { return llvm::createStringError("not a readable PNG image: " + llvm::Twine(png.message)); };
  if (!png_image_begin_read_from_memory(&png, bytes.data(), bytes.size()))
    return damaged();
  Image image{png.width, png.height, {}};
  if (llvm::Error error = checkExtent(image.width, image.height))
    return std::move(error);
  png.flags |= PNG_IMAGE_FLAG_16BIT_sRGB; // else 16-bit files are taken for linear light
  png.format = PNG_FORMAT_RGBA;           // without alpha, libpng would blend with a background
  std::vector<uint8_t> rgba(image.width * image.height * 4);
  if (!png_image_finish_read(&png, /*background=*/nullptr, rgba.data(), /*row_stride=*/0, /*colormap=*/nullptr))
    return damaged();
  image.rgb.resize(image.width * image.height * 3);
  for (int64_t i = 0; i < image.width * image.height; ++i)
    std::copy_n(&rgba[4 * i], 3, &image.rgb[3 * i]);
  return image;
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
