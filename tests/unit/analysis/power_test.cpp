// Power and false alarms of gates, against values that others computed.
#include "analysis/power.h"

#include <cmath>

#include <gtest/gtest.h>

#include "tests/unit/gates/gate_player.h"

namespace gatewright::analysis {
namespace {

using testing::harm;
using Relation = HarmSpec::Relation;

std::unique_ptr<GateTest> made(const std::string& name, const std::string& metric,
                               const HarmSpec& harm,
                               std::map<std::string, TestValue> parameters = {}) {
  GateSpec gate{
      .name = "gate", .metric = metric, .harm = harm, .test = {name, std::move(parameters)}};
  gate.every = std::chrono::minutes(5);
  Diagnostics diagnostics;
  auto test = find_gate_test(name)->make(gate, diagnostics);
  EXPECT_NE(test, nullptr) << (diagnostics.empty() ? "" : diagnostics[0].message);
  return test;
}

MetricLaw rate(double p) {
  return {.change = MetricLaw::Change::rate, .mean = p, .sd = std::sqrt(p * (1.0 - p))};
}

PowerCurve curve(const GateTest& test, const MetricLaw& law, const ArmCounts& window) {
  return PowerCurve({.test = &test, .law = law, .windows = {&window, 1}});
}

// Exact shares of harmless looks beyond "twice the baseline's rate", by enumeration in Python; the
// known baseline is a limit of 2p. The many counts of the largest baseline are stood for by 32
// values, hence its 2%.
TEST(PowerCurve, ThresholdsFailHarmlessLooksAsOftenAsEnumerationSays) {
  struct Row {
    double p, n, known, equal, ninety_nine_times;
  };
  for (const Row& row : {Row{0.005, 50, 0.22169, 0.17294, 0.22169},
                         {0.01, 50, 0.08944, 0.24321, 0.24507},
                         {0.01, 500, 0.01324, 0.13018, 0.02238},
                         {0.02, 500, 0.00141, 0.06070, 0.00241}}) {
    const auto known = made("fixed_threshold", "error", harm(Relation::absolute, 2.0 * row.p));
    const auto twice = made("fixed_threshold", "error", harm(Relation::ratio, 2.0));
    EXPECT_NEAR(curve(*known, rate(row.p), {0, row.n}).at(row.p), row.known, 1e-5) << row.p;
    EXPECT_NEAR(curve(*twice, rate(row.p), {row.n, row.n}).at(row.p), row.equal, 1e-5) << row.p;
    EXPECT_NEAR(curve(*twice, rate(row.p), {99.0 * row.n, row.n}).at(row.p), row.ninety_nine_times,
                0.02 * row.ninety_nine_times)
        << row.p;
  }
}

// Exact one-sided rejection rates of the pooled z test at 5%, by enumeration in Python.
TEST(PowerCurve, ThePooledZTestHasThePowerThatEnumerationSays) {
  struct Row {
    double baseline, candidate, p1, p2, power;
  };
  const auto test = made("z_test", "error", harm(Relation::ratio, 1.0));
  for (const Row& row : {Row{50, 50, 0.02, 0.02, 0.02976},
                         {1350, 150, 0.01, 0.01, 0.06414},
                         {4950, 50, 0.01, 0.01, 0.08798},
                         {1350, 150, 0.01, 0.02, 0.31624},
                         {500, 500, 0.01, 0.02, 0.36286},
                         {1500, 1500, 0.01, 0.02, 0.73911},
                         {150, 1350, 0.02, 0.04, 0.30424}})
    EXPECT_NEAR(curve(*test, rate(row.p1), {row.baseline, row.candidate}).at(row.p2), row.power,
                1e-5)
        << row.baseline << ':' << row.candidate;
}

// statsmodels, zt_ind_solve_power(effect_size, alpha=.05, power=.8): 392.44, 1569.77 and 6279.09
// per arm.
TEST(PowerCurve, MeansAreSeenAtTheSampleSizesOfStatsmodels) {
  const auto test =
      made("z_test", "quality", harm(Relation::difference, 0.0), {{"sides", std::string("two")}});
  const MetricLaw law{.change = MetricLaw::Change::shift, .mean = 0.5, .sd = 0.2};
  for (const auto& [d, n] : {std::pair{0.2, 392.44}, {0.1, 1569.77}, {0.05, 6279.09}}) {
    const PowerCurve power = curve(*test, law, {std::round(n), std::round(n)});
    EXPECT_NEAR(power.at(law.mean + d * law.sd), 0.8, 1e-3) << d;
    EXPECT_NEAR(power.smallest(0.8).value(), law.mean + d * law.sd, 1e-3 * d) << d;
  }
}

// The classical formula with pooled variance, from the published table of sample sizes for alpha
// 5%. Counts are whole, so that the power of n per arm lies within a point of what the formula asks
// for.
TEST(PowerCurve, RatesAreSeenAtTheClassicalSampleSizes) {
  const auto test =
      made("z_test", "error", harm(Relation::ratio, 1.0), {{"sides", std::string("two")}});
  struct Row {
    double p1, p2, n, power;
  };
  for (const Row& row : {Row{0.02, 0.03, 3825.1, 0.8},
                         {0.01, 0.02, 2318.2, 0.8},
                         {0.005, 0.01, 6255.1, 0.9},
                         {0.05, 0.06, 8157.7, 0.8},
                         {0.5, 0.55, 1564.7, 0.8}}) {
    const PowerCurve power = curve(*test, rate(row.p1), {row.n, row.n});
    EXPECT_NEAR(power.at(row.p2), row.power, 0.01) << row.p1;
    EXPECT_NEAR(power.smallest(row.power).value() / row.p2, 1.0, 0.01) << row.p1;
  }
}

TEST(PowerCurve, LessIsSeenAsMoreIs) {
  const auto rises = made("z_test", "quality", harm(Relation::difference, 0.0));
  const auto falls = made("z_test", "quality", harm(Relation::difference, 0.0, Direction::down));
  const MetricLaw law{.change = MetricLaw::Change::shift, .mean = 0.5, .sd = 0.2};
  const ArmCounts window{1000, 250};
  const PowerCurve up({.test = rises.get(), .law = law, .windows = {&window, 1}});
  const PowerCurve down(
      {.test = falls.get(), .harm = Direction::down, .law = law, .windows = {&window, 1}});
  EXPECT_NEAR(up.smallest(0.8).value() - 0.5, 0.5 - down.smallest(0.8).value(), 1e-6);
}

TEST(PowerCurve, WithoutEnoughRequestsNothingIsVisible) {
  const auto test = made("normal_mixture", "cost", harm(Relation::ratio, 1.2));
  const MetricLaw law{.mean = 1.0, .sd = 1.0};
  EXPECT_FALSE(curve(*test, law, {1000, 20}).smallest(0.8).has_value());
  EXPECT_FALSE(curve(*test, law, {1000, 0}).smallest(0.8).has_value());
}

TEST(PowerCurve, AfterThePlannedLooksMoreTrafficShowsNothing) {
  const auto test = made("welch_t", "quality", harm(Relation::difference, 0.0), {{"looks", 2.0}});
  const MetricLaw law{.change = MetricLaw::Change::shift, .mean = 0.5, .sd = 0.2};
  const std::vector<ArmCounts> windows(40, ArmCounts{100, 100});
  const auto smallest = [&](std::size_t count) {
    return PowerCurve({.test = test.get(), .law = law, .windows = std::span(windows).first(count)})
        .smallest(0.8)
        .value();
  };
  EXPECT_LT(smallest(2), smallest(1));
  EXPECT_DOUBLE_EQ(smallest(2), smallest(40));
}

}  // namespace
}  // namespace gatewright::analysis
