// Claims about noise that no sample size averages out, tested at 4.5 standard errors with fixed seeds.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "sim/noise/deployment_noise.h"
#include "sim/noise/window_noise.h"
#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;

constexpr double kErrors = 4.5;

struct Moments {
  void add(double x) {
    ++n;
    sum += x;
    squares += x * x;
  }
  double mean() const { return sum / n; }
  double sd() const { return std::sqrt(squares / n - mean() * mean()); }
  double n = 0, sum = 0, squares = 0;
};

TEST(WindowNoise, HasTheSpreadMeanAndMemoryAskedFor) {
  Noise noise;
  noise.window["latency"] = {0.3, 10min};
  WindowNoise process(noise, 2min);
  const double sigma = std::sqrt(std::log(1.0 + 0.3 * 0.3));
  const double persistence = std::exp(-0.2);
  // 4,000 rollouts of three windows; across rollouts the draws are independent.
  Moments factor, logarithm, third;
  double lagged = 0.0;
  for (std::uint64_t replication = 0; replication < 4'000; ++replication) {
    process.start({1, replication});
    process.advance();
    const double first = process.factor(WorldMetric::latency);
    factor.add(first);
    logarithm.add(std::log(first));
    process.advance();
    lagged += (std::log(first) + sigma * sigma / 2.0) *
              (std::log(process.factor(WorldMetric::latency)) + sigma * sigma / 2.0);
    process.advance();
    third.add(std::log(process.factor(WorldMetric::latency)));
    EXPECT_EQ(process.factor(WorldMetric::cost), 1.0);
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
  WindowNoise both(noise, 1min);
  WindowNoise one(only, 1min);
  both.start({4, 9});
  one.start({4, 8});
  one.advance();
  one.start({4, 9});
  for (int window = 0; window < 50; ++window) {
    both.advance();
    one.advance();
    EXPECT_EQ(both.factor(WorldMetric::latency), one.factor(WorldMetric::latency));
  }
}

TEST(DeploymentNoise, DrawsOncePerMetricArmAndRollout) {
  Noise noise;
  noise.deployment = {{"latency", 0.05}, {"quality", 0.01}, {"error", 0.002}};
  Moments latency, quality, error;
  double product = 0.0;
  for (std::uint64_t replication = 0; replication < 4'000; ++replication) {
    const DeploymentNoise drawn(noise, {1, replication});
    const auto at = [&](std::size_t arm, WorldMetric metric) { return drawn.at(arm, metric); };
    latency.add(std::log(at(0, WorldMetric::latency).multiply));
    quality.add(at(1, WorldMetric::quality).shift);
    error.add(at(0, WorldMetric::error).shift);
    product += at(0, WorldMetric::quality).shift * at(1, WorldMetric::quality).shift / 1e-4;
    EXPECT_TRUE(at(0, WorldMetric::cost).is_identity());
  }
  const double root = std::sqrt(4'000.0);
  EXPECT_NEAR(latency.sd(), 0.05, kErrors * 0.05 / (root * std::sqrt(2.0)));
  EXPECT_NEAR(quality.sd(), 0.01, kErrors * 0.01 / (root * std::sqrt(2.0)));
  EXPECT_NEAR(error.sd(), 0.002, kErrors * 0.002 / (root * std::sqrt(2.0)));
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
