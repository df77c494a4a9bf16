// Claims, seeds fixed: what telemetry counts of a window has one law whether requests or windows are
// played. Per size, arm, metric and statistic a two-sample KS at 1% over all of a size's comparisons
// (Bonferroni): 3,000 windows of 50 and 500 expected requests an arm, 400 of 5,000, 60 of 50,000, and
// 1,500 where requests are mirrored; GATEWRIGHT_WINDOWS changes that. Correlations of statistics agree
// within 4 standard errors.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "policies/histogram.h"
#include "tests/statistical/windows/comparison.h"
#include "tests/support/worlds.h"

namespace gatewright::sim::testing {
namespace {

using Kind = Statistic::Kind;
const std::vector<std::pair<std::string, Kind>> kMeasured = {{"latency", Kind::mean},
                                                             {"latency", Kind::mean_log},
                                                             {"ttft", Kind::mean_log},
                                                             {"input_tokens", Kind::mean},
                                                             {"output_tokens", Kind::mean_log},
                                                             {"cost", Kind::mean},
                                                             {"cost", Kind::mean_log},
                                                             {"quality", Kind::mean},
                                                             {"error", Kind::rate},
                                                             {"error_429", Kind::rate},
                                                             {"refusal", Kind::rate},
                                                             {"error_or_refusal", Kind::rate},
                                                             {"thumbs_down", Kind::rate},
                                                             {"thumbs_up", Kind::rate},
                                                             {"timeout", Kind::rate}};

/// Per arm, metric and statistic: one number a window.
using Counted = std::map<std::string, Sample>;

Counted counted(Scenario scenario, Fidelity fidelity, Exposure exposure, std::size_t windows,
                std::uint64_t seed) {
  scenario.fidelity = fidelity;
  scenario.horizon = std::chrono::minutes(windows + 1);
  Script script;
  script.stages = {{"steady", exposure}};
  for (const auto& [metric, kind] : kMeasured) script.probes.push_back(probe(metric, kind));
  const Contender one = scripted(script, {.by = AssignmentUnit::request});
  EXPECT_TRUE(check_fit(one, scenario).empty());
  RunTrace trace;
  EXPECT_EQ(play(one, scenario, {seed, 0}, &trace).faults, 0U);
  Counted all;
  for (const JournalEntry& entry : trace.journal.entries()) {
    const auto* samples = std::get_if<Samples>(&entry.observation.event);
    if (samples == nullptr || samples->window == 0) continue;  // the exposure comes during window 0
    const auto& [metric, kind] = kMeasured[static_cast<std::size_t>(samples->probe)];
    for (const char* arm : {"baseline ", "candidate "}) {
      const Summary& summary = *arm == 'b' ? samples->baseline : samples->candidate;
      const std::string name = arm + metric + (kind == Kind::mean_log ? " log " : " ");
      const auto n = static_cast<double>(summary.count);
      const double mean = n > 0.0 ? summary.sum / n : 0.0;
      all[name + "count"].push_back(n);
      all[name + "sum"].push_back(summary.sum);
      all[name + "mean"].push_back(mean);
      all[name + "variance"].push_back(n > 0.0 ? summary.sum_of_squares / n - mean * mean : 0.0);
    }
  }
  return all;
}

/// A world in which everything happens: rejections, a detector that errs, timeouts by hangs, collapses.
Scenario eventful(double requests_per_arm) {
  Scenario scenario = quiet_world();
  scenario.traffic.input_tokens.reset();
  scenario.traffic.output_tokens.reset();
  scenario.traffic.token_correlation = 0.3;
  scenario.traffic.arrivals = PoissonArrivals{2.0 * requests_per_arm / 60.0};
  scenario.baseline.rate_limited_share = 0.4;
  scenario.baseline.refusal_detector = {0.9, 0.98};
  scenario.baseline.hang = {0.01, 30.0};
  scenario.baseline.collapse = {0.02, 5.0, 0.1};
  scenario.baseline.thumbs.rate_given = 0.5;
  scenario.effects = {effect("cost", 1.25), effect("error", 1.0, 0.02), effect("latency", 1.1)};
  return scenario;
}

void expect_one_law(const Scenario& scenario, Exposure exposure, std::size_t windows) {
  windows = how_many("GATEWRIGHT_WINDOWS", windows);
  const Counted requests = counted(scenario, Fidelity::requests, exposure, windows, 11);
  const Counted drawn = counted(scenario, Fidelity::windows, exposure, windows, 12);
  ASSERT_EQ(requests.size(), 8 * kMeasured.size());
  const double critical =
      critical_distance(0.01 / static_cast<double>(requests.size()), windows, windows);
  double largest = 0.0;
  for (const auto& [name, sample] : requests) {
    const double apart = distance(sample, drawn.at(name));
    EXPECT_LT(apart, critical) << name;
    largest = std::max(largest, apart);
  }
  std::printf("  %zu windows: largest distance %.4f, critical %.4f, 1%% critical of one %.4f\n",
              windows, largest, critical, critical_distance(0.01, windows, windows));
  const double error = std::sqrt(2.0 / static_cast<double>(windows));
  for (const std::string arm : {"baseline ", "candidate "})
    for (const auto& [a, b] : {std::pair{"latency mean", "cost mean"},
                               {"latency log mean", "cost log mean"},
                               {"latency mean", "latency variance"},
                               {"error mean", "latency mean"},
                               {"error sum", "refusal sum"},
                               {"input_tokens mean", "cost mean"}})
      EXPECT_NEAR(correlation(requests.at(arm + a), requests.at(arm + b)),
                  correlation(drawn.at(arm + a), drawn.at(arm + b)), 4.0 * error)
          << arm << a << " and " << b;
  for (const std::string metric : {"latency log mean", "cost mean", "input_tokens mean"})
    EXPECT_NEAR(correlation(requests.at("baseline " + metric), requests.at("candidate " + metric)),
                correlation(drawn.at("baseline " + metric), drawn.at("candidate " + metric)),
                4.0 * error)
        << metric;
}

TEST(CountedWindows, HaveOneLawAt50Requests) {
  expect_one_law(eventful(50), {.served = 5'000}, 3'000);
}
TEST(CountedWindows, HaveOneLawAt500Requests) {
  expect_one_law(eventful(500), {.served = 5'000}, 3'000);
}
TEST(CountedWindows, HaveOneLawAt5000Requests) {
  expect_one_law(eventful(5'000), {.served = 5'000}, 400);
}
TEST(CountedWindows, HaveOneLawAt50000Requests) {
  expect_one_law(eventful(50'000), {.served = 5'000}, 60);
}
TEST(CountedWindows, HaveOneLawWhereRequestsAreMirrored) {
  expect_one_law(eventful(500), {.mirrored = 5'000}, 1'500);
}
TEST(CountedWindows, HaveOneLawWhereTelemetrySeesSomeOfTheMirroredRequests) {
  Scenario scenario = eventful(200);
  scenario.telemetry.mirrored_sampled = 0.3;
  expect_one_law(scenario, {.served = 2'000, .mirrored = 4'000}, 1'500);
}

/// Quantiles of readings, and what a histogram on the fixed grid says of them.
std::map<std::string, Sample> quantiles(Scenario scenario, Fidelity fidelity, std::size_t windows,
                                        std::uint64_t seed) {
  scenario.fidelity = fidelity;
  scenario.horizon = std::chrono::minutes(windows + 1);
  Script script;
  script.stages = {{"steady", {.served = 5'000}}};
  const auto reading = [&script](Kind kind, double probability) {
    Probe one = probe("latency", kind, Form::readings);
    one.statistic.probability = probability;
    script.probes.push_back(one);
  };
  reading(Kind::quantile, 0.95);
  reading(Kind::quantile, 0.99);
  reading(Kind::mean, 0.0);
  script.probes.push_back(probe("cost", Kind::mean, Form::distributions));
  RunTrace trace;
  EXPECT_EQ(
      play(scripted(script, {.by = AssignmentUnit::request}), scenario, {seed, 0}, &trace).faults,
      0U);
  std::map<std::string, Sample> all;
  for (const JournalEntry& entry : trace.journal.entries()) {
    if (const auto* readings = std::get_if<Readings>(&entry.observation.event)) {
      if (readings->window == 0) continue;
      static constexpr const char* kNames[] = {"p95", "p99", "mean"};
      all[kNames[static_cast<std::size_t>(readings->probe)]].push_back(readings->candidate.value);
    }
    const auto* bins = std::get_if<Distributions>(&entry.observation.event);
    if (bins == nullptr || bins->window == 0) continue;
    all["cost p50"].push_back(gatewright::quantile(bins->candidate, 0.5));
    all["cost p95"].push_back(gatewright::quantile(bins->candidate, 0.95));
  }
  return all;
}

TEST(CountedWindows, HaveOneLawOfQuantilesAndMeansTogether) {
  for (const double requests_per_arm : {60.0, 1'000.0}) {
    const std::size_t windows = how_many("GATEWRIGHT_WINDOWS", 1'500);
    const Scenario scenario = eventful(requests_per_arm);
    auto requests = quantiles(scenario, Fidelity::requests, windows, 31);
    auto drawn = quantiles(scenario, Fidelity::windows, windows, 32);
    ASSERT_EQ(requests.size(), 5U);
    for (const auto& [name, sample] : requests)
      EXPECT_LT(distance(sample, drawn[name]),
                critical_distance(0.01 / 10.0, sample.size(), drawn[name].size()))
          << name << ", " << requests_per_arm;
    for (const auto& [a, b] : {std::pair{"p95", "p99"},
                               {"p95", "mean"},
                               {"p99", "mean"},
                               {"p95", "cost p95"},
                               {"mean", "cost p50"}})
      EXPECT_NEAR(correlation(requests[a], requests[b]), correlation(drawn[a], drawn[b]),
                  4.0 * std::sqrt(2.0 / static_cast<double>(windows)))
          << a << " and " << b << ", " << requests_per_arm;
  }
}

/// A candidate 2% more costly is told from an equal one: the comparison has the power to find what a
/// wrong mean would be.
TEST(CountedWindows, AWrongMeanIsFound) {
  Scenario wrong = eventful(500);
  wrong.effects.front().multiply *= 1.02;
  const Counted requests = counted(eventful(500), Fidelity::requests, {.served = 5'000}, 1'500, 11);
  const Counted drawn = counted(wrong, Fidelity::windows, {.served = 5'000}, 1'500, 12);
  EXPECT_GT(distance(requests.at("candidate cost mean"), drawn.at("candidate cost mean")),
            critical_distance(0.01 / 120.0, 1'500, 1'500));
}

}  // namespace
}  // namespace gatewright::sim::testing
