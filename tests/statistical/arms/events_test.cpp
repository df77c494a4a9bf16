// Claims about kinds of errors, refusals as a detector sees them, collapses and hangs, each at 4.5
// standard errors on one replication of 288,000 requests with a fixed seed.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "sim/world.h"
#include "tests/statistical/arms/measured.h"

namespace gatewright::sim {
namespace {

using namespace testing;

constexpr double kErrors = 4.5;

Scenario world() {
  Scenario scenario = quiet_world();
  scenario.horizon = 4h;
  scenario.baseline.latency.timeout_seconds = 12.0;  // reached now and then
  return scenario;
}

TEST(ErrorKinds, AddUpToErrors) {
  Scenario scenario = world();
  scenario.baseline.error_probability = 0.05;
  scenario.baseline.rate_limited_share = 0.6;
  const auto all = measured({"error", "timeout", "error_429", "error_5xx"}, scenario, kHalf);
  for (const bool candidate : {false, true}) {
    const auto of = [&](std::size_t i) { return candidate ? all[i].candidate : all[i].baseline; };
    EXPECT_GT(of(1).sum, 0.0);
    EXPECT_EQ(of(0).sum, of(1).sum + of(2).sum + of(3).sum);
    // Of errors that are no timeouts: a failed answer is rarely late as well.
    EXPECT_NEAR(mean(of(2)), 0.6 * 0.05, kErrors * standard_error(of(2)));
    EXPECT_NEAR(mean(of(3)), 0.4 * 0.05, kErrors * standard_error(of(3)));
  }
}

TEST(Detector, TelemetrySeesWhatItFlags) {
  Scenario scenario = world();
  scenario.baseline.refusal_probability = 0.10;
  scenario.baseline.refusal_detector = {.sensitivity = 0.71, .specificity = 0.88};
  scenario.candidate_refusal_detector = Arm::Detector{.sensitivity = 0.96, .specificity = 0.91};
  const Totals refusal = measured({"refusal"}, scenario, kHalf)[0];
  // Seen = sensitivity x refused + (1 - specificity) x not refused.
  EXPECT_NEAR(mean(refusal.baseline), 0.71 * 0.10 + 0.12 * 0.90,
              kErrors * standard_error(refusal.baseline));
  EXPECT_NEAR(mean(refusal.candidate), 0.96 * 0.10 + 0.09 * 0.90,
              kErrors * standard_error(refusal.candidate));
  // The twin's candidate is read by the baseline's detector.
  const Totals twin = measured({"refusal"}, healthy_twin(scenario), kHalf)[0];
  EXPECT_EQ(twin.baseline, refusal.baseline);
  EXPECT_NEAR(mean(twin.candidate), 0.71 * 0.10 + 0.12 * 0.90,
              kErrors * standard_error(twin.candidate));
}

TEST(Detector, ImpactCountsTheTruth) {
  Scenario blind = world();
  blind.effects = {effect("refusal", 1.0, 0.2)};
  Scenario sharp = blind;
  blind.baseline.refusal_detector = {.sensitivity = 0.0, .specificity = 0.5};
  const Contender all = scripted(Script{});
  const RunRecord seen = play(all, sharp);
  const RunRecord unseen = play(all, blind);
  EXPECT_GT(seen.impact.impacted_requests, 0U);
  EXPECT_EQ(seen.impact.impacted_requests, unseen.impact.impacted_requests);
}

TEST(Collapse, ShortensAnswersAndCapsTheirQuality) {
  Scenario scenario = world();
  scenario.baseline.latency.timeout_seconds = 1e6;
  scenario.effects = {effect("length_collapse", 1.0, 0.08)};
  const std::vector<std::string> metrics = {"length_collapse", "output_tokens", "quality",
                                            "latency"};
  const auto all = measured(metrics, scenario, kHalf);
  const auto twin = measured(metrics, healthy_twin(scenario), kHalf);
  EXPECT_EQ(all[0].baseline.sum, 0.0);
  EXPECT_NEAR(mean(all[0].candidate), 0.08, kErrors * standard_error(all[0].candidate));
  for (std::size_t i = 0; i < metrics.size(); ++i) EXPECT_EQ(all[i].baseline, twin[i].baseline);
  // A share p of answers has 5 tokens: (1 - p) of the twin's mean length, and p x 5.
  EXPECT_NEAR(
      mean(all[1].candidate), 0.92 * mean(twin[1].candidate) + 0.08 * 5.0,
      kErrors * std::hypot(standard_error(all[1].candidate), standard_error(twin[1].candidate)));
  EXPECT_NEAR(
      mean(all[2].candidate), 0.92 * mean(twin[2].candidate) + 0.08 * 0.1,
      kErrors * std::hypot(standard_error(all[2].candidate), standard_error(twin[2].candidate)));
  EXPECT_LT(mean(all[3].candidate), mean(twin[3].candidate)) << "latency gets better";
}

TEST(Hang, MakesAnswersTakeTheirFactor) {
  Scenario scenario = world();
  scenario.baseline.latency.timeout_seconds = 1e6;
  scenario.baseline.error_probability = 0.0;
  scenario.baseline.hang = {.probability = 0.02, .factor = 30.0};
  scenario.effects = {effect("hang", 3.0)};
  const Totals latency = measured({"latency"}, scenario, kHalf)[0];
  scenario.baseline.hang.probability = 0.0;
  scenario.effects.clear();
  const Totals none = measured({"latency"}, scenario, kHalf)[0];
  const double plain = mean(none.baseline);
  EXPECT_NEAR(mean(latency.baseline), plain * (1.0 + 0.02 * 29.0),
              kErrors * standard_error(latency.baseline));
  EXPECT_NEAR(mean(latency.candidate), plain * (1.0 + 0.06 * 29.0),
              kErrors * standard_error(latency.candidate));
}

TEST(Hang, IsHarmfulWithoutAName) {
  EXPECT_TRUE(is_harmful(effect("hang", 2.0)));
  EXPECT_FALSE(is_harmful(effect("hang", 0.5)));
}

TEST(Events, OpenNoStreamWhileNothingHappens) {
  const auto ready = prepared(world());
  const auto world_of = std::make_unique<World>(*ready);
  Scenario with = world();
  with.effects = {effect("hang", 1.0, 0.01), effect("length_collapse", 1.0, 0.01)};
  with.baseline.rate_limited_share = 0.5;
  with.baseline.refusal_detector.sensitivity = 0.9;
  const auto ready_with = prepared(with);
  const auto world_with = std::make_unique<World>(*ready_with);
  const Wants wants = want(kBaselineArm, kRefusals | kErrorKinds) | want(kCandidateArm, kRefusals);
  EXPECT_EQ(world_of->draws_behind(wants) >> kFirstDraws, 0U);
  EXPECT_EQ(world_with->draws_behind(wants) & (bit(Draw::baseline_hang) - 1),
            world_of->draws_behind(wants) | bit(Draw::baseline_error_kind) |
                bit(Draw::baseline_flag) | bit(Draw::baseline_collapse));
}

}  // namespace
}  // namespace gatewright::sim
