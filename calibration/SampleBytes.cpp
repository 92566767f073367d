//===- SampleBytes.cpp - bytes of samples as they arrive ------------------===//

#include "calibration/SampleBytes.h"

namespace fettle::calibration {

llvm::Error SampleBytes::append(llvm::ArrayRef<char> bytes) {
  total += bytes.size();
  if (!spool && total <= limit) {
    memory->insert(memory->end(), bytes.begin(), bytes.end());
    return llvm::Error::success();
  }
  if (!spool) {
    if (llvm::Error error = SpoolFile::create().moveInto(spool))
      return error;
    if (llvm::Error error = spool->append(*memory))
      return error;
    memory = nullptr;
  }
  return spool->append(bytes);
}

llvm::Error SampleBytes::align() {
  constexpr size_t alignment = 64; // of numpy's headers, and more than any element wants
  static constexpr char zeros[alignment] = {};
  return append(llvm::ArrayRef(zeros, (alignment - total % alignment) % alignment));
}

llvm::Expected<SampleBytes::Stored> SampleBytes::finish() {
  if (!spool)
    return Stored{*memory, memory, nullptr};
  auto mapped = spool->map();
  if (!mapped)
    return mapped.takeError();
  return Stored{*mapped, spool, spool};
}

} // namespace fettle::calibration
