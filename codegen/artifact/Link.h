//===- Link.h - objects to a shared library, in this process --------------===//
#ifndef FETTLE_CODEGEN_ARTIFACT_LINK_H
#define FETTLE_CODEGEN_ARTIFACT_LINK_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace fettle::codegen {

struct LinkJob {
  std::vector<std::string> objects; ///< paths of relocatable ELF files
  std::string exported;             ///< the one symbol others may see
};

/// A shared library without dependencies that exports one symbol; `soname` is recorded in it, `scratch` is a file that may
/// be written meanwhile. An undefined symbol is an error that lists it.
llvm::Expected<std::string> linkShared(const LinkJob &job, llvm::StringRef soname, llvm::StringRef scratch);

/// One relocatable object in which every symbol but the exported one is local.
llvm::Expected<std::string> linkRelocatable(const LinkJob &job);

} // namespace fettle::codegen

#endif
