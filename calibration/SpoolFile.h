//===- SpoolFile.h - samples on disk instead of in memory -----------------===//
//
// Samples are read front to back, more than once, one at a time. Unpacked into a
// file without a name and mapped from there, only those in use take memory.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_CALIBRATION_SPOOLFILE_H
#define FETTLE_CALIBRATION_SPOOLFILE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <memory>

namespace fettle::calibration {

class SpoolFile {
public:
  /// An empty file in the folder for temporary ones; it vanishes with this object, or with the process.
  static llvm::Expected<std::shared_ptr<SpoolFile>> create();
  ~SpoolFile();
  SpoolFile(const SpoolFile &) = delete;
  SpoolFile &operator=(const SpoolFile &) = delete;

  llvm::Error append(llvm::ArrayRef<char> bytes);
  /// Everything appended; nothing is appended after.
  llvm::Expected<llvm::ArrayRef<char>> map();
  /// Gives the memory of `part` of the mapping back until it is read again. Pages that it shares with its
  /// neighbours go, too.
  void forget(llvm::ArrayRef<char> part) const;

private:
  SpoolFile(int file, std::string folder) : file(file), folder(std::move(folder)) {}
  llvm::Error failure(llvm::StringRef what) const;

  int file;
  std::string folder; ///< for messages
  size_t size = 0;
  char *mapped = nullptr;
};

} // namespace fettle::calibration

#endif
