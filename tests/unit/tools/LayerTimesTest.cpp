//===- LayerTimesTest.cpp - layers in floats and in integers, by the clock -===//

#include "tools/fettle/LayerTimes.h"
#include <gtest/gtest.h>

namespace fettle::cli {

static codegen::Manifest::Step step(std::string name, int64_t macs) {
  codegen::Manifest::Step step;
  step.name = std::move(name);
  step.macs = macs;
  return step;
}

static LayerFacts layer(std::string name, int64_t macs) {
  LayerFacts facts;
  facts.name = std::move(name);
  facts.macs = macs;
  return facts;
}

TEST(LayerTimes, LayersAreFoundByTheirFirstNode) {
  // A product, its quantization before it, an attention that reads it, and a node whose name begins alike.
  std::vector<codegen::Manifest::Step> steps = {step("query", 0), step("in+query+query_add+key", 640), step("query+scores", 96),
                                                step("query2", 640), step("out", 10), step("out+more", 10)};
  EXPECT_EQ(findStep(steps, layer("query+query_add", 640)), 1u);
  EXPECT_EQ(findStep(steps, layer("query~2", 96)), 2u);
  EXPECT_EQ(findStep(steps, layer("query2", 640)), 3u);
  EXPECT_EQ(findStep(steps, layer("query", 641)), std::nullopt);
  EXPECT_EQ(findStep(steps, layer("none", 640)), std::nullopt);
  EXPECT_EQ(findStep(steps, layer("out", 10)), std::nullopt) << "two steps might be it";
}

TEST(LayerTimes, ALittleSlowerIsNotSlower) {
  EXPECT_EQ(slowerInIntegers({{"fast", {10, 3, false}}, {"same", {10, 10.2, false}}, {"tiny", {0.1, 0.13, false}}, {"slow", {10, 11, false}}}),
            (std::vector<std::string>{"slow"}));
}

} // namespace fettle::cli
