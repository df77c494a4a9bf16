// Claims about each kind of noise against closed forms, tested at 4.5 standard errors with fixed seeds.
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <vector>

#include "sim/noise/deployment_noise.h"
#include "sim/noise/prompt_noise.h"
#include "sim/noise/window_noise.h"
#include "sim/world.h"
#include "tests/support/moments.h"
#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;
using gatewright::testing::Moments;

constexpr double kErrors = 4.5;

/// Standard error of a variance of `n` draws that are nearly normal, as a share of it.
double error_of_variance(double n) { return std::sqrt(2.0 / n); }

/// One window of 1,000 requests on average, again and again.
class Windows {
 public:
  explicit Windows(const Scenario& scenario)
      : ready_(prepared(scenario)), world_(std::make_unique<World>(*ready_)) {}
  const Columns& play(std::uint64_t replication, Wants wants) {
    world_->start({11, replication});
    world_->advance();
    return world_->fill(0, wants);
  }

 private:
  std::shared_ptr<const PreparedScenario> ready_;
  std::unique_ptr<World> world_;
};

Scenario thousand_prompts() {
  Scenario scenario = quiet_world();
  scenario.traffic.arrivals = PoissonArrivals{15.0};  // 900 a window: one chunk holds it
  return scenario;
}

bool failed(const Columns& columns, std::size_t arm, std::size_t i) {
  return (columns.arm[arm].events[i] & kError) != 0;
}

TEST(PromptFlips, ARunsRateHasThePublishedVariance) {
  // Var(rate of a run over n prompts, around the prompts' own mean) = 11/54 f / n = 0.2037 f / n at a
  // rate of one half: statistics.md section k, from p uniform on (0, 1) at prompts that are seen to
  // flip in 10 runs, E p(1-p) / P(seen) = (1/6) / (9/11). The difference of two runs of the same
  // prompts has twice that. 3,000 replications of 900 prompts.
  for (const double seen : {0.08, 0.3}) {
    Scenario scenario = thousand_prompts();
    scenario.baseline.error_probability = 0.5;
    scenario.baseline.latency.timeout_seconds = 1e9;
    scenario.noise.prompts["error"] = seen;
    Windows windows(scenario);
    Moments standardised, candidate;
    for (std::uint64_t replication = 0; replication < 3'000; ++replication) {
      const Columns& columns =
          windows.play(replication, want(kBaselineArm, 0) | want(kCandidateArm, 0));
      double difference = 0.0;
      for (std::size_t i = 0; i < columns.size; ++i) {
        difference += failed(columns, 0, i) - failed(columns, 1, i);
        candidate.add(failed(columns, 1, i));
      }
      standardised.add(difference / std::sqrt(static_cast<double>(columns.size)));
    }
    const double expected = 2.0 * 11.0 / 54.0 * seen;
    EXPECT_NEAR(standardised.variance(), expected, kErrors * expected * error_of_variance(3'000.0))
        << seen;
    EXPECT_NEAR(candidate.mean(), 0.5, kErrors * 0.5 / std::sqrt(candidate.n)) << "no shift";
  }
}

TEST(PromptFlips, AsManyPromptsAreSeenToFlipInTenRunsAsAskedFor) {
  // Ten runs of one prompt: what the runs have in common is drawn once. With p uniform the share that
  // is not unanimous is 1 - 2/11 = 9/11 of those that flip. 100,000 prompts.
  Stream stream({5, 0, "test.flips", 0});
  int seen = 0;
  constexpr int kPrompts = 100'000;
  for (int prompt = 0; prompt < kPrompts; ++prompt) {
    std::array<double, 11> z{};
    stream.fill_normal(z);
    int failures = 0;
    for (std::size_t run = 1; run < z.size(); ++run) failures += z[0] + z[run] < 0.0 ? 1 : 0;
    seen += failures > 0 && failures < 10 ? 1 : 0;
  }
  EXPECT_NEAR(seen / static_cast<double>(kPrompts), kMostSeenToFlip,
              kErrors * std::sqrt(kMostSeenToFlip * (1.0 - kMostSeenToFlip) / kPrompts));
}

TEST(PromptFlips, ASecondRunAgreesAsOftenAsTwoDrawsOfOnePrompt) {
  // P(both below one half) = E p^2 = 1/3 for p uniform, and each run alone is uniform. 200,000 pairs.
  Stream stream({6, 0, "test.flips", 0});
  double both = 0.0;
  Moments second;
  constexpr int kPairs = 200'000;
  for (int pair = 0; pair < kPairs; ++pair) {
    const double first = stream.uniform();
    const double again = second_run(first, stream.uniform());
    both += first < 0.5 && again < 0.5 ? 1.0 : 0.0;
    second.add(again);
  }
  EXPECT_NEAR(both / kPairs, 1.0 / 3.0, kErrors * std::sqrt(2.0 / 9.0 / kPairs));
  EXPECT_NEAR(second.mean(), 0.5, kErrors * std::sqrt(1.0 / 12.0 / kPairs));
  EXPECT_NEAR(second.variance(), 1.0 / 12.0, kErrors * std::sqrt(1.0 / 180.0 / kPairs));
}

TEST(PromptFlips, OutcomesThatDoNotFlipAreOneForBothArmsButForEffects) {
  Scenario scenario = thousand_prompts();
  scenario.noise.prompts = {
      {"error", 0.0}, {"refusal", 0.0}, {"thumbs_down", 0.0}, {"quality", 0.0}};
  scenario.effects = {effect("error", 5.0)};
  Windows windows(scenario);
  const Columns& columns =
      windows.play(0, want(kBaselineArm, kRefusals | kThumbs | kQualities) |
                          want(kCandidateArm, kRefusals | kThumbs | kQualities));
  int more = 0;
  for (std::size_t i = 0; i < columns.size; ++i) {
    const auto& [baseline, candidate] = columns.arm;
    ASSERT_EQ(baseline.quality[i], candidate.quality[i]);
    ASSERT_LE(failed(columns, 0, i), failed(columns, 1, i)) << "one uniform, a higher bar";
    more += failed(columns, 1, i) - failed(columns, 0, i);
    if (!failed(columns, 1, i)) {
      ASSERT_EQ(baseline.events[i], candidate.events[i]);
    }
  }
  EXPECT_GT(more, 10);
}

TEST(PromptFlips, QualityVariesAtTheShareOfPromptsThatFlip) {
  // Var(difference of two runs' mean scores) = 2 f (1 - r) sd^2 / n, r the correlation of the arms at
  // prompts that flip. 3,000 replications of 900 prompts.
  Scenario scenario = thousand_prompts();
  scenario.baseline.quality = {0.5, 0.05};  // never cut off
  scenario.noise.prompts["quality"] = 0.3;
  Windows windows(scenario);
  Moments standardised;
  for (std::uint64_t replication = 0; replication < 3'000; ++replication) {
    const Columns& columns =
        windows.play(replication, want(kBaselineArm, kQualities) | want(kCandidateArm, kQualities));
    double difference = 0.0;
    for (std::size_t i = 0; i < columns.size; ++i)
      difference += static_cast<double>(columns.arm[0].quality[i] - columns.arm[1].quality[i]);
    standardised.add(difference / std::sqrt(static_cast<double>(columns.size)));
  }
  const double expected = 2.0 * 0.3 * (1.0 - 0.6) * 0.05 * 0.05;
  EXPECT_NEAR(standardised.variance(), expected, kErrors * expected * error_of_variance(3'000.0));
}

TEST(DeploymentNoise, HasTheDesignEffectOfItsCorrelation) {
  // Design effect 1 + (n - 1) rho of the number of failures of one deployment over n requests, rho =
  // sigma^2 / (p (1 - p)) (statistics.md section k). Its own draw moves p by 3.57 points at p = 0.8:
  // of a logit-normal that is 3.50 by numerical integration, against the first order's 3.57; so the
  // test takes rho from the integral. 4,000 rollouts of one window.
  constexpr double kRate = 0.8;
  constexpr double kPoints = 0.0357;
  const double sigma = kPoints / (kRate * (1.0 - kRate));
  double mass = 0.0, first = 0.0, second = 0.0;
  for (double z = -8.0; z <= 8.0; z += 1e-3) {
    const double weight = std::exp(-0.5 * z * z);
    const double rate = 1.0 / (1.0 + std::exp(-(std::log(4.0) + sigma * z)));
    mass += weight;
    first += weight * rate;
    second += weight * rate * rate;
  }
  const double mean = first / mass;
  const double variance = second / mass - mean * mean;
  EXPECT_NEAR(std::sqrt(variance), kPoints, 0.03 * kPoints) << "the delta method";

  Scenario scenario = thousand_prompts();
  scenario.baseline.error_probability = kRate;
  scenario.baseline.latency.timeout_seconds = 1e9;
  scenario.noise.deployment["error"] = kPoints;
  Windows windows(scenario);
  Moments standardised, size;
  for (std::uint64_t replication = 0; replication < 4'000; ++replication) {
    const Columns& columns = windows.play(replication, want(kCandidateArm, 0));
    double failures = 0.0;
    for (std::size_t i = 0; i < columns.size; ++i) failures += failed(columns, 1, i);
    const auto n = static_cast<double>(columns.size);
    standardised.add((failures - n * mean) / std::sqrt(n * mean * (1.0 - mean)));
    size.add(n);
  }
  const double rho = variance / (mean * (1.0 - mean));
  const double expected = 1.0 + (size.mean() - 1.0) * rho;
  EXPECT_NEAR(standardised.mean(), 0.0, kErrors * std::sqrt(expected / 4'000.0));
  EXPECT_NEAR(standardised.variance(), expected, kErrors * expected * error_of_variance(4'000.0));
}

/// Correlation over 4,000 rollouts of shocks `lag` windows apart, at a correlation of `one` from one
/// window to the next.
double autocorrelation(double one, int lag) {
  Noise noise;
  const auto seconds = -60.0 / std::log(one);
  noise.window["error"] = {
      .size = 0.003,
      .correlation_time = std::chrono::round<Duration>(std::chrono::duration<double>(seconds))};
  WindowNoise process(noise, Arm{}, 1min);
  Moments squares;
  double product = 0.0;
  for (std::uint64_t replication = 0; replication < 4'000; ++replication) {
    process.start({1, replication});
    process.advance();
    const double before = process.at(0, WorldMetric::error).logit;
    for (int window = 0; window < lag; ++window) process.advance();
    const double later = process.at(0, WorldMetric::error).logit;
    squares.add(before);
    squares.add(later);
    product += before * later;
  }
  return product / 4'000.0 / squares.variance();
}

TEST(WindowShocks, ForgetGeometrically) {
  // AR(1): correlation phi^k at lag k; standard error of a correlation r of 4,000 pairs about
  // (1 - r^2) / sqrt(4,000).
  for (const double phi : {0.3, 0.7, 0.9}) {
    for (const int lag : {1, 3}) {
      const double expected = std::pow(phi, lag);
      EXPECT_NEAR(autocorrelation(phi, lag), expected,
                  kErrors * (1.0 - expected * expected) / std::sqrt(4'000.0))
          << phi << " at lag " << lag;
    }
  }
}

/// Variance over 3,000 windows of the difference of the arms' log-odds.
Moments difference_of_arms(const char* metric, double size, bool separate) {
  Noise noise;
  noise.window[metric] = {.size = size, .correlation_time = 10min, .separate = separate};
  WindowNoise process(noise, Arm{}, 1min);
  const WorldMetric which = *world_metric(metric);
  Moments difference;
  for (std::uint64_t replication = 0; replication < 3'000; ++replication) {
    process.start({2, replication});
    process.advance();
    const Disturbance& baseline = process.at(0, which);
    const Disturbance& candidate = process.at(1, which);
    difference.add(candidate.logit - baseline.logit + std::log(candidate.factor / baseline.factor));
  }
  return difference;
}

TEST(WindowShocks, CancelBetweenArmsThatShareThem) {
  EXPECT_EQ(difference_of_arms("latency", 0.1, false).squares, 0.0);
  EXPECT_EQ(difference_of_arms("quality", 0.02, false).squares, 0.0);
}

TEST(WindowShocks, DoNotCancelWhereEachArmHasItsOwn) {
  // Twice the variance of one arm: log(1 + cv^2) of the logarithm, (points / p (1 - p))^2 of the
  // log-odds. 3,000 rollouts.
  const double factor = 2.0 * std::log1p(0.1 * 0.1);
  EXPECT_NEAR(difference_of_arms("latency", 0.1, true).variance(), factor,
              kErrors * factor * error_of_variance(3'000.0));
  const double logit = 2.0 * std::pow(0.02 / (0.78 * 0.22), 2.0);
  EXPECT_NEAR(difference_of_arms("quality", 0.02, true).variance(), logit,
              kErrors * logit * error_of_variance(3'000.0));
}

TEST(WindowShocks, ReachTheAnswersOfBothArms) {
  // A shared factor multiplies both arms' costs alike: the mean log ratio to the quiet world is the
  // same at both arms, to rounding of floats. Another draw would differ by 0.1 or so.
  Scenario quiet = thousand_prompts();
  Scenario noisy = quiet;
  noisy.noise.window["cost"] = {.size = 0.3, .correlation_time = 10min};
  Windows with(noisy);
  Windows without(quiet);
  const Wants wants = want(kBaselineArm, kCosts) | want(kCandidateArm, kCosts);
  const Columns& a = with.play(3, wants);
  const Columns& b = without.play(3, wants);
  const float factor = a.arm[0].cost[0] / b.arm[0].cost[0];
  EXPECT_GT(std::fabs(factor - 1.0F), 0.01F);
  for (std::size_t i = 0; i < a.size; ++i)
    for (const std::size_t arm : {0U, 1U})
      ASSERT_NEAR(a.arm[arm].cost[i] / b.arm[arm].cost[i], factor, 1e-5F);
}

}  // namespace
}  // namespace gatewright::sim
