//===- PhasesTest.cpp - the table of phases -------------------------------===//

#include "passes/Pipelines.h"
#include <gtest/gtest.h>

namespace fettle::test {

TEST(Phases, AreFoundByName) {
  for (const PhaseInfo &info : phases()) {
    EXPECT_EQ(findPhase(info.name), info.phase);
    EXPECT_FALSE(info.meaning.empty());
  }
  EXPECT_FALSE(findPhase("nothing").has_value());
}

} // namespace fettle::test
