//===- Progress.h - what is going on, when it takes long ------------------===//
#ifndef FETTLE_TOOLS_PROGRESS_H
#define FETTLE_TOOLS_PROGRESS_H

#include "tools/fettle/Environment.h"
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

namespace fettle::cli {

/// Says "[3/7] codegen 12/48 kernels, 5 s left" on the error stream: nothing in the first
/// two seconds, then one line that rewrites itself on a terminal, and elsewhere a
/// plain line per step and every ten seconds. A step alone has no number.
class Progress {
public:
  Progress(Environment &environment, unsigned steps);
  ~Progress();

  /// The next step begins.
  void begin(llvm::StringRef step);
  /// `done` of `total` `unit`s of this step are done. From any thread.
  void advance(int64_t done, int64_t total, llvm::StringRef unit);
  /// Takes the line away; nothing more is said.
  void finish();

private:
  void watch();
  void show();

  Environment &environment;
  const unsigned steps;
  std::mutex mutex;
  std::condition_variable changed;
  unsigned step = 0;
  std::string name, unit;
  int64_t unitsDone = 0, unitsTotal = 0; ///< of this step
  double stepStartSeconds = 0, lastLineSeconds = 0;
  unsigned lastShownStep = 0;
  size_t shownWidth = 0;
  bool over = false;
  std::thread watcher;
};

} // namespace fettle::cli

#endif
