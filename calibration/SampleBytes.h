//===- SampleBytes.h - bytes of samples as they arrive --------------------===//
#ifndef FETTLE_CALIBRATION_SAMPLEBYTES_H
#define FETTLE_CALIBRATION_SAMPLEBYTES_H

#include "calibration/SpoolFile.h"
#include <vector>

namespace fettle::calibration {

/// Bytes of samples up to which they are kept in memory.
constexpr size_t largestInMemory = 8 << 20;

/// Keeps bytes in memory while they are few, in a spool file from then on: however many a file claims to hold, or holds.
class SampleBytes {
public:
  /// Where the bytes are in the end.
  struct Stored {
    llvm::ArrayRef<char> bytes;
    std::shared_ptr<const void> owner;
    std::shared_ptr<const SpoolFile> spool; ///< null in memory
  };

  /// `limit`: bytes that are kept in memory.
  explicit SampleBytes(size_t limit = largestInMemory) : limit(limit) {}
  SampleBytes(SampleBytes &&) = default;

  llvm::Error append(llvm::ArrayRef<char> bytes);
  /// Fills up with zeros, so that what is appended next can be read as elements of any type.
  llvm::Error align();
  size_t size() const { return total; }
  /// Everything appended; nothing is appended after.
  llvm::Expected<Stored> finish();

private:
  size_t limit, total = 0;
  std::shared_ptr<std::vector<char>> memory = std::make_shared<std::vector<char>>();
  std::shared_ptr<SpoolFile> spool;
};

} // namespace fettle::calibration

#endif
