//===- SpoolFile.cpp - samples on disk instead of in memory ---------------===//

#include "calibration/SpoolFile.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <cerrno>
#include <sys/mman.h>
#include <unistd.h>

namespace fettle::calibration {

llvm::Expected<std::shared_ptr<SpoolFile>> SpoolFile::create() {
  llvm::SmallString<128> folder;
  llvm::sys::path::system_temp_directory(/*erasedOnReboot=*/true, folder);
  int file;
  llvm::SmallString<128> path;
  if (std::error_code error = llvm::sys::fs::createUniqueFile(folder + "/fettle-samples-%%%%%%", file, path))
    return llvm::createStringError("no temporary file for samples in " + folder + ": " + error.message());
  llvm::sys::fs::remove(path); // open, it lives on without a name
  return std::shared_ptr<SpoolFile>(new SpoolFile(file, folder.str().str()));
}

SpoolFile::~SpoolFile() {
  if (mapped)
    munmap(mapped, size);
  close(file);
}

llvm::Error SpoolFile::failure(llvm::StringRef what) const {
  return llvm::createStringError("cannot " + what + " a temporary file for samples in " + folder + ": " + llvm::sys::StrError());
}

llvm::Error SpoolFile::append(llvm::ArrayRef<char> bytes) {
  while (!bytes.empty()) {
    ssize_t written = write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return failure("write");
    bytes = bytes.drop_front(written);
    size += written;
  }
  return llvm::Error::success();
}

llvm::Expected<llvm::ArrayRef<char>> SpoolFile::map() {
  if (!mapped && size > 0) {
    void *address = mmap(nullptr, size, PROT_READ, MAP_SHARED, file, 0);
    if (address == MAP_FAILED)
      return failure("map");
    mapped = static_cast<char *>(address);
  }
  return llvm::ArrayRef<char>(mapped, size);
}

void SpoolFile::forget(llvm::ArrayRef<char> part) const {
  const size_t page = sysconf(_SC_PAGESIZE);
  size_t begin = (part.data() - mapped) / page * page, end = part.data() - mapped + part.size();
  madvise(mapped + begin, end - begin, MADV_DONTNEED); // a shared mapping loses nothing but its pages
}

} // namespace fettle::calibration
