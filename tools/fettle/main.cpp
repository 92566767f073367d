//===- main.cpp - the fettle program --------------------------------------===//

#include "tools/fettle/CommandLine.h"
#include "tools/fettle/CrashNotice.h"
#include "tools/fettle/ExitCode.h"
#include "tools/fettle/OutputFile.h"
#include "llvm/Support/raw_ostream.h"
#include <unistd.h>

int main(int argc, char **argv) {
  fettle::cli::reportCrashes(argc, argv);
  fettle::cli::removeTemporariesOnInterrupt();
  fettle::cli::Environment environment = fettle::cli::makeProcessEnvironment();
  int code = fettle::cli::runCommandLine(environment, std::vector<std::string>(argv + 1, argv + argc));
  environment.out.flush();
  environment.err.flush();
  if (llvm::outs().has_error()) { // standard output is the product
    llvm::errs() << "fettle: error: standard output: " << llvm::outs().error().message() << '\n';
    code = int(fettle::cli::ExitCode::File);
  }
  // The process ends here: taking down contexts and thread pools one by one takes time and serves nobody.
  _exit(code);
}
