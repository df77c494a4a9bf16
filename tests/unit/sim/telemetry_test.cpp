#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "sim/telemetry/bin_counts.h"
#include "sim/telemetry/probe_windows.h"
#include "sim/telemetry/quantile.h"
#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;

Statistic quantile_of(double probability, QuantileDefinition definition,
                      std::vector<double> buckets = {}) {
  return {Statistic::Kind::quantile, probability, definition, std::move(buckets)};
}

double quantile_of_values(std::vector<float> values, const Statistic& statistic) {
  return quantile(values, statistic);
}

TEST(Quantile, LinearInterpolatesBetweenOrderStatistics) {
  // R: quantile(c(1, 2, 4, 8), c(.25, .5, .9), type = 7)
  const std::vector<float> values = {8, 1, 4, 2};
  EXPECT_DOUBLE_EQ(quantile_of_values(values, quantile_of(0.25, QuantileDefinition::linear)), 1.75);
  EXPECT_DOUBLE_EQ(quantile_of_values(values, quantile_of(0.5, QuantileDefinition::linear)), 3.0);
  EXPECT_NEAR(quantile_of_values(values, quantile_of(0.9, QuantileDefinition::linear)), 6.8, 1e-12);
}

TEST(Quantile, OfManyIsThatOfTheSortedValues) {
  // 20,000 values: in order, falling, alike, and scattered (multiples of a prime).
  constexpr std::size_t kCount = 20'000;
  std::vector<std::vector<float>> all(4, std::vector<float>(kCount));
  for (std::size_t i = 0; i < kCount; ++i) {
    all[0][i] = static_cast<float>(i);
    all[1][i] = static_cast<float>(kCount - i);
    all[2][i] = 7.0F;
    all[3][i] = static_cast<float>(i * 7'919 % kCount);
  }
  for (const std::vector<float>& values : all) {
    std::vector<float> sorted = values;
    std::ranges::sort(sorted);
    for (const double p : {0.0001, 0.01, 0.5, 0.9, 0.95, 0.99, 0.9999, 1.0}) {
      const auto rank = static_cast<std::size_t>(std::ceil(p * kCount)) - 1;
      EXPECT_EQ(quantile_of_values(values, quantile_of(p, QuantileDefinition::nearest_rank)),
                static_cast<double>(sorted[rank]))
          << p;
      const double position = p * (kCount - 1);
      const auto low = static_cast<std::size_t>(position);
      const std::size_t high = std::min(low + 1, kCount - 1);
      const double expected =
          static_cast<double>(sorted[low]) +
          static_cast<double>(sorted[high] - sorted[low]) * (position - static_cast<double>(low));
      EXPECT_NEAR(quantile_of_values(values, quantile_of(p, QuantileDefinition::linear)), expected,
                  1e-9 * expected)
          << p;
    }
  }
}

TEST(Quantile, KnowsNegativeNumbersAndBothZeros) {
  // -1500 .. 1499 in thirds, each number three times, scattered; every third zero is a negative one.
  constexpr int kCount = 9'000;
  std::vector<float> values;
  for (int i = 0; i < kCount; ++i)
    values.push_back(static_cast<float>(i * 7'919 % kCount / 3 - 1'500) / 3.0F);
  *std::ranges::find(values, 0.0F) = -0.0F;
  std::vector<float> sorted = values;
  std::ranges::sort(sorted);
  for (int rank = 0; rank < kCount; rank += 50) {
    const double p = (rank + 1.0) / kCount;
    EXPECT_EQ(quantile_of_values(values, quantile_of(p, QuantileDefinition::nearest_rank)),
              static_cast<double>(sorted[static_cast<std::size_t>(rank)]))
        << p;
  }
}

TEST(Quantile, AGuessChangesNothing) {
  // Near, far, of the wrong sign, none.
  std::vector<float> values(15'000);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = 1.0F + static_cast<float>(i * 7'919 % values.size()) / 100.0F;
  const Statistic p95 = quantile_of(0.95, QuantileDefinition::linear);
  const double expected = quantile(values, p95);
  EXPECT_NEAR(expected, 1.0 + 0.95 * 149.99, 1e-4);
  for (const double guess : {expected, 1.02 * expected, 1e9, -3.0, 0.0})
    EXPECT_EQ(quantile(values, p95, guess), expected) << guess;
  const std::span<const float> few = std::span(values).first(700);
  for (const double guess : {100.0, quantile(few, p95)})
    EXPECT_EQ(quantile(few, p95, guess), quantile(few, p95)) << guess;
}

TEST(Quantile, ATailChangesNothing) {
  // Of quantiles in any order, from guesses near and far; one that is too low is not among what is kept.
  std::vector<float> values(15'000);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = 1.0F + static_cast<float>(i * 7'919 % values.size()) / 100.0F;
  values[7] = values[8];
  for (const double off : {1.0, 0.98, 1.02, 0.5, 1e9}) {
    Tail tail;
    bool was_kept = false;
    for (const double p : {0.95, 0.99, 0.999, 0.9, 0.5, 0.97, 1.0}) {
      const Statistic at = quantile_of(p, QuantileDefinition::linear);
      const double expected = quantile(values, at);
      EXPECT_EQ(quantile(values, at, off * expected, &tail), expected) << p << ' ' << off;
      was_kept |= !tail.values.empty();
      EXPECT_LE(tail.below + tail.values.size(), values.size());
    }
    EXPECT_EQ(was_kept, std::abs(off - 1.0) < 0.1) << off;
  }
}

TEST(Quantile, NearestRankIsAnObservedValue) {
  // R: quantile(c(1, 2, 4, 8), c(.25, .26, .99), type = 1)
  const std::vector<float> values = {8, 1, 4, 2};
  const auto at = [&](double p) {
    return quantile_of_values(values, quantile_of(p, QuantileDefinition::nearest_rank));
  };
  EXPECT_EQ(at(0.25), 1.0);
  EXPECT_EQ(at(0.26), 2.0);
  EXPECT_EQ(at(0.99), 8.0);
}

TEST(Quantile, NearestRankIsNotMovedByBinaryFractions) {
  std::vector<float> values(100);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i + 1);
  EXPECT_EQ(quantile_of_values(values, quantile_of(0.07, QuantileDefinition::nearest_rank)), 7.0);
}

TEST(Quantile, BucketsInterpolateAsAMetricsStoreDoes) {
  const std::vector<float> values = {0.1F, 0.2F, 0.6F, 0.7F, 0.8F, 0.9F, 3.0F, 9.0F};
  const auto at = [&](double p, std::vector<double> buckets) {
    return quantile_of_values(
        values, quantile_of(p, QuantileDefinition::histogram_quantile, std::move(buckets)));
  };
  const double inf = std::numeric_limits<double>::infinity();
  // Rank 4 of 8: two values up to 0.5, six up to 1: half way through the second bucket.
  EXPECT_DOUBLE_EQ(at(0.5, {0.5, 1.0, 5.0}), 0.75);
  EXPECT_DOUBLE_EQ(at(0.5, {0.5, 1.0, 5.0, inf}), 0.75);
  // The first bucket starts at 0.
  EXPECT_DOUBLE_EQ(at(0.125, {0.5, 1.0}), 0.25);
  // A rank beyond the last finite bound gives that bound.
  EXPECT_DOUBLE_EQ(at(0.99, {0.5, 1.0, 5.0}), 5.0);
  // A first bound that is not above 0 is its own answer.
  EXPECT_EQ(
      quantile_of_values({-1.0F, 1.0F},
                         quantile_of(0.25, QuantileDefinition::histogram_quantile, {0.0, 2.0})),
      0.0);
  EXPECT_TRUE(std::isnan(at(0.5, {inf})));
}

TEST(Quantile, OfNothingIsUndefined) {
  EXPECT_TRUE(std::isnan(quantile_of_values({}, quantile_of(0.5, QuantileDefinition::linear))));
}

TEST(BinCounts, ListsWhatWasAddedAndForgetsItWhenCleared) {
  BinCounts counts;
  std::vector<HistogramBin> list;
  counts.list(list);
  EXPECT_TRUE(list.empty());
  Histogram reference;
  for (const double value : {0.0, 1.0, 1.0, 250.0, 1e12}) {
    counts.add(value);
    reference.add(value);
  }
  counts.list(list);
  EXPECT_TRUE(std::ranges::equal(list, reference.view()));
  BinCounts twice;
  twice.add(counts);
  twice.add(counts);
  twice.list(list);
  EXPECT_EQ(count(list), 10U);
  twice.clear();
  twice.list(list);
  EXPECT_TRUE(list.empty());
}

/// Closes telemetry windows of one minute; in window k each arm has k + 1 requests of value k.
struct Grid {
  explicit Grid(std::vector<Probe> probes) : windows(probes, 1min), count(probes.size()) {}
  std::vector<std::pair<std::uint64_t, Samples>> close_until(std::uint64_t last,
                                                             ProbeMask wanted = ~ProbeMask{0}) {
    std::vector<std::pair<std::uint64_t, Samples>> reports;
    for (; next <= last; ++next) {
      Tally tally;
      const auto value = static_cast<double>(next);
      for (ArmTally& arm : tally)
        arm.summary = {next + 1, value * (value + 1.0), value * value * (value + 1.0)};
      std::vector<const Tally*> tallies(count, &tally);
      windows.close(next, tallies, wanted);
      for (const Report& report : windows.take(next))
        reports.emplace_back(next, std::get<Samples>(report.event));
    }
    return reports;
  }
  ProbeWindows windows;
  std::size_t count;
  std::uint64_t next = 0;
};

TEST(ProbeWindows, TumblingWindowsCoverEveryMinuteOnce) {
  Grid grid({probe("cost", Statistic::Kind::mean, Form::samples, 3min)});
  const auto reports = grid.close_until(8);
  ASSERT_EQ(reports.size(), 3U);
  for (std::size_t i = 0; i < reports.size(); ++i) {
    EXPECT_EQ(reports[i].first, 3 * i + 2);
    EXPECT_EQ(reports[i].second.window, i);
  }
  EXPECT_EQ(reports[0].second.baseline.count, 1U + 2U + 3U);
  EXPECT_EQ(reports[1].second.candidate.sum, 3.0 * 4.0 + 4.0 * 5.0 + 5.0 * 6.0);
}

TEST(ProbeWindows, WindowsLongerThanTheirIntervalOverlap) {
  Probe sliding = probe("cost", Statistic::Kind::mean, Form::samples, 5min);
  sliding.every = 2min;
  sliding.initial_delay = 1min;
  Grid grid({sliding});
  const auto reports = grid.close_until(9);
  // Window j covers minutes 1 + 2j .. 5 + 2j.
  ASSERT_EQ(reports.size(), 3U);
  for (std::uint64_t j = 0; j < 3; ++j) {
    EXPECT_EQ(reports[j].first, 5 + 2 * j);
    EXPECT_EQ(reports[j].second.window, j);
    std::uint64_t requests = 0;
    for (std::uint64_t k = 1 + 2 * j; k <= 5 + 2 * j; ++k) requests += k + 1;
    EXPECT_EQ(reports[j].second.baseline.count, requests);
  }
}

TEST(ProbeWindows, WindowsShorterThanTheirIntervalLeaveGaps) {
  Probe sparse = probe("cost", Statistic::Kind::mean, Form::samples, 1min);
  sparse.every = 3min;
  const auto reports = Grid({sparse}).close_until(6);
  ASSERT_EQ(reports.size(), 3U);
  EXPECT_EQ(reports[2].first, 6U);
  EXPECT_EQ(reports[2].second.baseline.count, 7U);
}

TEST(ProbeWindows, OnlyProbesThatAreMeasuredAtTheCloseAreReported) {
  Grid grid({probe("cost", Statistic::Kind::mean), probe("latency", Statistic::Kind::mean)});
  EXPECT_EQ(grid.close_until(0, 0b10).at(0).second.probe, ProbeIndex{1});
  EXPECT_TRUE(grid.close_until(1, 0).empty());
  const auto both = grid.close_until(2, 0b11);
  ASSERT_EQ(both.size(), 2U);
  // What went unreported does not leak into the next window, and numbers go on.
  EXPECT_EQ(both[0].second.baseline.count, 3U);
  EXPECT_EQ(both[0].second.window, 2U);
}

TEST(ProbeWindows, ReportsWaitUntilTheyAreTakenInOrder) {
  const std::vector<Probe> probes = {probe("cost", Statistic::Kind::mean)};
  ProbeWindows windows(probes, 1min);
  for (std::uint64_t k = 0; k < 20; ++k) {
    Tally tally;
    tally[0].summary.count = k;
    const Tally* const tallies[] = {&tally};
    windows.close(k, tallies, 1);
  }
  for (std::uint64_t k = 0; k < 20; ++k) {
    const auto reports = windows.take(k);
    ASSERT_EQ(reports.size(), 1U);
    EXPECT_EQ(std::get<Samples>(reports[0].event).baseline.count, k);
    EXPECT_TRUE(windows.take(k).empty());
  }
}

TEST(ProbeWindows, AReadingOfNothingIsMissing) {
  Probe readings = probe("latency", Statistic::Kind::quantile, Form::readings);
  readings.statistic.probability = 0.5;
  const std::vector<Probe> probes = {readings};
  ProbeWindows windows(probes, 1min);
  Tally tally;
  tally[0].values = {3.0F, 1.0F, 2.0F};
  const Tally* const tallies[] = {&tally};
  windows.close(0, tallies, 1);
  const auto& told = std::get<Readings>(windows.take(0)[0].event);
  EXPECT_EQ(told.baseline, (Reading{2.0, 3, ReadingStatus::ok}));
  EXPECT_EQ(told.candidate, Reading{});
}

}  // namespace
}  // namespace gatewright::sim
