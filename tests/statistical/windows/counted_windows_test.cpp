// Claims, seeds fixed: what telemetry counts of a window has one law whether requests or windows are
// played: counts, sums, quantiles, whole distributions, pairs, covariates, segments. Per case a two-sample
// KS of every statistic at 1% over all of the case's statistics (Bonferroni), 300 to 1,500 windows each;
// rank correlations of statistics agree within 4 standard errors. The long comparison (see CMakeLists.txt)
// does the same with 100,000 windows.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/statistical/windows/eventful.h"
#include "tests/statistical/windows/evidence.h"

namespace gatewright::sim::testing {
namespace {

using Kind = Statistic::Kind;
using Pairs = std::vector<std::pair<std::string, std::string>>;

void expect_one_law(const Scenario& scenario, Look look, const Pairs& together) {
  look.seed = 11;  // of both: assignment and segments are the seed's, all other luck differs
  const Evidence requests = evidence_of(scenario, Fidelity::requests, look);
  const Evidence drawn = evidence_of(scenario, Fidelity::windows, look);
  ASSERT_EQ(requests.size(), drawn.size());
  ASSERT_FALSE(requests.empty());
  double largest = 0.0;
  for (const auto& [name, sample] : requests) {
    const Sample& other = drawn.at(name);
    const double apart = distance(sample, other);
    EXPECT_LT(apart, critical_distance(0.01 / static_cast<double>(requests.size()), sample.size(),
                                       other.size()))
        << name;
    largest = std::max(largest, apart);
  }
  for (const auto& [a, b] : together)
    EXPECT_NEAR(rank_correlation(requests.at(a), requests.at(b)),
                rank_correlation(drawn.at(a), drawn.at(b)),
                4.0 * std::sqrt(2.0 / static_cast<double>(look.windows)))
        << a << " and " << b;
  std::printf("  %zu statistics of %zu windows: largest distance %.4f\n", requests.size(),
              look.windows, largest);
}

Pairs in_both_arms(const Pairs& names) {
  Pairs pairs;
  for (const std::string arm : {"baseline ", "candidate "})
    for (const auto& [a, b] : names) pairs.emplace_back(arm + a, arm + b);
  return pairs;
}

const Pairs kSumsTogether = in_both_arms({{"latency mean", "cost mean"},
                                          {"latency log mean", "cost log mean"},
                                          {"latency mean", "latency variance"},
                                          {"error mean", "latency mean"},
                                          {"input_tokens mean", "cost mean"}});

TEST(CountedWindows, HaveOneLawOfSumsAt50Requests) {
  expect_one_law(eventful(50), {sums(), {.served = 5'000}, 1'500}, kSumsTogether);
}
TEST(CountedWindows, HaveOneLawOfSumsAt5000Requests) {
  expect_one_law(eventful(5'000), {sums(), {.served = 5'000}, 200}, kSumsTogether);
}
TEST(CountedWindows, HaveOneLawWhereRequestsAreMirrored) {
  Pairs together = kSumsTogether;
  for (const std::string metric : {"latency log mean", "cost mean", "input_tokens mean"})
    together.emplace_back("baseline " + metric, "candidate " + metric);
  expect_one_law(eventful(300), {sums(), {.mirrored = 5'000}, 800}, together);
}
TEST(CountedWindows, HaveOneLawWhereTelemetrySeesSomeOfTheMirroredRequests) {
  Scenario scenario = eventful(100);
  scenario.telemetry.mirrored_sampled = 0.3;
  expect_one_law(scenario, {sums(), {.served = 2'000, .mirrored = 4'000}, 800}, {});
}

const Pairs kQuantilesTogether = in_both_arms({{"latency p95", "latency p99"},
                                               {"latency p95", "latency mean"},
                                               {"latency p99", "latency mean"},
                                               {"latency p95", "cost p95"},
                                               {"cost p95", "cost mean"},
                                               {"latency p95", "output_tokens histogram p95"},
                                               {"latency mean", "output_tokens histogram mean"}});

TEST(CountedWindows, HaveOneLawOfQuantilesAndMeansTogether) {
  for (const double requests_per_arm : {60.0, 200.0, 1'000.0})
    expect_one_law(eventful(requests_per_arm), {quantiles(), {.served = 5'000}, 1'500},
                   kQuantilesTogether);
}
/// A reading adds up windows of telemetry whose values are not drawn yet.
TEST(CountedWindows, HaveOneLawOfQuantilesOverSeveralMinutes) {
  expect_one_law(
      eventful(100),
      {.probes = quantiles(5min), .exposure = {.served = 5'000}, .windows = 800, .length = 5min},
      kQuantilesTogether);
}
TEST(CountedWindows, HaveOneLawOfQuantilesWhereRequestsAreMirrored) {
  Pairs together = kQuantilesTogether;
  together.emplace_back("baseline latency p95", "candidate latency p95");
  expect_one_law(eventful(200), {quantiles(), {.mirrored = 10'000}, 800}, together);
}
TEST(CountedWindows, HaveOneLawOfQuantilesThatAMetricsStoreInterpolates) {
  Look look{
      {quantile_probe("latency", 0.95), probe("latency", Kind::mean)}, {.served = 5'000}, 1'000};
  look.probes[0].statistic.definition = QuantileDefinition::histogram_quantile;
  look.probes[0].statistic.buckets = {0.5, 1.0, 2.0, 4.0, 8.0, 16.0};
  expect_one_law(eventful(200), look, in_both_arms({{"latency p95", "latency mean"}}));
}

TEST(CountedWindows, HaveOneLawOfPairs) {
  Look look{{}, {.mirrored = 5'000}, 800};
  for (const auto& [metric, kind] :
       {std::pair{"latency", Kind::mean_log}, {"cost", Kind::mean}, {"error", Kind::rate}}) {
    look.probes.push_back(probe(metric, kind));
    look.probes.back().statistic.pairs = true;
  }
  expect_one_law(eventful(300), look,
                 {{"baseline cost of pairs mean", "cost covariance of pairs"}});
}

/// Windows of one or two requests leave no room for rounding: evidence_of() fails where an engine refuses
/// what it is told.
TEST(CountedWindows, OfFewRequestsAreBelieved) {
  Look all{sums(), {.served = 5'000}, 1'000, 11};
  Look pairs{{}, {.mirrored = 10'000}, 1'000, 11};
  Look beside{{}, {.served = 5'000}, 1'000, 11};
  for (const auto& [metric, kind] : {std::pair{"latency", Kind::mean_log}, {"cost", Kind::mean}}) {
    pairs.probes.push_back(probe(metric, kind));
    pairs.probes.back().statistic.pairs = true;
    beside.probes.push_back(probe(metric, kind));
    beside.probes.back().statistic.covariate = "input_tokens";
  }
  for (const Look& look : {all, pairs, beside})
    EXPECT_FALSE(evidence_of(eventful(1), Fidelity::windows, look).empty());
}

TEST(CountedWindows, HaveOneLawWithACovariate) {
  Look look{{}, {.served = 5'000}, 1'000};
  for (const auto& [metric, kind] : {std::pair{"latency", Kind::mean_log}, {"cost", Kind::mean}}) {
    look.probes.push_back(probe(metric, kind));
    look.probes.back().statistic.covariate = "input_tokens";
  }
  expect_one_law(eventful(200), look,
                 in_both_arms({{"cost mean", "cost covariate"}, {"cost mean", "cost covariance"}}));
}

/// Effects and gates of one segment.
TEST(CountedWindows, HaveOneLawInEverySegment) {
  Scenario scenario = eventful(200);
  scenario.traffic.segments = {{"free", 0.8}, {"premium", 0.2}};
  scenario.effects.push_back(effect("latency", 1.5));
  scenario.effects.back().segment = "premium";
  Look look{{}, {.served = 5'000}, 1'000};
  for (const char* segment : {"", "free", "premium"})
    for (const auto& [metric, kind] :
         {std::pair{"latency", Kind::mean}, {"error", Kind::rate}, {"thumbs_down", Kind::rate}}) {
      look.probes.push_back(probe(metric, kind));
      look.probes.back().segment = segment;
    }
  look.probes.push_back(quantile_probe("latency", 0.9));
  look.probes.back().segment = "premium";
  expect_one_law(scenario, look,
                 in_both_arms({{"latency mean", "latency of premium mean"},
                               {"latency of premium p90", "latency of premium mean"}}));
}

/// A candidate 2% more costly is told from an equal one: the comparison has the power to find what a
/// wrong mean would be.
TEST(CountedWindows, AWrongMeanIsFound) {
  Scenario wrong = eventful(500);
  wrong.effects.front().multiply *= 1.02;
  const Look look{{probe("cost", Kind::mean)}, {.served = 5'000}, 1'500, 11};
  const Evidence requests = evidence_of(eventful(500), Fidelity::requests, look);
  const Evidence drawn = evidence_of(wrong, Fidelity::windows, look);
  EXPECT_GT(distance(requests.at("candidate cost mean"), drawn.at("candidate cost mean")),
            critical_distance(0.01 / 120.0, 1'500, 1'500));
}

}  // namespace
}  // namespace gatewright::sim::testing
