//===- OutputFolder.h - a folder that appears when it is whole ------------===//
//
// Files are written into a temporary sibling of the destination; commit() moves
// it into place, in one step, over an older artifact if there is one. Without
// commit() nothing remains. A process killed half way leaves a folder
// "DESTINATION.partial-*", never half an artifact.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_CODEGEN_ARTIFACT_OUTPUTFOLDER_H
#define FETTLE_CODEGEN_ARTIFACT_OUTPUTFOLDER_H

#include "codegen/artifact/Manifest.h"
#include "codegen/artifact/Sha256.h"
#include <string>
#include <vector>

namespace fettle::codegen {

class OutputFolder {
public:
  /// What create() would refuse, found without changing anything: `directory` is something other than an artifact or an
  /// empty folder, or what it shall lie in is not a folder that can be written.
  static llvm::Error check(llvm::StringRef directory);
  /// Folders above `directory` that are missing are made; without commit() they go again.
  static llvm::Expected<OutputFolder> create(llvm::StringRef directory);
  OutputFolder(OutputFolder &&other) noexcept;
  OutputFolder &operator=(OutputFolder &&) = delete;
  ~OutputFolder();

  /// Where `relative` lies until commit().
  std::string path(llvm::StringRef relative) const;
  llvm::Error makeFolder(llvm::StringRef relative);
  /// Removes a file or folder, for intermediate results.
  void remove(llvm::StringRef relative);
  llvm::Error write(llvm::StringRef relative, llvm::StringRef content);
  /// Size and hash of a file written before.
  llvm::Expected<Manifest::File> describe(llvm::StringRef relative) const;
  llvm::Error commit();

private:
  OutputFolder() = default;
  std::string destination, temporary;   ///< temporary is empty after commit
  std::vector<std::string> madeParents; ///< outermost first
};

/// Writes a whole file; what a full disk refuses is an error.
llvm::Error writeFileContent(llvm::StringRef path, llvm::StringRef content);

/// A file written front to back, hashed on the way: it is never read again.
class HashedFile {
public:
  static llvm::Expected<HashedFile> create(llvm::StringRef path);
  HashedFile(HashedFile &&other) noexcept;
  HashedFile &operator=(HashedFile &&) = delete;
  ~HashedFile();

  llvm::Error append(llvm::ArrayRef<char> bytes);
  llvm::Error appendZeros(int64_t bytes);
  int64_t size() const { return written; }
  /// Flushes and closes; returns the SHA-256 in hexadecimal.
  llvm::Expected<std::string> finish();

private:
  HashedFile(std::string path, int descriptor) : filePath(std::move(path)), descriptor(descriptor) {}
  std::string filePath;
  int descriptor;
  int64_t written = 0;
  Sha256 hash;
};

} // namespace fettle::codegen

#endif
