//===- Spelling.h - what a mistyped word may have meant -------------------===//
#ifndef FETTLE_TOOLS_SPELLING_H
#define FETTLE_TOOLS_SPELLING_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <string>

namespace fettle::cli {

/// "did you mean 'compile'?" if a word of `known` is near to `word`, else
/// "there are: a, b, c".
std::string suggestSpelling(llvm::StringRef word, llvm::ArrayRef<std::string> known);

} // namespace fettle::cli

#endif
