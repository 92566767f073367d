//===- TestCase.h - one folder of the ONNX operator cases -----------------===//
#ifndef FETTLE_TESTS_CONFORMANCE_TESTCASE_H
#define FETTLE_TESTS_CONFORMANCE_TESTCASE_H

#include "tests/conformance/Engine.h"
#include <string>

namespace fettle::conformance {

struct Outcome {
  enum Kind : char {
    Passed = 'P',
    Diagnosed = 'D', ///< refused with a reason a user can act on
    Mismatch = 'M',  ///< ran, but the outputs are not the expected ones
    Unreadable = 'U', ///< the case's own files could not be read
    Crashed = 'C',
    TimedOut = 'T',
  };
  Kind kind = Crashed;
  std::string detail;
};

/// Imports `folder`/model.onnx and runs it on test_data_set_0.
///
/// Inputs are bound to their shapes. Where the importer then says that an input
/// must be known at compile time, it is bound to its value and the import
/// repeated: what a user does with --const.
Outcome runCase(llvm::StringRef folder, Engine engine);

} // namespace fettle::conformance

#endif
