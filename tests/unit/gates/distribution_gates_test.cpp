// Gate tests of quantiles and distributions: what they need, refuse and promise on any histogram.
#include <algorithm>
#include <cmath>
#include <vector>

#include "policies/histogram.h"
#include "tests/unit/gates/gate_player.h"

namespace gatewright::testing {
namespace {

/// Both arms' values of one window.
struct Window {
  std::vector<double> baseline, candidate;
};

Evidence look(GatePlayer& player, const Window& window) {
  Histogram baseline, candidate;
  for (const double value : window.baseline) baseline.add(value);
  for (const double value : window.candidate) candidate.add(value);
  return player.look(Distributions{.baseline = baseline.view(), .candidate = candidate.view()});
}

/// Values spread evenly over the logarithms from 1 to 10, times `scale`.
std::vector<double> spread(int count, double scale = 1.0) {
  std::vector<double> values;
  for (int i = 0; i < count; ++i) values.push_back(scale * std::pow(10.0, (i + 0.5) / count));
  return values;
}

const HarmSpec kP90 = quantile_harm(0.9, Relation::ratio, 1.5);
const HarmSpec kMeanRatio = harm(Relation::ratio, 1.2);

/// Every gate test that reads distributions, with a harm it can weigh.
std::vector<GateSpec> gates_of_distributions() {
  const std::map<std::string, TestValue> plan{{"looks", 2.0}, {"samples", 2000.0}};
  return {gate("latency", kP90, "quantile_sequence"),
          gate("latency", quantile_harm(0.9, Relation::difference, 0.5), "quantile_sequence"),
          gate("latency", quantile_harm(0.9, Relation::absolute, 12.0), "quantile_sequence"),
          gate("latency", kP90, "order_statistic", plan),
          gate("latency", quantile_harm(0.9, Relation::absolute, 12.0), "order_statistic", plan),
          gate("latency", shift_harm(0.1), "dkw_sequence"),
          gate("latency", shift_harm(0.1), "ks", plan),
          gate("latency", shift_harm(0.1), "psi", plan),
          gate("latency", kMeanRatio, "mann_whitney")};
}

TEST(DistributionGates, WindowsAddUpInAnyOrder) {
  for (const GateSpec& spec : gates_of_distributions()) {
    if (spec.test.parameters.contains("looks")) continue;  // a look sees what came before it
    GatePlayer forwards(spec), backwards(spec);
    std::vector<Window> windows;
    for (int i = 1; i <= 9; ++i)
      windows.push_back(
          {.baseline = spread(100 + 7 * i), .candidate = spread(90 + i, 1.0 + 0.2 * i)});
    for (const Window& window : windows) look(forwards, window);
    std::ranges::reverse(windows);
    for (const Window& window : windows) look(backwards, window);
    EXPECT_EQ(forwards.slots(), backwards.slots()) << spec.test.name;
    EXPECT_EQ(forwards.evidence().harm, backwards.evidence().harm) << spec.test.name;
  }
}

TEST(DistributionGates, HarmFailsAndHealthIsSafe) {
  for (const GateSpec& spec : gates_of_distributions()) {
    GatePlayer player(spec);
    const Evidence healthy =
        look(player, {.baseline = spread(20'000), .candidate = spread(20'000)});
    EXPECT_EQ(healthy.harm, 0.0) << spec.test.name;
    EXPECT_GE(healthy.safety, 1.0) << spec.test.name;
    player.forget();
    const Evidence harmful =
        look(player, {.baseline = spread(20'000), .candidate = spread(20'000, 2.0)});
    EXPECT_GE(harmful.harm, 1.0) << spec.test.name;
    EXPECT_EQ(harmful.safety, 0.0) << spec.test.name;
  }
}

TEST(DistributionGates, LessIsHarmWhereThePlanSaysSo) {
  for (const char* test : {"quantile_sequence", "order_statistic"}) {
    HarmSpec less = quantile_harm(0.5, Relation::ratio, 0.8);
    less.direction = Direction::down;
    GatePlayer player(gate("quality", less, test));
    EXPECT_GE(look(player, {.baseline = spread(20'000), .candidate = spread(20'000, 0.6)}).harm,
              1.0);
    player.forget();
    EXPECT_GE(look(player, {.baseline = spread(20'000), .candidate = spread(20'000)}).safety, 1.0);
  }
}

TEST(DistributionGates, ALargerShiftIsNeverLessHarm) {
  for (const GateSpec& spec : gates_of_distributions()) {
    double before = 0.0;
    for (double scale = 1.0; scale < 3.0; scale *= 1.03) {
      GatePlayer player(spec);
      const double harm =
          look(player, {.baseline = spread(3000), .candidate = spread(3000, scale)}).harm;
      EXPECT_GE(harm, before - 1e-3) << spec.test.name << ' ' << scale;
      before = std::max(before, harm);
    }
    EXPECT_GT(before, 1.0) << spec.test.name;
  }
}

TEST(DistributionGates, ATrillionValuesAreWeighedLikeAnyOthers) {
  constexpr std::uint64_t kTrillion = 1'000'000'000'000;
  for (const GateSpec& spec : gates_of_distributions()) {
    // Uniform over the bins of one octave.
    Histogram baseline, worse;
    for (int bin = 0; bin < 100; ++bin) {
      baseline.add(8.0 * (1.0 + bin / 128.0), kTrillion / 100);
      worse.add(16.0 * (1.0 + bin / 128.0), kTrillion / 100);
    }
    GatePlayer player(spec);
    const Evidence healthy =
        player.look(Distributions{.baseline = baseline.view(), .candidate = baseline.view()});
    EXPECT_TRUE(std::isfinite(healthy.safety) && std::isfinite(healthy.harm)) << spec.test.name;
    player.forget();
    const Evidence harmful =
        player.look(Distributions{.baseline = baseline.view(), .candidate = worse.view()});
    EXPECT_GE(harmful.harm, 1.0) << spec.test.name;
    EXPECT_EQ(harmful.safety, 0.0) << spec.test.name;
  }
}

TEST(DistributionGates, ValuesBeyondTheGridAreNoNumbersByMistake) {
  for (const GateSpec& spec : gates_of_distributions())
    for (const double value : {0.0, 1e-30, 1e30}) {
      GatePlayer player(spec);
      for (const bool swapped : {false, true}) {
        player.forget();
        const std::vector<double> extreme(3000, value), usual = spread(3000);
        const Evidence evidence = look(player, {.baseline = swapped ? extreme : usual,
                                                .candidate = swapped ? usual : extreme});
        EXPECT_TRUE(evidence.harm >= 0.0 && evidence.safety >= 0.0) << spec.test.name;
      }
    }
}

TEST(DistributionGates, OneArmAloneIsNoEvidence) {
  for (const GateSpec& spec : gates_of_distributions()) {
    if (spec.harm.relation == Relation::absolute) continue;
    GatePlayer player(spec);
    EXPECT_FALSE(look(player, {.baseline = {}, .candidate = spread(3000)}).enough);
    EXPECT_FALSE(look(player, {.baseline = spread(3000), .candidate = {}}).enough);
  }
}

TEST(DistributionGates, MinSamplesCountInBothArms) {
  for (const char* test : {"quantile_sequence", "mann_whitney"}) {
    GatePlayer player(
        gate("latency", test == std::string("mann_whitney") ? kMeanRatio : kP90, test, {}, 500));
    EXPECT_FALSE(look(player, {.baseline = spread(499), .candidate = spread(1000)}).enough) << test;
    EXPECT_TRUE(look(player, {.baseline = spread(1), .candidate = spread(1)}).enough) << test;
  }
}

void expect_problem(const GateSpec& spec, const std::string& path, const std::string& part) {
  const Diagnostics problems = problems_of(spec);
  ASSERT_FALSE(problems.empty()) << spec.test.name;
  EXPECT_EQ(problems.front().path, path) << spec.test.name;
  EXPECT_NE(problems.front().message.find(part), std::string::npos) << problems.front().message;
}

TEST(DistributionGates, WhatCannotBeWeighedIsRefused) {
  expect_problem(gate("error", kP90, "quantile_sequence"), "test", "numbers per request");
  expect_problem(gate("cpu", shift_harm(0.1), "dkw_sequence"), "test", "numbers per request");
  expect_problem(gate("latency", kMeanRatio, "quantile_sequence"), "harm", "p99_above");
  expect_problem(gate("latency", kP90, "dkw_sequence"), "harm", "distribution_shift");
  expect_problem(gate("latency", kMeanRatio, "ks"), "harm", "distribution_shift");
  expect_problem(gate("latency", kMeanRatio, "psi"), "harm", "distribution_shift");
  expect_problem(gate("latency", kMeanRatio, "order_statistic"), "harm", "p99_above");
  expect_problem(gate("latency", kP90, "mann_whitney"), "harm", "ratio_above");
  for (const char* test :
       {"normal_mixture", "z_test", "group_sequential", "cusum", "fixed_threshold"})
    expect_problem(gate("latency", shift_harm(0.1), test), "harm", "dkw_sequence");
}

TEST(DistributionGates, PlansOfLooksAreChecked) {
  const auto ks = [](std::map<std::string, TestValue> parameters) {
    return gate("latency", shift_harm(0.1), "ks", std::move(parameters));
  };
  expect_problem(ks({{"looks", 0.0}}), "test.looks", "1 to 100");
  expect_problem(ks({{"samples", 0.0}}), "test.samples", "at least 1");
  expect_problem(ks({{"at", std::vector<double>{0.5, 0.25, 1.0}}}), "test.at", "rise to 1");
  expect_problem(ks({{"at", std::vector<double>{0.5, 0.9}}}), "test.at", "rise to 1");
  EXPECT_TRUE(problems_of(ks({{"at", std::vector<double>{0.5, 1.0}}})).empty());
}

TEST(DistributionGates, NothingIsWeighedBetweenPlannedLooks) {
  GatePlayer player(gate("latency", shift_harm(0.0), "ks", {{"looks", 2.0}, {"samples", 1000.0}}));
  EXPECT_FALSE(look(player, {.baseline = spread(499), .candidate = spread(499)}).enough);
  const Evidence first = look(player, {.baseline = spread(1), .candidate = spread(1)});
  EXPECT_TRUE(first.enough);
  EXPECT_EQ(first.harm, 0.0);
  EXPECT_EQ(look(player, {.baseline = spread(499), .candidate = spread(499, 5.0)}).harm, 0.0);
  const Evidence last = look(player, {.baseline = spread(1), .candidate = spread(1)});
  EXPECT_GT(last.harm, 1.0);
  EXPECT_EQ(look(player, {.baseline = spread(9000), .candidate = spread(9000)}).harm, last.harm)
      << "after the last look there is none";
}

}  // namespace
}  // namespace gatewright::testing
