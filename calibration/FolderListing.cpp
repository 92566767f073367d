//===- FolderListing.cpp - what a folder of samples holds -----------------===//

#include "calibration/FolderListing.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

namespace fettle::calibration {

llvm::Expected<FolderListing> listFolder(llvm::StringRef path) {
  FolderListing listing;
  std::error_code error;
  for (llvm::sys::fs::directory_iterator entry(path, error), end; entry != end && !error; entry.increment(error)) {
    if (llvm::sys::path::filename(entry->path()).starts_with("."))
      continue;
    llvm::sys::fs::file_status status;
    if (llvm::sys::fs::status(entry->path(), status) || llvm::sys::fs::is_regular_file(status))
      listing.files.push_back(entry->path());
    else if (llvm::sys::fs::is_directory(status))
      listing.folders.push_back(entry->path());
  }
  if (error)
    return llvm::createStringError(path + ": " + error.message());
  llvm::sort(listing.files);
  llvm::sort(listing.folders);
  return listing;
}

} // namespace fettle::calibration
