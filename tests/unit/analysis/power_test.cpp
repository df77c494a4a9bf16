// Power and false alarms of gates, against values that others computed.
#include "analysis/power.h"

#include <cmath>
#include <limits>
#include <tuple>

#include <gtest/gtest.h>
#include <boost/math/distributions/normal.hpp>

#include "policies/histogram.h"

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

/// 100,000 lognormal values of median 1, by equal steps of their share.
MetricLaw lognormal(MetricLaw::Change change, double sigma) {
  Histogram values;
  constexpr int kValues = 100'000;
  for (int i = 0; i < kValues; ++i)
    values.add(
        std::exp(sigma * quantile(boost::math::normal_distribution<>(), (i + 0.5) / kValues)));
  return {.change = change, .mean = 1.0, .sd = 1.0, .values = ValueLaw(values.view())};
}

TEST(ValueLaw, KnowsTheSharesAndQuantilesOfItsHistogram) {
  const ValueLaw law = lognormal(MetricLaw::Change::distance, 0.8).values;
  // Within half a bin of the grid, 0.4%.
  EXPECT_NEAR(law.quantile(0.9), std::exp(0.8 * 1.2815516), 0.004 * std::exp(0.8 * 1.2815516));
  EXPECT_NEAR(law.share_up_to(1.0), 0.5, 0.003);
  // sqrt(p (1 - p)) over the density of the lognormal law at its 90% quantile.
  const double density = 0.17549833 / (0.8 * std::exp(0.8 * 1.2815516));
  EXPECT_NEAR(law.quantile_spread(0.9) * density / 0.3, 1.0, 0.05);
  // 2 Phi(ln(1.15) / (2 sigma)) - 1, where the two densities cross.
  EXPECT_NEAR(law.apart(1.15).distance, 0.0696077, 0.0005);
  const auto thousand = law.values(1000.0, 2.0);
  EXPECT_EQ(count(thousand), 1000U);
  EXPECT_NEAR(quantile(thousand, 0.5), 2.0, 0.02);
}

// scipy 1.17, scipy.stats.nct.sf: one-sided t of 400 differences, 0.125 of their deviation off.
// Answers of deviation 1 that go together by 0.6: their differences have deviation sqrt(0.8).
TEST(PowerCurve, PairsAreSeenByTheSpreadOfTheirDifferences) {
  const auto test = made("paired_t", "quality", harm(Relation::difference, 0.0));
  const MetricLaw law{
      .change = MetricLaw::Change::shift, .mean = 0.5, .sd = 1.0, .covariance = 0.6};
  const double shift = 0.125 * std::sqrt(0.8);
  EXPECT_NEAR(curve(*test, law, {400, 400}).at(law.mean + shift), 0.80259, 2e-3);
}

// The sign test of discordant pairs, one-sided at 5%: exact, by summation over their number (scipy
// 1.17). The curve takes the two kinds of them to be independent, hence the half point.
TEST(PowerCurve, EventsOfPairsAreSeenByThoseOfOneArmAlone) {
  const auto test = made("mcnemar", "error", harm(Relation::ratio, 1.0));
  MetricLaw law = rate(0.02);
  law.both = 0.01;
  EXPECT_NEAR(curve(*test, law, {500, 500}).at(0.02), 0.03240, 2e-3);
  EXPECT_NEAR(curve(*test, law, {500, 500}).at(0.05), 0.78680, 5e-3);
  EXPECT_NEAR(curve(*test, law, {2000, 2000}).at(0.03), 0.60257, 5e-3);
}

// A level is the 90% quantile of the baseline; the candidate has 90%, 87% or 85% of its values below
// it. Binomial tails by scipy 1.17: 172 of 200 and 883 of 1,000 are the most that show harm at 5%. The
// curve counts at the alarm what the test counts at the level: of 200 values a few points less.
TEST(PowerCurve, QuantilesAreSeenByOrderStatistics) {
  MetricLaw law = lognormal(MetricLaw::Change::quantile, 0.8);
  law.probability = 0.9;
  // The upper end of a bin, so that no value on the grid is on the wrong side.
  const double level = HistogramGrid::upper(HistogramGrid::bin(law.values.quantile(0.9)));
  const double below = law.values.share_up_to(level);
  law.mean = law.values.quantile(0.9);
  law.sd = law.values.quantile_spread(0.9);
  const HarmSpec above{.kind = HarmSpec::Kind::quantile,
                       .probability = 0.9,
                       .relation = Relation::absolute,
                       .margin = HistogramGrid::middle(HistogramGrid::bin(law.mean))};
  ASSERT_NEAR(below, 0.9, 0.002);
  for (const auto& [n, share, power, less] : {std::tuple{200.0, 0.87, 0.36746, 0.07},
                                              {200.0, 0.85, 0.68341, 0.07},
                                              {1000.0, 0.87, 0.89922, 0.03}}) {
    const auto test = made("order_statistic", "latency", above, {{"looks", 1.0}, {"samples", n}});
    // The candidate's share below the level is `share`.
    const double factor = level / law.values.quantile(share);
    const double seen = curve(*test, law, {n, n}).at(law.mean * factor);
    EXPECT_LT(seen, power + 0.02) << n << ' ' << share;
    EXPECT_GT(seen, power - less) << n << ' ' << share;
  }
}

// Lognormal values of sigma 0.8 against the same times a factor, 1,000 of each, at 5%: 4,000 pairs of
// samples, by ks_2samp of scipy 1.17 (asymptotic) and by the index over the baseline's deciles. The
// standard errors are below 0.008; the rest is for the law in the limit.
TEST(PowerCurve, DistancesAreSeenAsOftenAsScipysSimulationsSay) {
  const MetricLaw apart = lognormal(MetricLaw::Change::distance, 0.8);
  const auto ks =
      made("ks", "latency", testing::shift_harm(0.0), {{"looks", 1.0}, {"samples", 1000.0}});
  EXPECT_NEAR(curve(*ks, apart, {1000, 1000}).at(1.1), 0.62375, 0.03);
  EXPECT_NEAR(curve(*ks, apart, {1000, 1000}).at(1.15), 0.91325, 0.03);
  const MetricLaw index = lognormal(MetricLaw::Change::index, 0.8);
  const auto psi =
      made("psi", "latency", testing::shift_harm(0.0), {{"looks", 1.0}, {"samples", 1000.0}});
  EXPECT_NEAR(curve(*psi, index, {1000, 1000}).at(1.1), 0.38075, 0.03);
  EXPECT_NEAR(curve(*psi, index, {1000, 1000}).at(1.15), 0.7495, 0.03);
  EXPECT_NEAR(curve(*psi, index, {1000, 1000}).at(1.2), 0.958, 0.03);
  EXPECT_NEAR(apart_by(index, 1.15), 0.0292413, 0.0005);
  EXPECT_NEAR(factor_apart(apart, 0.0696077).value(), 1.15, 0.001);
}

// Halted by drift alone: against one edge, by a level that lasts for ever, half of those whose arms
// differ by more than it; the normal law.
TEST(PowerCurve, ALevelThatLastsHaltsWhomItPutsBeyondTheEdge) {
  const auto test = made("normal_mixture", "quality", harm(Relation::difference, 0.1));
  const MetricLaw law{.change = MetricLaw::Change::shift, .mean = 0.5, .sd = 0.1};
  const std::vector<ArmCounts> windows(30, ArmCounts{1e7, 1e7});
  const PowerCurve power({.test = test.get(), .law = law, .windows = windows});
  const double forever = std::numeric_limits<double>::infinity();
  const auto beyond = [](double z) {
    return cdf(complement(boost::math::normal_distribution<>(), z));
  };
  EXPECT_NEAR(power.halted_by({.variance = 0.0025, .windows = forever}),
              beyond(0.1 / std::sqrt(2.0 * 0.0025)), 2e-3);
  EXPECT_NEAR(power.halted_by({.variance = 0.0025, .windows = forever}, 0.05),
              beyond(0.15 / std::sqrt(2.0 * 0.0025)), 2e-3);
  EXPECT_LT(power.halted_by({.variance = 0.0025, .windows = forever, .by_arm = false}), 1e-6);
}

}  // namespace
}  // namespace gatewright::analysis
