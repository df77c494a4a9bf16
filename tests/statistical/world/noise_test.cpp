// Claims about noise that no sample size averages out, tested at 4.5 standard errors with fixed seeds.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "sim/noise/deployment_noise.h"
#include "sim/noise/window_noise.h"
#include "tests/support/moments.h"
#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;
using gatewright::testing::Moments;

constexpr double kErrors = 4.5;

TEST(WindowNoise, HasTheSpreadMeanAndMemoryAskedFor) {
  Noise noise;
  noise.window["latency"] = {0.3, 10min};
  WindowNoise process(noise, Arm{}, 2min);
  const double sigma = std::sqrt(std::log(1.0 + 0.3 * 0.3));
  const double persistence = std::exp(-0.2);
  // 4,000 rollouts of three windows; across rollouts the draws are independent.
  Moments factor, logarithm, third;
  double lagged = 0.0;
  for (std::uint64_t replication = 0; replication < 4'000; ++replication) {
    process.start({1, replication});
    process.advance();
    const double first = process.at(0, WorldMetric::latency).factor;
    factor.add(first);
    logarithm.add(std::log(first));
    process.advance();
    lagged += (std::log(first) + sigma * sigma / 2.0) *
              (std::log(process.at(0, WorldMetric::latency).factor) + sigma * sigma / 2.0);
    process.advance();
    third.add(std::log(process.at(0, WorldMetric::latency).factor));
    EXPECT_EQ(process.at(0, WorldMetric::cost).factor, 1.0);
  }
  const double root = std::sqrt(4'000.0);
  EXPECT_NEAR(factor.mean(), 1.0, kErrors * 0.3 / root);
  EXPECT_NEAR(logarithm.sd(), sigma, kErrors * sigma / (root * std::sqrt(2.0)));
  EXPECT_NEAR(third.sd(), sigma, kErrors * sigma / (root * std::sqrt(2.0))) << "stationary";
  EXPECT_NEAR(lagged / 4'000.0 / (sigma * sigma), persistence,
              kErrors * std::sqrt(1.0 + persistence * persistence) / root);
}

TEST(WindowNoise, IsAFunctionOfItsKeyAndWindow) {
  Noise noise;
  noise.window["latency"] = {0.3, 10min};
  noise.window["cost"] = {0.1, 1min};
  Noise only;
  only.window["latency"] = noise.window["latency"];
  WindowNoise both(noise, Arm{}, 1min);
  WindowNoise one(only, Arm{}, 1min);
  both.start({4, 9});
  one.start({4, 8});
  one.advance();
  one.start({4, 9});
  for (int window = 0; window < 50; ++window) {
    both.advance();
    one.advance();
    EXPECT_EQ(both.at(1, WorldMetric::latency).factor, one.at(1, WorldMetric::latency).factor);
  }
}

TEST(DeploymentNoise, DrawsOncePerMetricArmAndRollout) {
  Noise noise;
  noise.deployment = {{"latency", 0.05}, {"quality", 0.01}, {"error", 0.002}};
  const Arm arm;
  const double quality_sd = 0.01 / (0.78 * 0.22);
  const double error_sd = 0.002 / (0.015 * 0.985);
  Moments latency, quality, error;
  double product = 0.0;
  for (std::uint64_t replication = 0; replication < 4'000; ++replication) {
    const DeploymentNoise drawn(noise, arm, {1, replication});
    latency.add(std::log(drawn.at(0, WorldMetric::latency).factor));
    const double first = drawn.at(0, WorldMetric::quality).logit;
    const double second = drawn.at(1, WorldMetric::quality).logit;
    quality.add(second);
    error.add(drawn.at(0, WorldMetric::error).logit);
    product += first * second / (quality_sd * quality_sd);
    EXPECT_TRUE(map_of(drawn.at(0, WorldMetric::cost), WorldMetric::cost, 0.0).is_identity());
  }
  const double root = std::sqrt(4'000.0);
  EXPECT_NEAR(latency.sd(), 0.05, kErrors * 0.05 / (root * std::sqrt(2.0)));
  EXPECT_NEAR(quality.sd(), quality_sd, kErrors * quality_sd / (root * std::sqrt(2.0)));
  EXPECT_NEAR(error.sd(), error_sd, kErrors * error_sd / (root * std::sqrt(2.0)));
  EXPECT_NEAR(product / 4'000.0, 0.0, kErrors / root) << "the arms draw apart";
}

/// Spread over 400 replications of the logarithm of the arms' ratio of mean costs.
double spread_of_ratio(double requests_per_second, double deployment_sd) {
  Scenario scenario = quiet_world();
  scenario.traffic.arrivals = PoissonArrivals{requests_per_second};
  scenario.horizon = 20min;
  scenario.noise.deployment["cost"] = deployment_sd;
  Script script;
  script.stages = {{"half", {.served = 5'000}}};
  script.probes = {probe("cost", Statistic::Kind::mean)};
  const Contender half = scripted(script, {.by = AssignmentUnit::request});
  const auto ready = prepared(scenario);
  Moments ratio;
  for (std::uint64_t replication = 0; replication < 400; ++replication) {
    std::vector<RunTrace> traces;
    static_cast<void>(run(std::span(&half, 1), *ready, {2, replication}, &traces));
    const auto [baseline, candidate] = totals(traces.front(), 0);
    ratio.add(std::log((candidate.sum / static_cast<double>(candidate.count)) /
                       (baseline.sum / static_cast<double>(baseline.count))));
  }
  return ratio.sd();
}

TEST(DeploymentNoise, DoesNotAverageOut) {
  // Per arm 1,200 and 12,000 requests of coefficient of variation c: without deployment noise the
  // ratio's spread is c sqrt(2 / n) and shrinks with the root of n; with it, never below sd x sqrt(2).
  const double few = spread_of_ratio(2.0, 0.0);
  const double many = spread_of_ratio(20.0, 0.0);
  const double relative_error = kErrors / std::sqrt(2.0 * 400.0);  // of a standard deviation
  EXPECT_NEAR(few / many, std::sqrt(10.0), std::sqrt(10.0) * std::sqrt(2.0) * relative_error);
  const double noisy = spread_of_ratio(20.0, 0.05);
  const double expected = std::sqrt(2.0 * 0.05 * 0.05 + many * many);
  EXPECT_NEAR(noisy, expected, expected * relative_error);
}

}  // namespace
}  // namespace gatewright::sim
