//===- OutputFile.cpp - files that appear when they are whole -------------===//
//
// Signals are taken by a thread of their own (sigwait), not by a handler: it may
// lock, walk folders and remove files, which a handler may not.
//
//===----------------------------------------------------------------------===//

#include "tools/fettle/OutputFile.h"
#include "tools/fettle/ExitCode.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"
#include <csignal>
#include <mutex>
#include <set>
#include <thread>
#include <unistd.h>

namespace fettle::cli {

namespace {
struct TemporaryPaths {
  std::mutex mutex;
  std::set<std::string> paths;
};
} // namespace

static TemporaryPaths &temporaryPaths() {
  static TemporaryPaths *all = new TemporaryPaths; // the signal thread may outlive main
  return *all;
}

static void removePath(const std::string &path) {
  if (llvm::sys::fs::is_directory(path))
    llvm::sys::fs::remove_directories(path);
  else
    llvm::sys::fs::remove(path);
}

TemporaryPath::TemporaryPath(std::string path) : where(std::move(path)) {
  std::lock_guard<std::mutex> lock(temporaryPaths().mutex);
  temporaryPaths().paths.insert(where);
}

TemporaryPath::~TemporaryPath() {
  removePath(where);
  std::lock_guard<std::mutex> lock(temporaryPaths().mutex);
  temporaryPaths().paths.erase(where);
}

llvm::Expected<std::unique_ptr<TemporaryPath>> TemporaryPath::makeFolder() {
  llvm::SmallString<128> path;
  if (std::error_code error = llvm::sys::fs::createUniqueDirectory("fettle", path))
    return makeFailure(ExitCode::File, "no temporary folder could be made: " + error.message());
  return std::make_unique<TemporaryPath>(path.str().str());
}

void removeTemporariesOnInterrupt() {
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGINT, SIGTERM, SIGHUP})
    sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr); // inherited by every thread made later
  std::thread([signals] {
    int signal = 0;
    if (sigwait(&signals, &signal) != 0)
      return;
    // Files appear under other threads' hands, so a folder may need a second round.
    std::lock_guard<std::mutex> lock(temporaryPaths().mutex);
    for (const std::string &path : temporaryPaths().paths)
      for (int round = 0; round < 3 && llvm::sys::fs::exists(path); ++round)
        removePath(path);
    _exit(128 + signal);
  }).detach();
}

llvm::Error writeWholeFile(llvm::StringRef path, llvm::function_ref<llvm::Error(llvm::StringRef)> write) {
  TemporaryPath partial((path + ".partial" + llvm::Twine(llvm::sys::Process::getProcessId())).str());
  if (llvm::Error error = write(partial.path()))
    return withExitCode(std::move(error), ExitCode::File);
  if (std::error_code error = llvm::sys::fs::rename(partial.path(), path))
    return makeFailure(ExitCode::File, path + ": " + error.message());
  return llvm::Error::success();
}

llvm::Error writeWholeFile(llvm::StringRef path, llvm::StringRef content) {
  return writeWholeFile(path, [&](llvm::StringRef partial) -> llvm::Error {
    std::error_code error;
    llvm::raw_fd_ostream os(partial, error);
    if (!error) {
      os << content;
      os.close();
      error = os.error();
      os.clear_error();
    }
    if (error)
      return makeFailure(ExitCode::File, path + ": " + error.message());
    return llvm::Error::success();
  });
}

} // namespace fettle::cli
