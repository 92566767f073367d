//===- Progress.cpp - what is going on, when it takes long ----------------===//

#include "tools/fettle/Progress.h"
#include "llvm/Support/FormatVariadic.h"
#include <chrono>

namespace fettle::cli {

using namespace std::chrono_literals;

static constexpr std::chrono::milliseconds quietTime = 2s, terminalInterval = 200ms, plainInterval = 1s;
static constexpr double secondsBetweenLines = 10;

Progress::Progress(Environment &environment, unsigned steps) : environment(environment), steps(steps) {
  watcher = std::thread([this] { watch(); });
}

Progress::~Progress() { finish(); }

void Progress::begin(llvm::StringRef newName) {
  std::lock_guard<std::mutex> lock(mutex);
  ++step;
  name = newName.str();
  unitsDone = unitsTotal = 0;
  stepStartSeconds = environment.clockSeconds();
}

void Progress::advance(int64_t done, int64_t total, llvm::StringRef newUnit) {
  std::lock_guard<std::mutex> lock(mutex);
  unitsDone = done;
  unitsTotal = total;
  unit = newUnit.str();
}

void Progress::finish() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    if (over)
      return;
    over = true;
  }
  changed.notify_all();
  watcher.join();
  if (environment.errIsTerminal && shownWidth)
    environment.err << '\r' << std::string(shownWidth, ' ') << '\r';
}

void Progress::watch() {
  std::unique_lock<std::mutex> lock(mutex);
  auto isOver = [this] { return over; };
  if (changed.wait_for(lock, quietTime, isOver))
    return;
  do {
    show();
  } while (!changed.wait_for(lock, environment.errIsTerminal ? terminalInterval : plainInterval, isOver));
}

void Progress::show() {
  if (step == 0)
    return;
  double now = environment.clockSeconds();
  std::string line = steps > 1 ? llvm::formatv("[{0}/{1}] {2}", step, steps, name).str() : name;
  if (unitsTotal) {
    line += llvm::formatv(" {0}/{1} {2}", unitsDone, unitsTotal, unit).str();
    // Extrapolated; not before a tenth is done, as the first units also warm up.
    if (unitsDone * 10 >= unitsTotal && unitsDone < unitsTotal)
      line += llvm::formatv(", {0:f0} s left", (now - stepStartSeconds) * (unitsTotal - unitsDone) / unitsDone).str();
  }
  if (environment.errIsTerminal) {
    environment.err << '\r' << line << std::string(shownWidth > line.size() ? shownWidth - line.size() : 0, ' ');
    shownWidth = line.size();
    return;
  }
  if (lastShownStep == step && now - lastLineSeconds < secondsBetweenLines)
    return;
  environment.err << line << '\n';
  lastShownStep = step;
  lastLineSeconds = now;
}

} // namespace fettle::cli
