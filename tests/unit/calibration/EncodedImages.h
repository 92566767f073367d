//===- EncodedImages.h - JPEG and PNG files made of known pixels ---------===//
#ifndef FETTLE_TESTS_UNIT_CALIBRATION_ENCODEDIMAGES_H
#define FETTLE_TESTS_UNIT_CALIBRATION_ENCODEDIMAGES_H

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <png.h>
#include <vector>

#include <jpeglib.h>

namespace fettle::calibration {

/// A PNG file of 8-bit `pixels` in one of libpng's formats.
inline std::vector<char> encodePng(uint32_t width, uint32_t height, uint32_t format, const std::vector<uint8_t> &pixels) {
  png_image png = {};
  png.version = PNG_IMAGE_VERSION;
  png.width = width;
  png.height = height;
  png.format = format;
  png_alloc_size_t size = 0;
  png_image_write_to_memory(&png, nullptr, &size, 0, pixels.data(), 0, nullptr);
  std::vector<char> bytes(size);
  png_image_write_to_memory(&png, bytes.data(), &size, 0, pixels.data(), 0, nullptr);
  bytes.resize(size);
  return bytes;
}

/// A JPEG file at the best quality of `pixels` with 1 (grey), 3 (colour) or 4 (inks) bytes each.
inline std::vector<char> encodeJpeg(uint32_t width, uint32_t height, int channels, const std::vector<uint8_t> &pixels) {
  jpeg_compress_struct state;
  jpeg_error_mgr errors;
  state.err = jpeg_std_error(&errors);
  jpeg_create_compress(&state);
  unsigned char *data = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&state, &data, &size);
  state.image_width = width;
  state.image_height = height;
  state.input_components = channels;
  state.in_color_space = channels == 1 ? JCS_GRAYSCALE : channels == 3 ? JCS_RGB : JCS_CMYK;
  jpeg_set_defaults(&state);
  jpeg_set_quality(&state, 100, TRUE);
  jpeg_start_compress(&state, TRUE);
  while (state.next_scanline < height) {
    auto *row = const_cast<JSAMPROW>(pixels.data() + state.next_scanline * width * channels);
    jpeg_write_scanlines(&state, &row, 1);
  }
  jpeg_finish_compress(&state);
  jpeg_destroy_compress(&state);
  std::vector<char> bytes(data, data + size);
  free(data);
  return bytes;
}

} // namespace fettle::calibration

#endif
