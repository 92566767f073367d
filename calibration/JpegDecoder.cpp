//===- JpegDecoder.cpp - pixels of JPEG files ------------------------------===//

#include "calibration/ImageDecoders.h"
#include <csetjmp>
#include <cstdio> // jpeglib.h wants FILE

#include <jpeglib.h>

#include <jerror.h>

namespace fettle::calibration {

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
    state.out_color_space = isInk() ? JCS_CMYK : JCS_RGB;
    return true;
  }

  bool isInk() const { return state.jpeg_color_space == JCS_CMYK || state.jpeg_color_space == JCS_YCCK; }

  bool decode(uint8_t *pixels, size_t rowBytes) {
    if (setjmp(escape))
      return false;
    jpeg_start_decompress(&state);
    while (state.output_scanline < state.output_height) {
      JSAMPROW row = pixels + state.output_scanline * rowBytes;
      jpeg_read_scanlines(&state, &row, 1);
    }
    jpeg_finish_decompress(&state);
    return true;
  }
};
} // namespace

/// Colour of printing inks, which files hold inverted (as Adobe began it), so that 255 is none: black takes light off each of the others.
static void mixInks(const std::vector<uint8_t> &inks, std::vector<uint8_t> &rgb) {
  for (size_t i = 0; i < inks.size() / 4; ++i)
    for (int channel = 0; channel < 3; ++channel) {
      // Pillow's rounding of the product of two bytes, divided by 255.
      int black = inks[4 * i + 3], product = (255 - inks[4 * i + channel]) * black + 128;
      rgb[3 * i + channel] = uint8_t(black - (((product >> 8) + product) >> 8));
    }
}

llvm::Expected<Image> decodeJpeg(llvm::ArrayRef<char> bytes) {
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
  std::vector<uint8_t> inks(decoder.isInk() ? image.width * image.height * 4 : 0);
  if (!(inks.empty() ? decoder.decode(image.rgb.data(), image.width * 3) : decoder.decode(inks.data(), image.width * 4)))
    return damaged();
  mixInks(inks, image.rgb);
  return image;
}

} // namespace fettle::calibration
