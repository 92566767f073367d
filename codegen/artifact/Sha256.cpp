//===- Sha256.cpp - SHA-256 as fast as the machine has it -----------------===//

#include "codegen/artifact/Sha256.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include <cstring>
#include <vector>
#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace fettle::codegen {

alignas(16) static const uint32_t roundConstants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate(uint32_t value, int count) { return value >> count | value << (32 - count); }

/// Takes in `blocks` blocks of 64 bytes.
static void compressPortably(uint32_t *state, const uint8_t *data, size_t blocks) {
  for (; blocks; --blocks, data += 64) {
    uint32_t w[64];
    for (int i = 0; i < 16; ++i)
      w[i] = llvm::support::endian::read32be(data + 4 * i);
    for (int i = 16; i < 64; ++i)
      w[i] = w[i - 16] + w[i - 7] + (rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3) +
             (rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10);
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (int i = 0; i < 64; ++i) {
      uint32_t first = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + roundConstants[i] + w[i];
      uint32_t second = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
      h = g, g = f, f = e, e = d + first, d = c, c = b, b = a, a = first + second;
    }
    const uint32_t added[] = {a, b, c, d, e, f, g, h};
    for (int i = 0; i < 8; ++i)
      state[i] += added[i];
  }
}

#if defined(__x86_64__)
static bool hasShaInstructions() {
  unsigned a, b, c, d;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b >> 29 & 1) && __get_cpuid(1, &a, &b, &c, &d) && (c >> 19 & 1);
}

/// The instructions keep the state as two registers, {A,B,E,F} and {C,D,G,H}, do two rounds each, and compute
/// message words 4 at a time from the 16 before them.
__attribute__((target("sha,sse4.1"))) static void compressWithShaInstructions(uint32_t *state, const uint8_t *data,
                                                                               size_t blocks) {
  const __m128i byteOrder = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  __m128i dcba = _mm_loadu_si128(reinterpret_cast<const __m128i *>(state));
  __m128i hgfe = _mm_loadu_si128(reinterpret_cast<const __m128i *>(state + 4));
  __m128i cdab = _mm_shuffle_epi32(dcba, 0xb1), efgh = _mm_shuffle_epi32(hgfe, 0x1b);
  __m128i abef = _mm_alignr_epi8(cdab, efgh, 8), cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
  for (; blocks; --blocks, data += 64) {
    __m128i abefBefore = abef, cdghBefore = cdgh;
    __m128i w[4];
    for (int i = 0; i < 4; ++i)
      w[i] = _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i *>(data) + i), byteOrder);
#pragma clang loop unroll(full)
    for (int group = 0; group < 16; ++group) {
      if (group >= 4) { // w[group % 4] becomes message words 4 * group to 4 * group + 3
        __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w[group % 4], w[(group + 1) % 4]),
                                    _mm_alignr_epi8(w[(group + 3) % 4], w[(group + 2) % 4], 4));
        w[group % 4] = _mm_sha256msg2_epu32(sum, w[(group + 3) % 4]);
      }
      __m128i words =
          _mm_add_epi32(w[group % 4], _mm_load_si128(reinterpret_cast<const __m128i *>(roundConstants) + group));
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, words);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(words, 0x0e));
    }
    abef = _mm_add_epi32(abef, abefBefore);
    cdgh = _mm_add_epi32(cdgh, cdghBefore);
  }
  __m128i feba = _mm_shuffle_epi32(abef, 0x1b), dchg = _mm_shuffle_epi32(cdgh, 0xb1);
  _mm_storeu_si128(reinterpret_cast<__m128i *>(state), _mm_blend_epi16(feba, dchg, 0xf0));
  _mm_storeu_si128(reinterpret_cast<__m128i *>(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}
#endif

static void compress(uint32_t *state, const uint8_t *data, size_t blocks) {
#if defined(__x86_64__)
  static const bool hasInstructions = hasShaInstructions();
  if (hasInstructions)
    return compressWithShaInstructions(state, data, blocks);
#endif
  compressPortably(state, data, blocks);
}

void Sha256::update(llvm::ArrayRef<char> bytes) {
  size_t held = total % 64;
  total += bytes.size();
  if (held) {
    size_t taken = std::min(bytes.size(), 64 - held);
    std::memcpy(pending + held, bytes.data(), taken);
    bytes = bytes.drop_front(taken);
    if (held + taken < 64)
      return;
    compress(state, pending, 1);
  }
  compress(state, reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size() / 64);
  llvm::ArrayRef<char> rest = bytes.take_back(bytes.size() % 64);
  if (!rest.empty())
    std::memcpy(pending, rest.data(), rest.size());
}

std::string Sha256::finish() {
  uint64_t bits = total * 8;
  char padding[72] = {char(0x80)};
  size_t zeros = (119 - total % 64) % 64; // so that the length ends a block
  llvm::support::endian::write64be(padding + 1 + zeros, bits);
  update(llvm::ArrayRef<char>(padding, 1 + zeros + 8));
  uint8_t digest[32];
  for (int i = 0; i < 8; ++i)
    llvm::support::endian::write32be(digest + 4 * i, state[i]);
  return llvm::toHex(digest, /*LowerCase=*/true);
}

llvm::Expected<std::string> hashFile(llvm::StringRef path) {
  namespace fs = llvm::sys::fs;
  llvm::Expected<fs::file_t> file = fs::openNativeFileForRead(path);
  if (!file)
    return llvm::createFileError(path, file.takeError());
  Sha256 hash;
  std::vector<char> buffer(1 << 18);
  for (;;) {
    llvm::Expected<size_t> count = fs::readNativeFile(*file, buffer);
    if (!count || *count == 0) {
      fs::closeFile(*file);
      if (!count)
        return llvm::createFileError(path, count.takeError());
      return hash.finish();
    }
    hash.update(llvm::ArrayRef<char>(buffer).take_front(*count));
  }
}

} // namespace fettle::codegen
