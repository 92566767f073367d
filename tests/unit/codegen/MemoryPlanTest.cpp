//===- MemoryPlanTest.cpp - blocks that live together do not overlap ------===//

#include "codegen/cpu/MemoryPlan.h"
#include <gtest/gtest.h>
#include <random>

using namespace fettle::codegen;

TEST(MemoryPlan, SharesMemoryOfBlocksThatNeverMeet) {
  LiveRange ranges[] = {{256, 0, 1}, {128, 1, 2}, {256, 2, 3}};
  int64_t offsets[3];
  EXPECT_EQ(planArena(ranges, offsets), 384);
  EXPECT_EQ(offsets[0], offsets[2]);
}

TEST(MemoryPlan, AlignsBlocks) {
  LiveRange ranges[] = {{1, 0, 0}, {65, 0, 0}, {64, 0, 0}};
  int64_t offsets[3];
  EXPECT_EQ(planArena(ranges, offsets), 64 + 128 + 64);
  for (int64_t offset : offsets)
    EXPECT_EQ(offset % 64, 0);
}

TEST(MemoryPlan, EmptyBlocksAndNoBlocks) {
  EXPECT_EQ(planArena({}, {}), 0);
  LiveRange ranges[] = {{0, 0, 5}};
  int64_t offsets[1];
  EXPECT_EQ(planArena(ranges, offsets), 0);
}

TEST(MemoryPlan, RandomPlansAreSound) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<LiveRange> ranges;
    for (int i = 0; i < 40; ++i) {
      int64_t first = random() % 60;
      ranges.push_back({int64_t(random() % 5000), first, first + int64_t(random() % 8)});
    }
    std::vector<int64_t> offsets(ranges.size());
    int64_t total = planArena(ranges, offsets), largest = 0;
    for (size_t i = 0; i < ranges.size(); ++i) {
      EXPECT_LE(offsets[i] + ranges[i].bytes, total);
      for (size_t j = 0; j < i; ++j) {
        bool meet = ranges[i].first <= ranges[j].last && ranges[j].first <= ranges[i].last;
        bool overlap = offsets[i] < offsets[j] + ranges[j].bytes && offsets[j] < offsets[i] + ranges[i].bytes;
        EXPECT_FALSE(meet && overlap && ranges[i].bytes && ranges[j].bytes) << "blocks " << i << " and " << j;
      }
    }
    // No plan is smaller than the largest sum of blocks alive at one step.
    for (int64_t step = 0; step < 70; ++step) {
      int64_t sum = 0;
      for (const LiveRange &range : ranges)
        if (range.first <= step && step <= range.last)
          sum += (range.bytes + 63) / 64 * 64;
      largest = std::max(largest, sum);
    }
    EXPECT_EQ(largestLiveSet(ranges), largest);
    EXPECT_GE(total, largest);
  }
}
