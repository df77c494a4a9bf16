// What lint calls visible is seen: the smallest changes it prints, played through the engine.
#include <cmath>

#include <gtest/gtest.h>

#include "analysis/power.h"
#include "analysis/review.h"
#include "tests/statistical/rehearsals/rehearsal.h"

namespace gatewright::rehearsal {
namespace {

struct Seen {
  double smallest = 0.0;
  analysis::Estimate halted;
};

/// The smallest change that the plan's one gate shows in `looks` windows of `per_look` requests of
/// each arm, and how many rollouts with it are halted.
Seen play_smallest(const PlanSpec& plan, sim::Scenario world, const analysis::MetricLaw& law,
                   std::vector<analysis::ArmCounts> windows, std::uint64_t runs) {
  const std::vector<WeighedGate> weighed = weighed_gates(plan);
  if (weighed.size() != 1) {
    ADD_FAILURE() << "the plan does not compile";
    return {};
  }
  const analysis::PowerCurve power({.test = weighed[0].test.get(),
                                    .budget = weighed[0].budget,
                                    .harm = plan.gates[0].harm.direction,
                                    .law = law,
                                    .windows = windows});
  const std::optional<double> smallest = power.smallest(0.8);
  if (!smallest) {
    ADD_FAILURE() << "no change is visible";
    return {};
  }
  sim::Effect effect;
  effect.metric = plan.gates[0].metric;
  if (plan.gates[0].harm.relation == HarmSpec::Relation::ratio)
    effect.multiply = *smallest / law.mean;
  else
    effect.shift = *smallest - law.mean;
  world.effects = {effect};
  const Alarms alarms = count_alarms(plan, world, runs);
  const Seen seen{*smallest, analysis::share(alarms.halted, alarms.runs, 0.99)};
  std::printf("  smallest %.4f: %.4f [%.4f, %.4f] of %llu halted\n", seen.smallest,
              seen.halted.value, seen.halted.lower, seen.halted.upper,
              static_cast<unsigned long long>(alarms.runs));
  return seen;
}

/// `looks` windows of one minute in which both arms answer every request.
std::vector<analysis::ArmCounts> windows_of(int looks, double per_minute) {
  return {static_cast<std::size_t>(looks), {per_minute, per_minute}};
}

GateSpec gate_on(std::string metric, const HarmSpec& harm, TestSpec test) {
  GateSpec gate;
  gate.metric = std::move(metric);
  gate.harm = harm;
  gate.test = std::move(test);
  return gate;
}

constexpr int kLooks = 40;
constexpr int kPerMinute = 50;

sim::Scenario world_with_errors(int per_minute, int minutes) {
  sim::Scenario world = twin_world(per_minute, minutes);
  world.baseline.error_probability = 0.03;
  return world;
}
const analysis::MetricLaw kErrors{
    .change = analysis::MetricLaw::Change::rate, .mean = 0.03, .sd = std::sqrt(0.03 * 0.97)};

/// Five standard deviations within 0 and 1: never clipped.
sim::Scenario world_of_quality() {
  sim::Scenario world = twin_world(kPerMinute, kLooks + 3);
  world.baseline.quality = {0.5, 0.1};
  return world;
}
const analysis::MetricLaw kQuality{
    .change = analysis::MetricLaw::Change::shift, .mean = 0.5, .sd = 0.1};

/// Lognormal with sigma 0.2 and median 350 ms.
const analysis::MetricLaw kTtft{.mean = 0.35 * std::exp(0.02),
                                .sd = 0.35 * std::exp(0.02) * std::sqrt(std::expm1(0.04))};

const HarmSpec kTwice{.margin = 2.0};
const HarmSpec kTenPercent{.margin = 1.1};
const HarmSpec kTwoPoints{
    .relation = HarmSpec::Relation::difference, .direction = Direction::down, .margin = -0.02};

// The claim of each: 80% of rollouts with the smallest visible change are halted. The 99% Clopper-
// Pearson interval must meet [76%, 84%]: four points are left for the looks between those of the
// curve (it has 32, the world 40) and for the normal law of the score of few events. 2,000 runs
// each.
constexpr std::uint64_t kRuns = 2000;
void expect_visible(const Seen& seen) {
  EXPECT_GE(seen.halted.upper, 0.76);
  EXPECT_LE(seen.halted.lower, 0.84);
}

void expect_rate_visible(const std::string& test) {
  expect_visible(play_smallest(shadow_plan(kLooks, gate_on("error", kTwice, {test})),
                               world_with_errors(kPerMinute, kLooks + 3), kErrors,
                               windows_of(kLooks, kPerMinute), kRuns));
}
void expect_quality_visible(GateSpec gate) {
  expect_visible(play_smallest(shadow_plan(kLooks, std::move(gate)), world_of_quality(), kQuality,
                               windows_of(kLooks, kPerMinute), kRuns));
}

TEST(VisibleEffects, OfRareEventsWeighedAtEveryLook) {
  expect_rate_visible("beta_binomial_mixture");
}

TEST(VisibleEffects, OfARatesTestThatBets) { expect_rate_visible("two_sample_rate"); }

TEST(VisibleEffects, OfMeansWeighedAtEveryLook) {
  expect_quality_visible(gate_on("quality", kTwoPoints, {"normal_mixture"}));
}

TEST(VisibleEffects, OfRatiosOfMeansWeighedAtEveryLook) {
  expect_visible(play_smallest(
      shadow_plan(kLooks, gate_on("ttft", kTenPercent, {"normal_mixture"})),
      twin_world(kPerMinute, kLooks + 3), kTtft, windows_of(kLooks, kPerMinute), kRuns));
}

TEST(VisibleEffects, BeyondANoiseFloor) {
  GateSpec gate = gate_on("quality", kTwoPoints, {"normal_mixture"});
  gate.noise_floor = {.kind = NoiseFloor::Kind::sd, .size = 0.005};
  expect_quality_visible(std::move(gate));
}

TEST(VisibleEffects, OfPlannedLooks) {
  expect_quality_visible(
      gate_on("quality", kTwoPoints, {"group_sequential", {{"looks", 4.0}, {"samples", 2000.0}}}));
}

TEST(VisibleEffects, OfAZTestAtEveryLook) {
  expect_quality_visible(gate_on("quality", kTwoPoints, {"z_test"}));
}

// One look at a threshold fails with the power that is computed exactly: 4,000 runs, 99%.
TEST(VisibleEffects, OfOneLookAtAThreshold) {
  const Seen seen = play_smallest(shadow_plan(1, gate_on("error", kTwice, {"fixed_threshold"})),
                                  world_with_errors(400, 4), kErrors, windows_of(1, 400), 4000);
  EXPECT_GE(seen.halted.upper, 0.8);
  EXPECT_LE(seen.halted.lower, 0.8);
}

// What lint prints, with the law measured by its pilot: within 5%, which is two of the pilot's own
// standard deviations of a rate of 3% (40,000 requests: 2.8%).
TEST(VisibleEffects, AreThoseThatLintPrints) {
  const PlanSpec plan = shadow_plan(kLooks, gate_on("error", kTwice, {"beta_binomial_mixture"}));
  const sim::Scenario world = world_with_errors(kPerMinute, kLooks + 3);
  const analysis::Review review = analysis::review(plan, &world);
  ASSERT_EQ(review.gates.size(), 1U);
  ASSERT_TRUE(review.gates[0].stages.at(0) && review.gates[0].stages[0]->smallest);
  const auto weighed = weighed_gates(plan);
  const auto windows = windows_of(kLooks, kPerMinute);
  const analysis::PowerCurve power({.test = weighed.at(0).test.get(),
                                    .budget = weighed[0].budget,
                                    .law = kErrors,
                                    .windows = windows});
  EXPECT_NEAR(*review.gates[0].stages[0]->smallest * kErrors.mean / power.smallest(0.8).value(),
              1.0, 0.05);
  EXPECT_NEAR(review.gates[0].stages[0]->requests.candidate, kLooks * kPerMinute, 2 * kPerMinute);
}

}  // namespace
}  // namespace gatewright::rehearsal
