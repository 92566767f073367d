//===- Spelling.cpp - what a mistyped word may have meant -----------------===//

#include "tools/fettle/Spelling.h"
#include "llvm/ADT/StringExtras.h"

namespace fettle::cli {

std::string suggestSpelling(llvm::StringRef word, llvm::ArrayRef<std::string> known) {
  // Two edits, or one in a short word, are a slip; more is another word.
  unsigned allowed = word.size() < 5 ? 1 : 2, best = allowed + 1;
  llvm::StringRef nearest;
  for (const std::string &candidate : known) {
    unsigned distance = word.edit_distance(candidate, /*AllowReplacements=*/true, best);
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  if (!nearest.empty())
    return "did you mean '" + nearest.str() + "'?";
  return "there are: " + llvm::join(known, ", ");
}

} // namespace fettle::cli
