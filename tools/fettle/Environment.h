//===- Environment.h - the world a command runs in ------------------------===//
#ifndef FETTLE_TOOLS_ENVIRONMENT_H
#define FETTLE_TOOLS_ENVIRONMENT_H

#include "llvm/Support/raw_ostream.h"
#include <functional>

namespace fettle::cli {

/// Streams and clock, handed to every command, so that tests need no process.
struct Environment {
  llvm::raw_ostream &out;               ///< the product
  llvm::raw_ostream &err;               ///< talk
  bool errIsTerminal = false;           ///< progress rewrites one line
  unsigned cores = 1;                   ///< default of -j
  std::function<double()> clockSeconds; ///< monotonic
};

/// Standard streams, the steady clock, the cores this process may use.
Environment makeProcessEnvironment();

} // namespace fettle::cli

#endif
