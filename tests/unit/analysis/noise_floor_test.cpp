// The floor that A/A rollouts show: its formula, its interval, and a scenario whose floor is known.
#include "analysis/noise_floor.h"

#include <cmath>

#include <gtest/gtest.h>

#include "tests/independent/random_worlds.h"

namespace gatewright::analysis {
namespace {

Summary arm(double mean, double sd, std::uint64_t count) {
  const double n = static_cast<double>(count);
  return {.count = count, .sum = n * mean, .sum_of_squares = (n - 1.0) * sd * sd + n * mean * mean};
}

// By hand: D = .02, -.04, .03, .01; mean square .00075; v = 2 x .04 / 1000 = 8e-5; halved .000335.
// The interval from scipy.stats.chi2.ppf([.975, .025], 4) = 11.14329, 0.48442.
TEST(NoiseFloorEstimate, IsWhatTheSamplesDoNotExplain) {
  std::vector<AaRollout> rollouts;
  for (const double difference : {0.02, -0.04, 0.03, 0.01})
    rollouts.push_back({arm(0.5, 0.2, 1000), arm(0.5 + difference, 0.2, 1000)});
  const FloorEstimate floor = estimate_floor(rollouts, FloorScale::difference, 0.95);
  EXPECT_NEAR(floor.sd, std::sqrt(0.000335), 1e-12);
  EXPECT_NEAR(floor.observed, std::sqrt(0.00075), 1e-12);
  EXPECT_NEAR(floor.sampling, std::sqrt(8e-5), 1e-12);
  EXPECT_NEAR(floor.lower, std::sqrt(0.5 * (0.003 / 11.143287 - 8e-5)), 1e-7);
  EXPECT_NEAR(floor.upper, std::sqrt(0.5 * (0.003 / 0.4844186 - 8e-5)), 1e-7);
}

TEST(NoiseFloorEstimate, OfRatiosIsOfLogarithms) {
  const std::vector<AaRollout> rollouts{
      {arm(2.0, 1.0, 100'000'000), arm(2.0 * std::exp(0.1), 1.0, 100'000'000)},
      {arm(5.0, 1.0, 100'000'000), arm(5.0 * std::exp(-0.1), 1.0, 100'000'000)}};
  EXPECT_NEAR(estimate_floor(rollouts, FloorScale::ratio, 0.9).sd, 0.1 / std::sqrt(2.0), 1e-6);
}

TEST(NoiseFloorEstimate, SamplesAloneAreNoFloor) {
  std::vector<AaRollout> rollouts;
  for (const double difference : {0.001, -0.001})
    rollouts.push_back({arm(0.5, 0.2, 1000), arm(0.5 + difference, 0.2, 1000)});
  EXPECT_EQ(estimate_floor(rollouts, FloorScale::difference, 0.95).sd, 0.0);
  EXPECT_EQ(estimate_floor(rollouts, FloorScale::difference, 0.95).lower, 0.0);
}

// Claim: the 95% interval covers a floor of 1 point in 95% of studies of 20 rollouts: 4,000
// studies, fixed seed, 95% +- 1.03 points is the 99.7% range of their share.
TEST(NoiseFloorEstimate, ItsIntervalCoversAsOftenAsItSays) {
  constexpr int kStudies = 4000;
  int covered = 0;
  for (int study = 0; study < kStudies; ++study) {
    testing::Random random(5, static_cast<std::uint64_t>(study));
    std::vector<AaRollout> rollouts;
    for (int r = 0; r < 20; ++r)
      rollouts.push_back({random.normal_summary(0.5 + 0.01 * random.normal(), 0.2, 2000),
                          random.normal_summary(0.5 + 0.01 * random.normal(), 0.2, 2000)});
    const FloorEstimate floor = estimate_floor(rollouts, FloorScale::difference, 0.95);
    covered += floor.lower <= 0.01 && 0.01 <= floor.upper ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(covered) / kStudies, 0.95, 0.0103);
}

// Claim: a scenario's own floor of 2 points lies within the 99.9% interval of 60 rollouts played;
// fixed seed.
TEST(NoiseFloorEstimate, OfAScenarioFindsWhatTheScenarioSays) {
  sim::Scenario scenario;
  scenario.name = "noisy";
  scenario.traffic.arrivals = sim::PoissonArrivals{.rate_per_second = 10.0};
  scenario.baseline.quality = {0.5, 0.1};
  scenario.noise.deployment["quality"] = 0.02;
  Diagnostics diagnostics;
  const auto rollouts =
      play_aa({.metric = "quality", .rollouts = 60, .lasts = std::chrono::minutes(10)}, scenario,
              diagnostics);
  ASSERT_TRUE(diagnostics.empty()) << diagnostics[0].path << diagnostics[0].message;
  const FloorEstimate floor = estimate_floor(rollouts, FloorScale::difference, 0.999);
  EXPECT_LT(floor.lower, 0.02);
  EXPECT_GT(floor.upper, 0.02);
  EXPECT_GT(floor.lower, 0.0);
  EXPECT_LT(floor.sampling, 0.01);
}

}  // namespace
}  // namespace gatewright::analysis
