//===- ProfileFuzzer.cpp - any bytes as a profile --------------------------===//
//
// Whatever the bytes are, reading them ends with an error or with a profile that is
// written and read again as the same text.
//   ProfileFuzzer -max_len=65536 -rss_limit_mb=2048 CORPUS
//
//===----------------------------------------------------------------------===//

#include "ir/profile/Profile.h"
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  llvm::Expected<fettle::Profile> profile = fettle::Profile::fromJson(llvm::StringRef(reinterpret_cast<const char *>(data), size));
  if (!profile) {
    llvm::consumeError(profile.takeError());
    return 0;
  }
  std::string text = profile->toJson();
  llvm::Expected<fettle::Profile> again = fettle::Profile::fromJson(text);
  if (!again || again->toJson() != text)
    std::abort();
  return 0;
}
