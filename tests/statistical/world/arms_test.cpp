// Claims about the arms of a world, each tested at 4.5 standard errors (one chance in 150,000) on one
// replication of 288,000 requests with a fixed seed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>
#include <string>
#include <vector>

#include "sim/world.h"
#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;

constexpr double kErrors = 4.5;

const std::vector<std::string> kMetrics = {
    "latency", "ttft",    "tpot",    "input_tokens",     "output_tokens", "cost",     "quality",
    "error",   "timeout", "refusal", "error_or_refusal", "thumbs_down",   "thumbs_up"};

double mean(const Summary& s) { return s.sum / static_cast<double>(s.count); }
double squared_error(const Summary& s) {
  const double m = mean(s);
  const double variance = s.sum_of_squares / static_cast<double>(s.count) - m * m;
  return std::max(variance, 0.0) / static_cast<double>(s.count);
}

Scenario world() {
  Scenario scenario = quiet_world();
  scenario.traffic.arrivals = PoissonArrivals{40.0};
  scenario.traffic.users = {.count = 20'000, .zipf = 0.5};
  scenario.horizon = 2h;
  scenario.baseline.latency.timeout_seconds = 12.0;  // reached now and then
  scenario.baseline.thumbs = {0.2, 0.3, 0.5};
  return scenario;
}

/// Half of the requests, one by one, so that arms are independent samples of one world.
Contender half(Exposure exposure = {.served = 5'000}) {
  Script script;
  script.stages = {{"half", exposure}};
  for (const std::string& metric : kMetrics)
    script.probes.push_back(probe(metric, Statistic::Kind::mean));
  return scripted(script, {.by = AssignmentUnit::request, .hash = AssignmentHash::md5});
}

std::vector<Totals> measure(const Contender& contender, const Scenario& scenario) {
  RunTrace trace;
  EXPECT_EQ(play(contender, scenario, {17, 0}, &trace).faults, 0U);
  std::vector<Totals> all;
  for (std::size_t i = 0; i < kMetrics.size(); ++i)
    all.push_back(totals(trace, static_cast<std::uint16_t>(i)));
  return all;
}

TEST(Arms, WithoutEffectsAreAlikeInMeanAndSpread) {
  const std::vector<Totals> measured = measure(half(), world());
  for (std::size_t i = 0; i < kMetrics.size(); ++i) {
    const auto& [baseline, candidate] = measured[i];
    ASSERT_GT(baseline.count, 100'000U) << kMetrics[i];
    ASSERT_GT(candidate.count, 100'000U) << kMetrics[i];
    const double error = std::sqrt(squared_error(baseline) + squared_error(candidate));
    EXPECT_NEAR(mean(baseline), mean(candidate), kErrors * error + 1e-12) << kMetrics[i];
    // Spreads differ by sampling alone. The worst is that of timeouts, of which there are about 430 an
    // arm: 5% for each arm.
    const double spread = squared_error(baseline) * static_cast<double>(baseline.count);
    EXPECT_NEAR(squared_error(candidate) * static_cast<double>(candidate.count), spread,
                kErrors * 0.05 * std::sqrt(2.0) * spread + 1e-12)
        << kMetrics[i];
  }
}

TEST(Arms, BaselineRatesAreThoseOfTheScenario) {
  const Scenario scenario = world();
  const std::vector<Totals> measured = measure(half(), scenario);
  const auto expect = [&](const std::string& metric, double value) {
    const auto i = static_cast<std::size_t>(std::find(kMetrics.begin(), kMetrics.end(), metric) -
                                            kMetrics.begin());
    const Summary& baseline = measured[i].baseline;
    EXPECT_NEAR(mean(baseline), value, kErrors * std::sqrt(squared_error(baseline))) << metric;
  };
  const Arm& arm = scenario.baseline;
  expect("refusal", arm.refusal_probability);
  expect("thumbs_down", arm.thumbs.down * arm.thumbs.rate_given);
  expect("thumbs_up", arm.thumbs.up * arm.thumbs.rate_given);
  // Timeouts are errors too: error = p + (1 - p) P(late answer), up to failed answers that are late.
  const auto timeouts = mean(measured[8].baseline);
  EXPECT_GT(timeouts, 0.0);
  expect("error", arm.error_probability + timeouts);
  // Clipped to [0, 1]: a normal of mean .78 and sd .19 loses .22/.19 = 1.158 sd above and nothing below.
  const double z = (1.0 - arm.quality.mean) / arm.quality.sd;
  const double density = std::exp(-0.5 * z * z) / std::sqrt(2.0 * std::numbers::pi);
  const double above = 0.5 * std::erfc(z / std::sqrt(2.0));
  expect("quality", arm.quality.mean - arm.quality.sd * (density - z * above));
  expect("input_tokens", 400.0 * std::exp(0.5 * 0.8 * 0.8));
}

struct Asked {
  Effect effect;
  std::size_t metric;
};

TEST(Arms, EffectsLandWhereTheyWereAsked) {
  const std::vector<Asked> asked = {
      {effect("latency", 1.3), 0},        {effect("latency", 1.0, 0.5), 0},
      {effect("ttft", 1.5, 0.1), 1},      {effect("tpot", 1.6), 2},
      {effect("output_tokens", 1.4), 4},  {effect("cost", 1.25), 5},
      {effect("quality", 1.0, -0.05), 6}, {effect("error", 2.0, 0.01), 7},
      {effect("refusal", 3.0), 9},        {effect("thumbs_down", 1.5), 11},
      {effect("thumbs_up", 0.5), 12}};
  for (const auto& [effect, metric] : asked) {
    Scenario scenario = world();
    scenario.baseline.latency.timeout_seconds = 1e6;
    scenario.baseline.quality = {0.6, 0.1};  // never clipped
    scenario.effects = {effect};
    const auto [baseline, candidate] = measure(half(), scenario)[metric];
    const double error = std::sqrt(squared_error(candidate) +
                                   effect.multiply * effect.multiply * squared_error(baseline));
    EXPECT_NEAR(mean(candidate), mean(baseline) * effect.multiply + effect.shift,
                kErrors * error + 1e-6)
        << effect.metric;
  }
}

TEST(Arms, TheTwinSharesArrivalsAndTheBaselineToTheBit) {
  Scenario scenario = world();
  scenario.effects = {effect("latency", 2.0), effect("error", 4.0), effect("cost", 1.5)};
  const std::vector<Totals> with = measure(half(), scenario);
  const std::vector<Totals> without = measure(half(), healthy_twin(scenario));
  for (std::size_t i = 0; i < kMetrics.size(); ++i)
    EXPECT_EQ(with[i].baseline, without[i].baseline) << kMetrics[i];
  EXPECT_EQ(with[0].candidate.count, without[0].candidate.count);
  // One set of draws: the mean cost of the candidate is 1.5 times its twin's but for billed errors.
  EXPECT_NEAR(mean(with[3].candidate), mean(without[3].candidate), 1e-12);
}

TEST(Arms, SharesOfServedAndMirroredRequestsAreThoseAskedFor) {
  const RunRecord record = play(half({.served = 2'000, .mirrored = 1'000}), world());
  const auto n = static_cast<double>(record.requests);
  const double share = 0.2 + 0.8 * 0.1;
  EXPECT_NEAR(static_cast<double>(record.candidate_requests) / n, share,
              kErrors * std::sqrt(share * (1.0 - share) / n) + 0.2 * 2.0 / 7'200.0);
}

/// Correlation of two columns' logarithms over some windows.
struct Correlation {
  void add(double x, double y) {
    ++n;
    sx += x;
    sy += y;
    sxx += x * x;
    syy += y * y;
    sxy += x * y;
  }
  double value() const {
    return (sxy / n - sx / n * sy / n) /
           std::sqrt((sxx / n - sx / n * sx / n) * (syy / n - sy / n * sy / n));
  }
  double n = 0, sx = 0, sy = 0, sxx = 0, syy = 0, sxy = 0;
};

TEST(Arms, AnswersToOnePromptAreCorrelatedAsAsked) {
  Scenario scenario = world();
  scenario.traffic.token_correlation = 0.3;
  scenario.same_prompt.correlation = 0.6;
  scenario.baseline.quality = {0.6, 0.05};
  scenario.traffic.input_tokens =
      Lognormal{4'000.0, 0.8, 0.0};  // large: whole tokens do not matter
  scenario.traffic.output_tokens = Lognormal{4'000.0, 0.6, 0.0};
  const auto ready = prepared(scenario);
  const auto world = std::make_unique<World>(*ready);
  world->start({17, 0});
  Correlation output, ttft, quality, tokens, candidate_tokens;
  for (int window = 0; window < 60; ++window) {
    world->advance();
    for (std::size_t chunk = 0; chunk < world->chunks(); ++chunk) {
      const Columns& c = world->fill(chunk, kWantInput | want(0, kQualities) | want(1, kQualities));
      for (std::size_t i = 0; i < c.size; ++i) {
        const auto log = [i](const Column<float>& column) { return std::log(column[i]); };
        output.add(log(c.arm[0].output_tokens), log(c.arm[1].output_tokens));
        ttft.add(log(c.arm[0].ttft), log(c.arm[1].ttft));
        quality.add(c.arm[0].quality[i], c.arm[1].quality[i]);
        tokens.add(log(c.input_tokens), log(c.arm[0].output_tokens));
        candidate_tokens.add(log(c.input_tokens), log(c.arm[1].output_tokens));
      }
    }
  }
  // 144,000 pairs: the standard error of a correlation r is (1 - r^2) / sqrt(n), at most 0.0025.
  for (const Correlation* same_prompt : {&output, &ttft, &quality})
    EXPECT_NEAR(same_prompt->value(), 0.6, kErrors * 0.64 / std::sqrt(same_prompt->n));
  for (const Correlation* copula : {&tokens, &candidate_tokens})
    EXPECT_NEAR(copula->value(), 0.3, kErrors * 0.91 / std::sqrt(copula->n));
}

}  // namespace
}  // namespace gatewright::sim
