//===- Sha256.h - SHA-256 as fast as the machine has it -------------------===//
//
// Artifacts hash all their weights: LLVM's portable SHA256 does about 0.25 GB/s,
// which would be seconds of every large compile; x86's SHA instructions do 1.5
// to 2 GB/s. (FIPS 180-4.)
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_CODEGEN_ARTIFACT_SHA256_H
#define FETTLE_CODEGEN_ARTIFACT_SHA256_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>

namespace fettle::codegen {

class Sha256 {
public:
  void update(llvm::ArrayRef<char> bytes);
  /// The digest of all bytes so far, as 64 lower-case hexadecimal digits. Once.
  std::string finish();

private:
  uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  uint8_t pending[64]; ///< the beginning of a block
  uint64_t total = 0;  ///< bytes so far
};

/// Digest of a file, read in pieces.
llvm::Expected<std::string> hashFile(llvm::StringRef path);

} // namespace fettle::codegen

#endif
