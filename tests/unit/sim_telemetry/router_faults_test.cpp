// Actuations that are refused, land short, are confirmed twice or not at all; and cold old models.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "sim/delay.h"
#include "sim/router/router.h"
#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;

Rollback plain() {
  Rollback rollback;
  rollback.actuation = Actuation::custom;
  rollback.delay = {DelayLaw::Kind::fixed, 2.0, 0.0};
  rollback.retry_after = 30s;
  return rollback;
}

Instant at(Duration since_start) { return Instant{} + since_start; }

TEST(RouterFaults, ARefusedAttemptIsTriedAgain) {
  Rollback rollback = plain();
  rollback.refused = 0.999'999;
  Router router(rollback);
  router.start({1, 0});
  const auto pending = router.request({.served = 1'000}, at(0s));
  const Actuated first = router.apply(pending->number, at(2s));
  EXPECT_FALSE(first.confirms);
  EXPECT_EQ(first.again, at(32s));
  EXPECT_EQ(router.applied(), Exposure{});
  EXPECT_EQ(router.apply(pending->number, at(32s)).again, at(62s));
  EXPECT_EQ(router.retried(), 60s);
  // A newer target does not wait for the one it replaces.
  const auto newer = router.request({}, at(40s));
  EXPECT_EQ(router.apply(pending->number, at(62s)).again, std::nullopt);
  EXPECT_EQ(router.retried(), 0s);
  EXPECT_NE(newer->number, pending->number);
}

TEST(RouterFaults, APartialActuationLandsShortAndThenArrives) {
  Rollback rollback = plain();
  rollback.partial = 1.0;
  Router router(rollback);
  router.start({1, 0});
  const auto up = router.request({.served = 1'000}, at(0s));
  const Actuated landed = router.apply(up->number, at(2s));
  EXPECT_TRUE(landed.confirms) << "the router says what it serves";
  EXPECT_EQ(router.applied().served, 800);
  ASSERT_EQ(landed.again, at(32s));
  EXPECT_TRUE(router.apply(up->number, at(32s)).confirms);
  EXPECT_EQ(router.applied().served, 1'000);

  const auto down = router.request({}, at(40s));
  EXPECT_TRUE(router.apply(down->number, at(42s)).confirms);
  EXPECT_EQ(router.applied().served, 200) << "a rollback that leaves a fifth behind";
  EXPECT_TRUE(router.apply(down->number, at(72s)).confirms);
  EXPECT_EQ(router.applied(), Exposure{});
}

TEST(RouterFaults, ALostAcknowledgementIsAskedForAgain) {
  Rollback rollback = plain();
  rollback.lost_acknowledgement = 1.0;
  Router router(rollback);
  router.start({1, 0});
  const auto up = router.request({.served = 1'000}, at(0s));
  const Actuated first = router.apply(up->number, at(2s));
  EXPECT_FALSE(first.confirms);
  EXPECT_EQ(router.applied().served, 1'000) << "it was applied all the same";
  ASSERT_EQ(first.again, at(32s));
  EXPECT_TRUE(router.apply(up->number, at(32s)).confirms);
  EXPECT_EQ(router.timeline().size(), 2U) << "but not a second time";
}

TEST(RouterFaults, AppliedTwiceIsConfirmedTwice) {
  Rollback rollback = plain();
  rollback.applied_twice = 1.0;
  Router router(rollback);
  router.start({1, 0});
  const auto up = router.request({.served = 1'000}, at(0s));
  const Actuated first = router.apply(up->number, at(2s));
  EXPECT_TRUE(first.confirms);
  ASSERT_EQ(first.again, at(32s));
  const Actuated second = router.apply(up->number, at(32s));
  EXPECT_TRUE(second.confirms);
  EXPECT_EQ(second.again, std::nullopt);
}

TEST(RouterFaults, ShareOfRefusalsIsAsWritten) {
  // 3,000 actuations, each with a first attempt: the standard error of the share is 0.8 points.
  Rollback rollback = plain();
  rollback.refused = 0.3;
  Router router(rollback);
  router.start({1, 0});
  int refused = 0;
  for (std::uint16_t i = 1; i <= 3'000; ++i) {
    const auto pending = router.request({.served = i}, at(0s));
    refused += router.apply(pending->number, at(2s)).confirms ? 0 : 1;
  }
  EXPECT_NEAR(refused / 3'000.0, 0.3, 0.034);
}

/// A policy that halts after an hour at 50%.
Contender halting() {
  PlanSpec plan;
  plan.name = "halting";
  plan.stages = {stage("50%", 0.5, 30min), stage("100%", 1.0, 3h)};
  plan.stages[0].approval = true;
  return contender(plan);
}

Scenario halted_world() {
  Scenario scenario = quiet_world();
  scenario.operators = {{.at = 1h, .command = OperatorCommand::Kind::halt}};
  scenario.rollback = plain();
  return scenario;
}

TEST(RouterFaults, InvariantsHoldWhateverTheRouterDoes) {
  // S5 holds a rollback to its actuation bound, which a refusal or a landing short must extend: of 40
  // rollouts some take longer than the bare bound.
  Scenario scenario = halted_world();
  scenario.rollback.refused = 0.5;
  scenario.rollback.partial = 0.3;
  scenario.rollback.applied_twice = 0.3;
  scenario.rollback.lost_acknowledgement = 0.3;
  scenario.effects = {effect("error", 2.0)};
  const Duration bare = longest_delay(delay_law(scenario.rollback));
  int slow = 0;
  for (std::uint64_t replication = 0; replication < 40; ++replication) {
    const RunRecord record = play(halting(), scenario, {7, replication});
    EXPECT_EQ(record.outcome, Outcome::halted);
    for (const Violation& violation : record.violations)
      ADD_FAILURE() << violation.invariant << " " << violation.message;
    // Exposure minutes: half of the time from the first exposure to the end of the rollback.
    const double exposed = 60.0 * 0.5;
    slow +=
        record.impact.exposure_minutes >
                exposed + 0.5 * std::chrono::duration<double, std::ratio<60>>(bare).count() + 0.2
            ? 1
            : 0;
    const RunRecord ramp = play(contender(five_gates()), scenario, {7, replication});
    EXPECT_TRUE(ramp.violations.empty());
  }
  EXPECT_GT(slow, 5);
}

TEST(RouterFaults, ALostAcknowledgementOfARollbackDoesNotKeepItsClockRunning) {
  Scenario scenario = halted_world();
  scenario.effects = {effect("error", 2.0)};
  const RunRecord told = play(halting(), scenario);
  scenario.rollback.lost_acknowledgement = 1.0;
  const RunRecord untold = play(halting(), scenario);
  EXPECT_EQ(told.impact.impacted_requests, untold.impact.impacted_requests);
  EXPECT_EQ(told.requests, untold.requests);
}

TEST(ColdOldModel, ItsSlowAnswersAreImpactOfTheRollback) {
  // A healthy candidate, so that only the cold model can do harm. It takes a hundred times as long: all
  // its answers pass the objective of 20 s but those of below 0.2 s, of which there are next to none.
  Scenario scenario = halted_world();
  scenario.baseline.quality = {0.9, 0.0};
  scenario.baseline.refusal_probability = 0.0;
  scenario.baseline.error_probability = 0.0;
  const RunRecord warm = play(halting(), scenario);
  EXPECT_EQ(warm.impact.impacted_requests, 0U);
  scenario.rollback.cold = 10min;
  scenario.rollback.cold_factor = 100.0;
  const RunRecord cold = play(halting(), scenario);
  // Ten minutes at 20 a second, of which users with half of the buckets were the candidate's.
  const double expected = 600.0 * 20.0 * 0.5;
  EXPECT_NEAR(static_cast<double>(cold.impact.impacted_requests), expected, 0.2 * expected);
  EXPECT_GT(cold.impact.bad_user_minutes, 0U);
  EXPECT_EQ(cold.impact.user_impact_minutes, 0U) << "those are the candidate's alone";
  EXPECT_EQ(cold.ended_at, warm.ended_at);
  EXPECT_NEAR(static_cast<double>(cold.requests - warm.requests), 600.0 * 20.0,
              4.0 * std::sqrt(600.0 * 20.0));
}

TEST(ColdOldModel, AWarmOneCostsNothing) {
  Scenario scenario = halted_world();
  scenario.rollback.cold = 10min;
  scenario.rollback.cold_factor = 1.0;
  EXPECT_EQ(play(halting(), scenario).impact.impacted_requests, 0U);
}

}  // namespace
}  // namespace gatewright::sim
