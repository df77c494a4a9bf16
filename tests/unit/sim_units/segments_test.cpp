// Evidence of a segment: the requests of its users, and nobody else's.
#include <cmath>

#include <gtest/gtest.h>

#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;

Scenario segmented_world() {
  Scenario world = quiet_world();
  world.horizon = 90min;
  world.traffic.segments = {{"free", 0.8}, {"premium", 0.2}};
  return world;
}

/// A probe of everybody and one of each segment.
std::vector<Probe> of_each_segment(const Probe& probe) {
  std::vector<Probe> probes(3, probe);
  probes[1].segment = "free";
  probes[2].segment = "premium";
  return probes;
}

RunTrace trace_of(std::vector<Probe> probes, const Scenario& world, Exposure exposure) {
  Script script;
  script.stages = {{"all", exposure}};
  script.leave_at = {60min};
  script.probes = std::move(probes);
  RunTrace trace;
  (void)play(scripted(script), world, {7, 0}, &trace);
  return trace;
}

void expect_sum(const Summary& whole, const Summary& a, const Summary& b, const std::string& what) {
  EXPECT_EQ(whole.count, a.count + b.count) << what;
  EXPECT_GT(a.count, b.count) << what;
  EXPECT_GT(b.count, 0U) << what;
  EXPECT_NEAR(whole.sum, a.sum + b.sum, 1e-9 * std::abs(whole.sum)) << what;
}

void expect_parts_add_up(const std::string& metric, Statistic::Kind kind, Exposure exposure,
                         const Scenario& world = segmented_world()) {
  const RunTrace trace = trace_of(of_each_segment(probe(metric, kind)), world, exposure);
  const Totals all = totals(trace, 0), free = totals(trace, 1), premium = totals(trace, 2);
  expect_sum(all.baseline, free.baseline, premium.baseline, metric + " of the baseline");
  expect_sum(all.candidate, free.candidate, premium.candidate, metric + " of the candidate");
}

TEST(Segments, TheirPartsAddUpToTheWhole) {
  expect_parts_add_up("latency", Statistic::Kind::mean, {.served = 5'000});
  expect_parts_add_up("cost", Statistic::Kind::mean_log, {.served = 5'000});
  expect_parts_add_up("refusal", Statistic::Kind::rate, {.served = 5'000});
  expect_parts_add_up("agreement", Statistic::Kind::rate, {.mirrored = 5'000});
  expect_parts_add_up("preference", Statistic::Kind::rate, {.interleaved = 5'000});
}

TEST(Segments, TheirPartsAddUpWhereRatingsComeLate) {
  Scenario world = segmented_world();
  world.baseline.thumbs.rate_given = 0.5;
  world.baseline.thumbs.delay = {DelayLaw::Kind::fixed, 200.0, 0.0};
  expect_parts_add_up("thumbs_down", Statistic::Kind::rate, {.served = 5'000}, world);
}

TEST(Segments, TheirPartsAddUpBehindServers) {
  Scenario world = segmented_world();
  Serving serving;
  serving.baseline.replicas = serving.candidate.replicas = 50;
  world.serving = serving;
  expect_parts_add_up("latency", Statistic::Kind::mean, {.served = 5'000}, world);
}

TEST(Segments, DistributionsAndReadingsAreOfTheSegmentToo) {
  for (const Form form : {Form::distributions, Form::readings}) {
    const RunTrace trace =
        trace_of(of_each_segment(probe("latency", Statistic::Kind::mean, form, 5min)),
                 segmented_world(), {.served = 5'000});
    std::array<std::uint64_t, 3> counts{};
    for (const JournalEntry& entry : trace.journal.entries()) {
      if (const auto* told = std::get_if<Distributions>(&entry.observation.event))
        for (const HistogramBin& bin : told->candidate)
          counts[static_cast<std::size_t>(told->probe)] += bin.count;
      if (const auto* told = std::get_if<Readings>(&entry.observation.event))
        counts[static_cast<std::size_t>(told->probe)] += told->candidate.count;
    }
    EXPECT_EQ(counts[0], counts[1] + counts[2]);
    EXPECT_GT(counts[2], 0U);
  }
}

TEST(Segments, AnEffectOnOneIsSeenInThatOneAlone) {
  Scenario world = segmented_world();
  world.baseline.refusal_probability = 0.0;
  world.effects = {effect("refusal", 1.0, 0.05)};
  world.effects.front().segment = "premium";
  const RunTrace trace =
      trace_of(of_each_segment(probe("refusal", Statistic::Kind::rate)), world, {.served = 5'000});
  EXPECT_EQ(totals(trace, 1).candidate.sum, 0.0);
  const Summary premium = totals(trace, 2).candidate;
  const double rate = premium.sum / static_cast<double>(premium.count);
  EXPECT_NEAR(rate, 0.05, 4.0 * std::sqrt(0.05 * 0.95 / static_cast<double>(premium.count)));
  EXPECT_EQ(totals(trace, 0).candidate.sum, premium.sum);
}

TEST(Segments, TheWorldIsTheSameWhetherAskedForOrNot) {
  const Probe everybody = probe("latency", Statistic::Kind::mean);
  Probe premium = everybody;
  premium.segment = "premium";
  const RunTrace alone = trace_of({everybody}, segmented_world(), {.served = 5'000});
  const RunTrace both = trace_of({everybody, premium}, segmented_world(), {.served = 5'000});
  EXPECT_EQ(totals(alone, 0).candidate, totals(both, 0).candidate);
}

TEST(Segments, AnUnknownOneIsFoundWherePolicyAndWorldMeet) {
  PlanSpec plan = five_gates();
  plan.gates[1].segment = "premum";
  const Diagnostics diagnostics = check_fit(contender(plan), segmented_world());
  ASSERT_EQ(diagnostics.size(), 1U);
  EXPECT_EQ(diagnostics.front().path, "gates.cost.segment");
  EXPECT_EQ(diagnostics.front().message,
            "this world has no segment 'premum'; expected one of free, premium");
  plan.gates[1].segment = "premium";
  EXPECT_TRUE(check_fit(contender(plan), segmented_world()).empty());
}

}  // namespace
}  // namespace gatewright::sim
