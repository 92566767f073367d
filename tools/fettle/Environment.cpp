//===- Environment.cpp - the world a command runs in ----------------------===//

#include "tools/fettle/Environment.h"
#include "llvm/Support/Threading.h"
#include <chrono>
#include <unistd.h>

namespace fettle::cli {

Environment makeProcessEnvironment() {
  auto seconds = [] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  };
  return {llvm::outs(), llvm::errs(), isatty(STDERR_FILENO) == 1, llvm::hardware_concurrency().compute_thread_count(),
          seconds};
}

} // namespace fettle::cli
