// Edges beyond and within a noise floor, and what a gate there promises.
#include "policies/gates/noise_floor.h"

#include <cmath>

#include <gtest/gtest.h>
#include <boost/math/distributions/beta.hpp>

#include "tests/independent/random_worlds.h"
#include "tests/unit/gates/gate_player.h"

namespace gatewright {
namespace {

using namespace testing;
using gates::moved;
using gates::reach;
using Kind = NoiseFloor::Kind;

const HarmSpec kThreePoints = harm(Relation::difference, 0.03);

std::unique_ptr<GateTest> made(const std::string& test, const std::string& metric,
                               const HarmSpec& edge) {
  Diagnostics diagnostics;
  return find_gate_test(test)->make(gate(metric, edge, test), diagnostics);
}

TEST(NoiseFloor, ABoundReachesAsFarAsItSays) {
  EXPECT_EQ(reach({.size = 0.02}, kThreePoints, 0.001), 0.02);
  EXPECT_NEAR(
      moved(harm(Relation::ratio, 1.2), reach({.size = 0.05}, harm(Relation::ratio, 1.2), 0.5))
          .margin,
      1.26, 1e-15);
}

// 1.959964 and 1.644854 are the normal quantiles of 97.5% and 95% (any table).
TEST(NoiseFloor, AStandardDeviationReachesAsFarAsTwoDeploymentsDiffer) {
  const NoiseFloor floor{.kind = Kind::sd, .size = 0.01};
  EXPECT_NEAR(reach(floor, kThreePoints, 0.025), 0.01 * 1.959964 * std::sqrt(2.0), 1e-8);
  EXPECT_NEAR(reach(floor, harm(Relation::absolute, 0.5), 0.05), 0.01 * 1.644854, 1e-8);
}

TEST(NoiseFloor, EdgesMoveInTheDirectionOfHarm) {
  EXPECT_NEAR(moved(kThreePoints, 0.02).margin, 0.05, 1e-15);
  EXPECT_NEAR(moved(harm(Relation::difference, -0.03, Direction::down), 0.02).margin, -0.05, 1e-15);
  EXPECT_NEAR(moved(harm(Relation::ratio, 0.8, Direction::down), std::log(1.25)).margin, 0.64,
              1e-15);
  EXPECT_NEAR(moved(harm(Relation::ratio, 1.2), -std::log(1.2)).margin, 1.0, 1e-15);
}

TEST(NoiseFloor, NoChangeIsToleratedOnTheHarmlessSideOnly) {
  EXPECT_TRUE(gates::tolerates_no_change(kThreePoints));
  EXPECT_FALSE(gates::tolerates_no_change(moved(kThreePoints, -0.03)));
  EXPECT_FALSE(gates::tolerates_no_change(harm(Relation::difference, 0.01, Direction::down)));
  EXPECT_TRUE(gates::tolerates_no_change(harm(Relation::ratio, 0.9, Direction::down)));
}

TEST(NoiseFloor, HarmIsWeighedBeyondTheFloorAndSafetyWithinIt) {
  const HarmSpec margin = harm(Relation::difference, 0.05);
  const auto far = moved(margin, 0.02), near = moved(margin, -0.02);
  const gates::WithinNoise within(
      {made("normal_mixture", "quality", far), made("normal_mixture", "quality", near)});
  const auto harm_alone = made("normal_mixture", "quality", far);
  const auto safety_alone = made("normal_mixture", "quality", near);
  EXPECT_EQ(within.name(), "normal_mixture");
  EXPECT_EQ(within.guarantee(), Guarantee::anytime);
  std::vector<double> slots(within.slots()), a(harm_alone->slots()), b(safety_alone->slots());
  for (const double mean : {0.8, 0.85, 0.9}) {
    Observation window;
    window.event = samples(numbers(0.8, 0.2, 4000), numbers(mean, 0.2, 1000));
    within.update(slots, window);
    harm_alone->update(a, window);
    safety_alone->update(b, window);
    const Evidence evidence = within.evidence(slots, {});
    EXPECT_EQ(evidence.harm, harm_alone->evidence(a, {}).harm);
    EXPECT_EQ(evidence.safety, safety_alone->evidence(b, {}).safety);
    EXPECT_TRUE(evidence.enough);
  }
}

/// Rollouts of a harmless candidate at the margin, in which each arm's deployment moves its mean
/// once by `sd`: how many are halted.
std::uint64_t halted(const GateTest& test, const Budget& budget, double sd, int rollouts) {
  std::uint64_t halted = 0;
  for (int r = 0; r < rollouts; ++r) {
    Random random(71, static_cast<std::uint64_t>(r));
    const double baseline = 0.8 - sd * random.normal();
    const double candidate = 0.8 - 0.05 + sd * random.normal();
    std::vector<double> slots(test.slots());
    for (int window = 0; window < 20; ++window) {
      Observation observation;
      observation.event = samples(random.normal_summary(baseline, 0.2, 4000),
                                  random.normal_summary(candidate, 0.2, 1000));
      test.update(slots, observation);
      if (test.evidence(slots, budget).harm < 1.0) continue;
      ++halted;
      break;
    }
  }
  return halted;
}

// Claim: at most 5% of harmless rollouts are halted (99% one-sided, exact binomial), 4,000 runs,
// the candidate exactly at the margin; without a floor it is more than 20%. Fixed seed.
TEST(NoiseFloor, DeploymentsThatDifferSpendNoMoreThanTheBudget) {
  constexpr int kRuns = 4000;
  constexpr double kSd = 0.01;
  const HarmSpec margin = harm(Relation::difference, -0.05, Direction::down);
  const NoiseFloor floor{.kind = Kind::sd, .size = kSd};
  const Budget left = gates::left_by(floor, {.false_alarm = 0.05, .missed_harm = 0.05});
  EXPECT_EQ(left.false_alarm, 0.025);
  const double distance = reach(floor, margin, left.false_alarm);
  const gates::WithinNoise within({made("normal_mixture", "quality", moved(margin, distance)),
                                   made("normal_mixture", "quality", moved(margin, -distance))});
  const auto naive = made("normal_mixture", "quality", margin);
  const auto upper = [](std::uint64_t errors) {
    const double k = static_cast<double>(errors);
    return quantile(boost::math::beta_distribution<>(k + 1.0, kRuns - k), 0.99);
  };
  const std::uint64_t errors = halted(within, left, kSd, kRuns);
  EXPECT_LE(upper(errors), 0.05) << errors;
  EXPECT_GT(errors, 0U);  // the floor is not wider than it needs to be
  EXPECT_GT(halted(*naive, {.false_alarm = 0.05, .missed_harm = 0.05}, kSd, kRuns), 0.2 * kRuns);
}

}  // namespace
}  // namespace gatewright
