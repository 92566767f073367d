//===- FolderListing.h - what a folder of samples holds -------------------===//
#ifndef FETTLE_CALIBRATION_FOLDERLISTING_H
#define FETTLE_CALIBRATION_FOLDERLISTING_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace fettle::calibration {

/// Paths in the order of their names.
struct FolderListing {
  std::vector<std::string> files, folders;
};

/// Lists files and folders of `path`, links followed, but for hidden ones and what is neither (links to nowhere count as files,
/// so that reading one says what is wrong). The error names the folder.
llvm::Expected<FolderListing> listFolder(llvm::StringRef path);

} // namespace fettle::calibration

#endif
