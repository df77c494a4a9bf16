#include "sim/impact.h"

#include <gtest/gtest.h>

#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;

/// Three users who are all active in every minute, and requests that are all alike: 400 tokens in,
/// 150 out. The exposure is confirmed a minute after it is asked for.
Scenario constant_world() {
  Scenario scenario = quiet_world();
  scenario.horizon = 1h;
  scenario.traffic.users = {.count = 3, .zipf = 0.0};
  scenario.traffic.input_tokens = Lognormal{400.0, 0.0, 0.0};
  scenario.traffic.output_tokens = Lognormal{150.0, 0.0, 0.0};
  scenario.baseline.latency.ttft.sigma = 0.0;
  scenario.baseline.error_probability = 0.0;
  scenario.baseline.refusal_probability = 0.0;
  scenario.baseline.quality.sd = 0.0;
  scenario.rollback.delay = {DelayLaw::Kind::fixed, 60.0, 0.0};
  return scenario;
}

/// Serves everybody from minute 1; is halted at minute 10, so that the rollback holds from minute 11.
Contender ten_minutes(Exposure exposure = {.served = kWholeExposure}) {
  Script script;
  script.stages = {{"all", exposure}};
  script.halt_at = 10min;
  return scripted(script);
}

constexpr double kCost = 400.0 * 0.15e-6 + 150.0 * 0.60e-6;

TEST(Impact, UserMinutesAreCountedToTheMinute) {
  Scenario scenario = constant_world();
  scenario.effects = {effect("cost", 1.25)};
  const RunRecord record = play(ten_minutes(), scenario);
  EXPECT_EQ(record.outcome, Outcome::halted);
  EXPECT_EQ(record.ended_at, Duration(10min));
  EXPECT_EQ(record.first_exposure_at, Duration(1min));
  // Served from 1:00 to 11:00: ten minutes of three users, after the halt too.
  EXPECT_EQ(record.impact.user_impact_minutes, 30U);
  EXPECT_NEAR(record.impact.exposure_minutes, 10.0, 1e-12);
  EXPECT_EQ(record.impact.bad_user_minutes, 0U);
  EXPECT_EQ(record.impact.impacted_requests, 0U);
  EXPECT_EQ(record.impact.shadow_cost_usd, 0.0);
  EXPECT_NEAR(record.impact.excess_cost_usd,
              0.25 * kCost * static_cast<double>(record.candidate_requests), 1e-6);
  EXPECT_EQ(record.detection_delay, Duration(9min));
  EXPECT_TRUE(record.violations.empty());
}

TEST(Impact, CountsOnlyWhileAHarmfulEffectIsPresent) {
  Scenario scenario = constant_world();
  scenario.effects = {effect("cost", 1.25)};
  scenario.effects[0].from = 4min;
  const RunRecord record = play(ten_minutes(), scenario);
  EXPECT_EQ(record.impact.user_impact_minutes, 21U);  // minutes 4..10
  EXPECT_NEAR(record.impact.exposure_minutes, 7.0, 1e-12);
  EXPECT_EQ(record.detection_delay, Duration(6min));
}

TEST(Impact, AHealthyOrBetterCandidateHasNone) {
  for (const double factor : {1.0, 0.8}) {
    Scenario scenario = constant_world();
    scenario.effects = {effect("cost", factor)};
    const RunRecord record = play(ten_minutes(), scenario);
    EXPECT_EQ(record.impact.user_impact_minutes, 0U);
    EXPECT_EQ(record.impact.exposure_minutes, 0.0);
    EXPECT_FALSE(record.detection_delay.has_value());
    EXPECT_NEAR(record.impact.excess_cost_usd,
                (factor - 1.0) * kCost * static_cast<double>(record.candidate_requests), 1e-6);
  }
}

TEST(Impact, AnAnswerIsBadInEachOfTheWaysAnswersAre) {
  for (const Effect& harm :
       {effect("error", 1.0, 1.0), effect("refusal", 1.0, 1.0), effect("quality", 1.0, -0.7),
        effect("latency", 1.0, 25.0), effect("latency", 1.0, 60.0)}) {
    Scenario scenario = constant_world();
    scenario.effects = {harm};
    const RunRecord record = play(ten_minutes(), scenario);
    EXPECT_EQ(record.impact.impacted_requests, record.candidate_requests) << harm.metric;
    EXPECT_EQ(record.impact.bad_user_minutes, 30U) << harm.metric;
    EXPECT_EQ(record.impact.user_impact_minutes, 30U) << harm.metric;
  }
}

TEST(Impact, WhatTheBaselineWouldHaveSpoiltTooIsNotTheCandidatesFault) {
  Scenario scenario = constant_world();
  scenario.baseline.refusal_probability = 1.0;
  scenario.effects = {effect("error", 1.0, 1.0)};
  const RunRecord record = play(ten_minutes(), scenario);
  EXPECT_EQ(record.impact.impacted_requests, 0U);
  EXPECT_EQ(record.impact.bad_user_minutes, 0U);
  EXPECT_EQ(record.impact.user_impact_minutes, 30U);
}

TEST(Impact, OnlyServedUsersHaveAnyAndShadowsCostMoney) {
  Scenario scenario = constant_world();
  scenario.effects = {effect("cost", 2.0)};
  const RunRecord record = play(ten_minutes({.mirrored = 2'000}), scenario);
  EXPECT_EQ(record.impact.user_impact_minutes, 0U);
  EXPECT_EQ(record.impact.excess_cost_usd, 0.0);
  EXPECT_NEAR(record.impact.shadow_cost_usd,
              2.0 * kCost * static_cast<double>(record.candidate_requests), 1e-6);
  // 20% of about 12,000 requests of ten minutes; the standard deviation is 44.
  EXPECT_NEAR(static_cast<double>(record.candidate_requests), 2'400.0, 220.0);
}

TEST(Impact, StickyUsersAreAllOrNothing) {
  Scenario scenario = constant_world();
  scenario.traffic.users.count = 40;
  scenario.effects = {effect("cost", 2.0)};
  const RunRecord record = play(ten_minutes({.served = 2'500}), scenario);
  EXPECT_EQ(record.impact.user_impact_minutes % 10, 0U);
  EXPECT_GT(record.impact.user_impact_minutes, 0U);
  EXPECT_LT(record.impact.user_impact_minutes, 400U);
  EXPECT_NEAR(record.impact.exposure_minutes, 2.5, 1e-12);
}

}  // namespace
}  // namespace gatewright::sim
