// Claims about both arms' answers to one mirrored prompt, each at 4.5 standard errors on one
// replication of 288,000 requests, half of them mirrored, with a fixed seed.
#include <gtest/gtest.h>

#include <cmath>
#include <variant>
#include <vector>

#include "tests/statistical/arms/measured.h"

namespace gatewright::sim {
namespace {

using namespace testing;

constexpr double kErrors = 4.5;
constexpr Exposure kShadow{.mirrored = 5'000};

Scenario world() {
  Scenario scenario = quiet_world();
  scenario.baseline.error_probability = 0.1;
  scenario.same_prompt.agreement = 0.92;
  scenario.same_prompt.similarity = {0.7, 0.05};  // never clipped
  return scenario;
}

TEST(Pairs, AgreeAndResembleAsTheScenarioSays) {
  const auto all = measured({"agreement", "similarity", "cost"}, world(), kShadow);
  EXPECT_NEAR(mean(all[0].candidate), 0.92, kErrors * standard_error(all[0].candidate));
  EXPECT_NEAR(mean(all[1].candidate), 0.7, kErrors * standard_error(all[1].candidate));
  for (const std::size_t i : {0U, 1U}) {
    // The baseline agrees with itself, on the same requests.
    EXPECT_EQ(all[i].baseline.count, all[i].candidate.count);
    EXPECT_EQ(mean(all[i].baseline), 1.0);
    EXPECT_EQ(all[i].baseline.sum_of_squares, all[i].baseline.sum);
  }
  // Both arms answered: (1 - .1)^2 of what was mirrored, a binomial share.
  const auto mirrored = static_cast<double>(all[2].candidate.count);
  EXPECT_NEAR(static_cast<double>(all[0].candidate.count), 0.81 * mirrored,
              kErrors * std::sqrt(0.81 * 0.19 * mirrored));
}

TEST(Pairs, EffectsMoveThem) {
  Scenario scenario = world();
  scenario.effects = {effect("agreement", 1.0, -0.2), effect("similarity", 0.5)};
  const auto all = measured({"agreement", "similarity"}, scenario, kShadow);
  EXPECT_NEAR(mean(all[0].candidate), 0.72, kErrors * standard_error(all[0].candidate));
  EXPECT_NEAR(mean(all[1].candidate), 0.35, kErrors * standard_error(all[1].candidate));
}

TEST(Pairs, AreSaidToBePairedAndNeedMirroredTraffic) {
  Script script;
  script.stages = {{"all", kShadow}};
  script.probes = {probe("agreement", Statistic::Kind::mean), probe("cost", Statistic::Kind::mean)};
  RunTrace trace;
  static_cast<void>(play(scripted(script), world(), {17, 0}, &trace));
  std::size_t seen = 0;
  for (const JournalEntry& entry : trace.journal.entries())
    if (const auto* samples = std::get_if<Samples>(&entry.observation.event)) {
      EXPECT_EQ(samples->paired, samples->probe == ProbeIndex{0});
      ++seen;
    }
  EXPECT_GT(seen, 100U);
  const auto served = measured({"agreement"}, world(), kHalf);
  EXPECT_EQ(served[0].candidate.count, 0U);
}

TEST(Pairs, AnAbsoluteThresholdWorksInTheShadowStage) {
  const auto outcome = [](double agreement) {
    Scenario scenario = world();
    scenario.same_prompt.agreement = agreement;
    PlanSpec plan = five_gates();
    plan.gates = {gate("agreement", "agreement", "fixed_threshold",
                       {.relation = HarmSpec::Relation::absolute, .margin = 0.85})};
    plan.gates[0].harm.direction = Direction::down;
    plan.gates[0].silence = 24h;
    return play(contender(plan), scenario).outcome;
  };
  EXPECT_EQ(outcome(0.70), Outcome::halted);
  EXPECT_EQ(outcome(0.92), Outcome::completed);
}

}  // namespace
}  // namespace gatewright::sim
