//===- ExitCode.h - how a command ends ------------------------------------===//
#ifndef FETTLE_TOOLS_EXITCODE_H
#define FETTLE_TOOLS_EXITCODE_H

#include "llvm/Support/Error.h"
#include <string>

namespace fettle::cli {

/// The exit codes that scripts may rely on (docs/cli.md).
enum class ExitCode {
  Done = 0,
  Rejected = 1,   ///< the model cannot be compiled; every problem was printed
  Usage = 2,      ///< the command line, or data that do not fit the model
  GateFailed = 3, ///< the result is there, and outside what was asked for
  File = 4,       ///< a file could not be read or written
  InternalBug = 70,
  Interrupted = 130
};

/// An error that knows its exit code. `hint` says what to do and may be empty;
/// with an empty message everything has been printed already.
class Failure : public llvm::ErrorInfo<Failure> {
public:
  static char ID;
  Failure(ExitCode code, std::string message, std::string hint)
      : code(code), message(std::move(message)), hint(std::move(hint)) {}

  void log(llvm::raw_ostream &os) const override { os << message; }
  std::error_code convertToErrorCode() const override { return llvm::inconvertibleErrorCode(); }

  const ExitCode code;
  const std::string message, hint;
};

llvm::Error makeFailure(ExitCode code, const llvm::Twine &message, const llvm::Twine &hint = "");
/// The same error with an exit code; one that has a code already keeps it.
llvm::Error withExitCode(llvm::Error error, ExitCode code);

} // namespace fettle::cli

#endif
