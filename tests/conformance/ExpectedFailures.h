//===- ExpectedFailures.h - the written list of what does not pass --------===//
#ifndef FETTLE_TESTS_CONFORMANCE_EXPECTEDFAILURES_H
#define FETTLE_TESTS_CONFORMANCE_EXPECTEDFAILURES_H

#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include <string>

namespace fettle::conformance {

struct ExpectedFailure {
  std::string reason;
  bool outOfScope = false; ///< not plain tensors: strings, sequences, random...
};

/// Reads the list: "folder: reason", or "folder (engine): reason" where only that
/// engine fails; a reason that starts with "out of scope" marks a case that is not
/// about plain tensors. Lines of other engines are left out. Errors: no file, a
/// line of another form, a folder listed twice.
llvm::Expected<llvm::StringMap<ExpectedFailure>> readExpectedFailures(llvm::StringRef path, llvm::StringRef engine);

} // namespace fettle::conformance

#endif
