//===- CrashNotice.cpp - what is said when fettle itself fails ------------===//

#include "tools/fettle/CrashNotice.h"
#include "tools/fettle/ExitCode.h"
#include "llvm/Support/ErrorHandling.h"
#include <csignal>
#include <cstring>
#include <string>
#include <unistd.h>

namespace fettle::cli {

/// Put together beforehand: a signal handler may only write.
static char notice[4096];

static void say(const char *text) {
  if (write(STDERR_FILENO, text, std::strlen(text)) < 0)
    return;
}

[[noreturn]] static void endWithNotice(const char *cause) {
  say("fettle: internal error: ");
  say(cause);
  say(notice);
  _exit(int(ExitCode::InternalBug));
}

static void onSignal(int signal) {
  endWithNotice(signal == SIGABRT   ? "aborted"
                : signal == SIGSEGV ? "invalid memory access or stack overflow"
                                    : "fatal signal");
}

void reportCrashes(int argc, char **argv) {
  std::string text = "\nThis is a bug in fettle " FETTLE_VERSION
                     ". Please report it with the model (or its shape) and this command line:\n ";
  for (int i = 0; i < argc; ++i)
    text += std::string(" ") + argv[i];
  text += "\n'--dump-ir DIR' shows how far it came.\n";
  std::strncpy(notice, text.c_str(), sizeof notice - 1);

  llvm::install_fatal_error_handler([](void *, const char *reason, bool) { endWithNotice(reason); });
  llvm::install_bad_alloc_error_handler([](void *, const char *, bool) { endWithNotice("out of memory"); });
  std::set_terminate([] {
    try {
      if (std::exception_ptr current = std::current_exception())
        std::rethrow_exception(current);
    } catch (const std::exception &exception) {
      endWithNotice(exception.what());
    } catch (...) {
    }
    endWithNotice("terminated");
  });
  // A stack of its own, or a stack overflow could not be reported.
  static char stack[64 << 10];
  stack_t alternative{};
  alternative.ss_sp = stack;
  alternative.ss_size = sizeof stack;
  sigaltstack(&alternative, nullptr);
  struct sigaction action {};
  action.sa_handler = onSignal;
  action.sa_flags = SA_ONSTACK;
  for (int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT})
    sigaction(signal, &action, nullptr);
}

} // namespace fettle::cli
