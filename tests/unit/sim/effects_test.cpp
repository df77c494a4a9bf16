#include <gtest/gtest.h>

#include <vector>

#include "sim/effects/effect_table.h"
#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;

TEST(EffectTable, AMetricWithoutEffectsIsLeftAsItIs) {
  const EffectTable table;
  EXPECT_TRUE(table.at(kCandidateArm, WorldMetric::cost, 1e6).is_identity());
  EXPECT_TRUE(table.is_alike(kCandidateArm, WorldMetric::cost, 0.0, 1e9));
}

TEST(EffectTable, AStepBeginsWithTheRequestThatArrivesAtItsMoment) {
  std::vector<Effect> effects = {effect("cost", 1.25, 0.5)};
  effects[0].from = 60s;
  const EffectTable table(effects);
  EXPECT_TRUE(table.at(kCandidateArm, WorldMetric::cost, 59.999).is_identity());
  EXPECT_EQ(table.at(kCandidateArm, WorldMetric::cost, 60.0), (Affine{1.25, 0.5}));
  EXPECT_TRUE(table.is_alike(kCandidateArm, WorldMetric::cost, 0.0, 59.0));
  EXPECT_TRUE(table.is_alike(kCandidateArm, WorldMetric::cost, 60.0, 99.0));
  EXPECT_FALSE(table.is_alike(kCandidateArm, WorldMetric::cost, 59.0, 60.0));
  EXPECT_TRUE(table.is_alike(kCandidateArm, WorldMetric::latency, 59.0, 60.0));
}

TEST(EffectTable, ARampGrowsLinearlyFromNothing) {
  std::vector<Effect> effects = {effect("latency", 2.0, 0.4)};
  effects[0].from = 100s;
  effects[0].ramp_in = 200s;
  const EffectTable table(effects);
  EXPECT_TRUE(table.at(kCandidateArm, WorldMetric::latency, 100.0).is_identity());
  EXPECT_EQ(table.at(kCandidateArm, WorldMetric::latency, 150.0), (Affine{1.25, 0.1}));
  EXPECT_EQ(table.at(kCandidateArm, WorldMetric::latency, 300.0), (Affine{2.0, 0.4}));
  EXPECT_FALSE(table.is_alike(kCandidateArm, WorldMetric::latency, 150.0, 160.0));
}

TEST(EffectTable, EffectsOnOneMetricActInTheOrderWritten) {
  const std::vector<Effect> effects = {effect("cost", 2.0, 1.0), effect("cost", 3.0, 0.0)};
  EXPECT_EQ(EffectTable(effects).at(kCandidateArm, WorldMetric::cost, 0.0)(10.0), 63.0);
}

}  // namespace
}  // namespace gatewright::sim
