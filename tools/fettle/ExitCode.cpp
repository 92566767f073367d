//===- ExitCode.cpp - how a command ends ----------------------------------===//

#include "tools/fettle/ExitCode.h"

namespace fettle::cli {

char Failure::ID = 0;

llvm::Error makeFailure(ExitCode code, const llvm::Twine &message, const llvm::Twine &hint) {
  return llvm::make_error<Failure>(code, message.str(), hint.str());
}

llvm::Error withExitCode(llvm::Error error, ExitCode code) {
  if (!error || error.isA<Failure>())
    return error;
  return makeFailure(code, llvm::toString(std::move(error)));
}

} // namespace fettle::cli
