//===- CommandLine.h - from arguments to an exit code ---------------------===//
#ifndef FETTLE_TOOLS_COMMANDLINE_H
#define FETTLE_TOOLS_COMMANDLINE_H

#include "tools/fettle/Environment.h"
#include "llvm/ADT/ArrayRef.h"
#include <string>

namespace fettle::cli {

/// Runs `fettle arguments...` (the program's own name is not among them) and
/// returns its exit code.
int runCommandLine(Environment &environment, llvm::ArrayRef<std::string> arguments);

} // namespace fettle::cli

#endif
