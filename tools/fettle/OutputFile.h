//===- OutputFile.h - files that appear when they are whole ---------------===//
#ifndef FETTLE_TOOLS_OUTPUTFILE_H
#define FETTLE_TOOLS_OUTPUTFILE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <functional>
#include <string>

namespace fettle::cli {

/// Writes `content` to a temporary neighbour of `path` and renames it. Exit code 4.
llvm::Error writeWholeFile(llvm::StringRef path, llvm::StringRef content);

/// The same for a file that `write` makes under the name it is given.
llvm::Error writeWholeFile(llvm::StringRef path, llvm::function_ref<llvm::Error(llvm::StringRef)> write);

/// A path that is removed, with all that is in it, when this goes out of scope or
/// the process is interrupted.
class TemporaryPath {
public:
  explicit TemporaryPath(std::string path);
  ~TemporaryPath();
  TemporaryPath(const TemporaryPath &) = delete;
  TemporaryPath &operator=(const TemporaryPath &) = delete;

  const std::string &path() const { return where; }

  /// A fresh folder in the system's place for temporary files.
  static llvm::Expected<std::unique_ptr<TemporaryPath>> makeFolder();

private:
  std::string where;
};

/// From now on SIGINT, SIGTERM and SIGHUP remove all temporary paths and end the
/// process with exit code 128 + signal. Call once, before any other thread exists.
void removeTemporariesOnInterrupt();

} // namespace fettle::cli

#endif
