//===- ProgressTest.cpp - what is said of long work ------------------------===//

#include "tools/fettle/Progress.h"
#include <atomic>
#include <gtest/gtest.h>

namespace fettle::cli {
namespace {

/// What is said of 40 of 100 samples after four seconds.
std::string lineOf(unsigned steps) {
  std::string out, err;
  llvm::raw_string_ostream outStream(out), errStream(err);
  std::atomic<int> looks = 0;
  // The step begins at 0; whoever looks again sees 4.
  Environment environment{outStream, errStream, false, 1, [&] { return looks++ ? 4.0 : 0.0; }};
  Progress progress(environment, steps);
  progress.begin("evaluate");
  progress.advance(40, 100, "samples");
  while (looks < 2)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  progress.finish();
  EXPECT_EQ(out, "");
  return err;
}

TEST(Progress, AStepAloneHasNoNumber) { EXPECT_EQ(lineOf(1), "evaluate 40/100 samples, 6 s left\n"); }

TEST(Progress, StepsAreCounted) { EXPECT_EQ(lineOf(7), "[1/7] evaluate 40/100 samples, 6 s left\n"); }

TEST(Progress, ShortWorkIsNotSpokenOf) {
  std::string out, err;
  llvm::raw_string_ostream outStream(out), errStream(err);
  Environment environment{outStream, errStream, false, 1, [] { return 0.0; }};
  Progress progress(environment, 1);
  progress.begin("evaluate");
  progress.finish();
  EXPECT_EQ(err, "");
}

} // namespace
} // namespace fettle::cli
