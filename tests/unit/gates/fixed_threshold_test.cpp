// Bare thresholds: relations, directions, strictness, what is a look, quantile definitions.
#include <cmath>
#include <limits>

#include "policies/histogram.h"
#include "tests/unit/gates/gate_player.h"

namespace gatewright::testing {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

GatePlayer threshold(std::string metric, const HarmSpec& harm,
                     std::map<std::string, TestValue> parameters = {},
                     std::uint64_t min_samples = 0) {
  return GatePlayer(
      gate(std::move(metric), harm, "fixed_threshold", std::move(parameters), min_samples));
}

bool fails(GatePlayer& player, const Summary& baseline, const Summary& candidate) {
  player.forget();
  return player.look(baseline, candidate).harm >= 1.0;
}

Reading reading(double value, std::uint64_t count = 0) {
  return {.value = value, .count = count, .status = ReadingStatus::ok};
}

TEST(FixedThreshold, RatioIsStrict) {
  auto player = threshold("error", harm(Relation::ratio, 2.0));
  EXPECT_FALSE(fails(player, events(5, 1000), events(10, 1000)));
  EXPECT_TRUE(fails(player, events(5, 1000), events(11, 1000)));
  EXPECT_FALSE(fails(player, events(990, 99'000), events(20, 1000)));
  EXPECT_TRUE(fails(player, events(989, 99'000), events(20, 1000)));
}

TEST(FixedThreshold, AnyEventExceedsARatioToNone) {
  auto player = threshold("error", harm(Relation::ratio, 2.0));
  EXPECT_FALSE(fails(player, events(0, 1000), events(0, 1000)));
  EXPECT_TRUE(fails(player, events(0, 1000), events(1, 1000)));
}

TEST(FixedThreshold, ExactlyAtTheLimitIsNoHarmWhateverTheRounding) {
  for (int percent = 1; percent < 100; ++percent) {
    auto above = threshold("error", harm(Relation::absolute, percent / 100.0));
    auto below = threshold("error", harm(Relation::absolute, percent / 100.0, Direction::down));
    for (const std::uint64_t scale : {1ULL, 7ULL, 1'000'003ULL, 10'000'000'000ULL}) {
      const std::uint64_t at = static_cast<std::uint64_t>(percent) * scale;
      const std::uint64_t count = 100 * scale;
      EXPECT_FALSE(fails(above, {}, events(at, count))) << at << " of " << count;
      EXPECT_FALSE(fails(below, {}, events(at, count))) << at << " of " << count;
      if (count > 1'000'000'000) continue;
      EXPECT_TRUE(fails(above, {}, events(at + 1, count))) << at << " of " << count;
      EXPECT_TRUE(fails(below, {}, events(at - 1, count))) << at << " of " << count;
    }
  }
}

TEST(FixedThreshold, DifferenceIsInTheMetricsUnit) {
  auto player = threshold("error", harm(Relation::difference, 0.01));
  EXPECT_FALSE(fails(player, events(10, 1000), events(2, 100)));
  EXPECT_TRUE(fails(player, events(10, 1000), events(3, 100)));
  EXPECT_FALSE(fails(player, events(0, 700), events(7, 700)));
}

TEST(FixedThreshold, DownwardHarmIsTheMirror) {
  auto ratio = threshold("thumbs_up", harm(Relation::ratio, 0.8, Direction::down));
  EXPECT_FALSE(fails(ratio, events(50, 1000), events(40, 1000)));
  EXPECT_TRUE(fails(ratio, events(50, 1000), events(39, 1000)));
  auto difference = threshold("quality", harm(Relation::difference, -0.05, Direction::down));
  EXPECT_FALSE(fails(difference, numbers(0.80, 0.1, 64), numbers(0.75, 0.1, 64)));
  EXPECT_TRUE(fails(difference, numbers(0.80, 0.1, 64), numbers(0.74, 0.1, 64)));
  auto absolute = threshold("quality", harm(Relation::absolute, 0.75, Direction::down));
  EXPECT_FALSE(fails(absolute, {}, numbers(0.75, 0.1, 64)));
  EXPECT_TRUE(fails(absolute, {}, numbers(0.74, 0.1, 64)));
}

TEST(FixedThreshold, AskForMeansRatesReadingsAndQuantiles) {
  const HarmSpec mean = harm(Relation::ratio, 1.2);
  EXPECT_EQ(threshold("cost", mean).test().form(), Form::samples);
  EXPECT_EQ(threshold("cost", mean).test().statistic(), Statistic{});
  EXPECT_EQ(threshold("error", mean).test().statistic(), statistic(Statistic::Kind::rate));
  EXPECT_EQ(threshold("cpu", mean).test().form(), Form::readings);
  EXPECT_EQ(threshold("cpu", mean).test().statistic(), Statistic{});

  const HarmSpec p99 = quantile_harm(0.99, Relation::ratio, 1.5);
  const Statistic linear = statistic(Statistic::Kind::quantile, 0.99);
  EXPECT_EQ(threshold("latency", p99).test().form(), Form::readings);
  EXPECT_EQ(threshold("latency", p99).test().statistic(), linear);

  Statistic expected = linear;
  expected.definition = QuantileDefinition::nearest_rank;
  EXPECT_EQ(threshold("latency", p99, {{"definition", "nearest_rank"}}).test().statistic(),
            expected);
  const auto histogram = threshold("latency", p99, {{"definition", "histogram"}});
  EXPECT_EQ(histogram.test().form(), Form::distributions);
  EXPECT_EQ(histogram.test().statistic(), expected);

  expected.definition = QuantileDefinition::histogram_quantile;
  expected.buckets = {0.1, 0.5, 2.5};
  EXPECT_EQ(threshold("latency", p99,
                      {{"definition", "histogram_quantile"}, {"buckets", expected.buckets}})
                .test()
                .statistic(),
            expected);
}

TEST(FixedThreshold, AbsoluteBoundsNeedNoBaseline) {
  auto absolute = threshold("error", harm(Relation::absolute, 0.02));
  EXPECT_FALSE(absolute.test().compares_arms());
  EXPECT_TRUE(fails(absolute, {}, events(3, 100)));
  EXPECT_TRUE(threshold("error", harm(Relation::ratio, 2.0)).test().compares_arms());
}

TEST(FixedThreshold, ALookWithTooFewSamplesIsNoLook) {
  auto player = threshold("error", harm(Relation::ratio, 2.0), {{"after", "2 consecutive"}}, 100);
  const Summary good = events(1, 100), bad = events(30, 100), thin = events(30, 99);
  EXPECT_FALSE(player.look(good, thin).enough);
  EXPECT_EQ(player.look(good, bad).harm, 0.5);
  EXPECT_TRUE(player.evidence().enough);

  const Evidence after_thin = player.look(good, thin);  // neither counts nor breaks the row
  EXPECT_EQ(after_thin.harm, 0.5);
  EXPECT_FALSE(after_thin.enough);
  EXPECT_EQ(player.look(thin, good).harm, 0.5);
  EXPECT_EQ(player.look(good, bad).harm, 1.0);
  EXPECT_EQ(player.look(good, good).harm, 0.0);
}

TEST(FixedThreshold, OnlyTheCandidateNeedsSamplesForAnAbsoluteBound) {
  auto player = threshold("error", harm(Relation::absolute, 0.02), {}, 100);
  EXPECT_TRUE(player.look(events(0, 0), events(3, 100)).enough);
  EXPECT_FALSE(player.look(events(0, 1000), events(3, 99)).enough);
}

TEST(FixedThreshold, AnEmptyWindowIsNoLook) {
  auto player = threshold("error", harm(Relation::ratio, 2.0));
  EXPECT_FALSE(player.look(events(0, 0), events(3, 100)).enough);
  EXPECT_FALSE(player.look(events(3, 100), events(0, 0)).enough);
  EXPECT_EQ(player.evidence().harm, 0.0);
  EXPECT_EQ(player.evidence().safety, 0.0);
}

TEST(FixedThreshold, SafetyIsAPassOfTheLastLook) {
  auto player = threshold("error", harm(Relation::ratio, 2.0), {{"after", "2 consecutive"}});
  EXPECT_EQ(player.look(events(1, 100), events(1, 100)).safety, 1.0);
  EXPECT_EQ(player.look(events(1, 100), events(9, 100)).safety, 0.0);
}

TEST(FixedThreshold, ReadingsThatAreMissingOrErrorsAreNoLook) {
  auto player = threshold("cpu", harm(Relation::ratio, 1.5), {{"after", "2 consecutive"}});
  const auto look = [&](const Reading& baseline, const Reading& candidate) {
    return player.look(Readings{.baseline = baseline, .candidate = candidate});
  };
  EXPECT_EQ(look(reading(0.4), reading(0.61)).harm, 0.5);
  EXPECT_FALSE(look(reading(0.4), Reading{}).enough);
  EXPECT_FALSE(look(Reading{.value = 1, .status = ReadingStatus::error}, reading(0.9)).enough);
  EXPECT_FALSE(look(reading(kNan), reading(0.9)).enough);
  EXPECT_EQ(player.evidence().harm, 0.5);
  EXPECT_EQ(look(reading(0.4), reading(0.6)).harm, 0.0);
}

TEST(FixedThreshold, ReadingsOfQuantilesCountTheirSamples) {
  auto player = threshold("latency", quantile_harm(0.99, Relation::ratio, 1.5), {}, 100);
  EXPECT_FALSE(
      player.look(Readings{.baseline = reading(1, 100), .candidate = reading(2, 99)}).enough);
  EXPECT_FALSE(player.look(Readings{.baseline = reading(1), .candidate = reading(2)}).enough);
  EXPECT_EQ(player.look(Readings{.baseline = reading(1, 100), .candidate = reading(2, 100)}).harm,
            1.0);
}

TEST(FixedThreshold, HistogramQuantilesAreOnTheGrid) {
  auto player = threshold("latency", quantile_harm(0.99, Relation::ratio, 1.5),
                          {{"definition", "histogram"}});
  Histogram baseline, candidate;
  for (int i = 1; i <= 1000; ++i) {
    baseline.add(0.001 * i);
    candidate.add(0.00152 * i);
  }
  const auto look = [&](const Histogram& b, const Histogram& c) {
    return player.look(Distributions{.baseline = b.view(), .candidate = c.view()});
  };
  EXPECT_EQ(look(baseline, candidate).harm, 1.0);
  EXPECT_EQ(look(baseline, baseline).harm, 0.0);
  EXPECT_FALSE(look(Histogram{}, candidate).enough);
}

TEST(FixedThreshold, OtherEventsChangeNothing) {
  auto player = threshold("error", harm(Relation::ratio, 2.0), {{"after", "2 consecutive"}});
  player.look(events(1, 100), events(9, 100));
  const auto slots = player.slots();
  player.look(Tick{});
  player.look(ExposureApplied{});
  EXPECT_EQ(player.slots()[3], slots[3]);
  EXPECT_EQ(player.evidence().harm, 0.5);
}

TEST(FixedThreshold, MoreHarmNeverLessensEvidence) {
  for (const Relation relation : {Relation::ratio, Relation::difference, Relation::absolute}) {
    auto player = threshold("error", harm(relation, relation == Relation::ratio ? 1.5 : 0.03));
    double last = 0.0;
    for (std::uint64_t bad = 0; bad <= 200; ++bad) {
      player.forget();
      const double now = player.look(events(4, 333), events(bad, 200)).harm;
      EXPECT_GE(now, last);
      last = now;
    }
    EXPECT_EQ(last, 1.0);
  }
}

TEST(FixedThreshold, RefusesWhatItCannotMean) {
  const HarmSpec p99 = quantile_harm(0.99, Relation::ratio, 1.5);
  const HarmSpec mean = harm(Relation::ratio, 1.5);
  const auto path = [](const GateSpec& spec) {
    const Diagnostics found = problems_of(spec);
    return found.size() == 1 ? found[0].path : std::to_string(found.size()) + " problems";
  };
  EXPECT_EQ(path(gate("cost", mean, "fixed_threshold", {{"after", "twice"}})), "test.after");
  EXPECT_EQ(path(gate("cost", mean, "fixed_threshold", {{"definition", "histogram"}})),
            "test.definition");
  EXPECT_EQ(path(gate("latency", p99, "fixed_threshold", {{"definition", "histogram_quantile"}})),
            "test.buckets");
  EXPECT_EQ(path(gate("latency", p99, "fixed_threshold",
                      {{"definition", "histogram_quantile"}, {"buckets", std::vector{1.0, 1.0}}})),
            "test.buckets");
  EXPECT_EQ(path(gate("latency", p99, "fixed_threshold", {{"buckets", std::vector{1.0, 2.0}}})),
            "test.buckets");
  EXPECT_EQ(path(gate("cpu", mean, "fixed_threshold", {}, 10)), "min_samples");
  EXPECT_EQ(problems_of(gate("cpu", mean, "fixed_threshold", {{"after", ""}}, 10)).size(), 2U);
  // Written-out defaults are no problem where they mean nothing.
  EXPECT_TRUE(problems_of(gate("cost", mean, "fixed_threshold",
                               {{"definition", "linear"}, {"buckets", std::vector<double>{}}}))
                  .empty());
}

}  // namespace
}  // namespace gatewright::testing
