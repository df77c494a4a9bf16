// What faults of telemetry do to reports, and what the engine makes of them.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "policies/digest.h"
#include "sim/telemetry/report_faults.h"
#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;
using Kind = TelemetryFaultKind;

TelemetryFault fault(Kind kind, std::string metric = {}, double share = 1.0) {
  TelemetryFault fault;
  fault.kind = kind;
  fault.metric = std::move(metric);
  fault.share = share;
  return fault;
}

Scenario with(TelemetryFault fault, Scenario scenario = quiet_world()) {
  scenario.telemetry.faults = {std::move(fault)};
  return scenario;
}

/// Half of the traffic, forever, with these probes.
Contender watching(std::vector<Probe> probes) {
  Script script;
  script.stages = {{"half", {.served = 5'000}}};
  script.probes = std::move(probes);
  return scripted(script);
}

/// The windows of a probe as they came, in order of coming.
std::vector<Samples> samples(const RunTrace& trace, std::uint16_t probe = 0) {
  std::vector<Samples> found;
  for (const JournalEntry& entry : trace.journal.entries())
    if (const auto* told = std::get_if<Samples>(&entry.observation.event))
      if (told->probe == ProbeIndex{probe}) found.push_back(*told);
  return found;
}

std::map<Fault, std::size_t> faults_in(const RunTrace& trace) {
  std::map<Fault, std::size_t> faults;
  for (const JournalEntry& entry : trace.journal.entries())
    if (entry.decision.fault != Fault::none) ++faults[entry.decision.fault];
  return faults;
}

/// S4 in the record: a refused observation leaves the digest as it was and moves nothing.
void expect_refusals_without_a_trace(const RunTrace& trace) {
  std::uint64_t before = digest(trace.initial_state);
  for (const JournalEntry& entry : trace.journal.entries()) {
    if (entry.decision.cause == Cause::observation_refused) {
      EXPECT_EQ(entry.digest, before);
      EXPECT_EQ(entry.decision.action, Action::hold);
    }
    before = entry.digest;
  }
}

TEST(TelemetryFaults, ReportsThatComeOneByOneTellTheSame) {
  const Scenario plain = quiet_world();
  const Contender five = contender(five_gates());
  for (const std::uint64_t replication : {0U, 1U}) {
    RunTrace together;
    RunTrace singly;
    const RunRecord a = play(five, plain, {7, replication}, &together);
    const RunRecord b = play(five, with(fault(Kind::lost, {}, 0.0)), {7, replication}, &singly);
    EXPECT_EQ(a.fingerprint, b.fingerprint);
    EXPECT_EQ(together.journal.entries().size(), singly.journal.entries().size());
  }
}

TEST(TelemetryFaults, LostReportsNeverCome) {
  const Contender half = watching({probe("latency", Statistic::Kind::mean)});
  RunTrace trace;
  play(half, with(fault(Kind::lost, "latency", 0.3)), {7, 0}, &trace);
  // 239 reports arrive within the four hours, each lost by its own draw: 71.7 +- 7.1 of them.
  EXPECT_NEAR(static_cast<double>(samples(trace).size()), 239 * 0.7, 4 * 7.1);
  EXPECT_TRUE(faults_in(trace).empty());

  play(half, with(fault(Kind::lost, "cost", 1.0)), {7, 0}, &trace);
  EXPECT_EQ(samples(trace).size(), 239U) << "other metrics are not concerned";
}

TEST(TelemetryFaults, AFaultHasABeginningAndAnEnd) {
  TelemetryFault lost = fault(Kind::lost);
  lost.from = 1h;
  lost.lasts = 30min;
  RunTrace trace;
  play(watching({probe("latency", Statistic::Kind::mean)}), with(lost), {7, 0}, &trace);
  std::set<std::uint64_t> came;
  for (const Samples& told : samples(trace)) came.insert(told.window);
  // Window k closes k + 1 minutes after the start: those that close from 60 to below 90 are lost.
  EXPECT_TRUE(came.contains(58));
  for (std::uint64_t k = 59; k < 89; ++k) EXPECT_FALSE(came.contains(k)) << k;
  EXPECT_TRUE(came.contains(89));
}

TEST(TelemetryFaults, ACopyIsRefusedAsStale) {
  RunTrace trace;
  const RunRecord record = play(watching({probe("latency", Statistic::Kind::mean)}),
                                with(fault(Kind::duplicated)), {7, 0}, &trace);
  EXPECT_EQ(faults_in(trace), (std::map<Fault, std::size_t>{{Fault::window_stale, 239}}));
  EXPECT_EQ(record.faults, 239U);
  expect_refusals_without_a_trace(trace);
}

TEST(TelemetryFaults, AReorderedReportComesRightAfterTheNextAndIsRefused) {
  RunTrace trace;
  play(watching({probe("latency", Statistic::Kind::mean)}), with(fault(Kind::reordered, {}, 0.3)),
       {7, 0}, &trace);
  const std::vector<Samples> came = samples(trace);
  std::size_t overtaken = 0;
  for (std::size_t i = 1; i < came.size(); ++i) {
    if (came[i].window > came[i - 1].window) continue;
    ++overtaken;
    EXPECT_EQ(came[i].window + 1, came[i - 1].window);
  }
  EXPECT_GT(overtaken, 30U);
  EXPECT_EQ(faults_in(trace), (std::map<Fault, std::size_t>{{Fault::window_stale, overtaken}}));
  expect_refusals_without_a_trace(trace);
}

TEST(TelemetryFaults, ATruncatedReportCoversTheFirstHalfOfItsWindow) {
  // The mean arrival time of what is counted tells which half it is: latency rises with time here.
  Scenario world = quiet_world();
  for (const Duration length : {Duration(1min), Duration(5min), Duration(2min)}) {
    const Contender half =
        watching({probe("latency", Statistic::Kind::mean, Form::samples, length)});
    RunTrace whole;
    RunTrace cut;
    play(half, world, {7, 0}, &whole);
    play(half, with(fault(Kind::truncated), world), {7, 0}, &cut);
    const std::vector<Samples> all = samples(whole);
    const std::vector<Samples> part = samples(cut);
    ASSERT_EQ(all.size(), part.size());
    std::uint64_t counted = 0;
    std::uint64_t there = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
      EXPECT_LT(part[i].candidate.count, all[i].candidate.count);
      EXPECT_LT(part[i].candidate.sum, all[i].candidate.sum);
      counted += part[i].baseline.count + part[i].candidate.count;
      there += all[i].baseline.count + all[i].candidate.count;
    }
    // Arrivals are uniform, so each of some 280,000 is in the first half with probability 1/2.
    const double sd = 0.5 * std::sqrt(static_cast<double>(there));
    EXPECT_NEAR(static_cast<double>(counted), 0.5 * static_cast<double>(there), 4.0 * sd);
    EXPECT_TRUE(faults_in(cut).empty()) << "nobody can see it";
  }
}

TEST(TelemetryFaults, CountersThatWentBackwardsAreRefused) {
  const Contender half =
      watching({probe("latency", Statistic::Kind::mean), probe("error", Statistic::Kind::rate),
                probe("cost", Statistic::Kind::mean, Form::distributions),
                probe("ttft", Statistic::Kind::mean, Form::readings)});
  RunTrace trace;
  const RunRecord record = play(half, with(fault(Kind::counter_reset)), {7, 0}, &trace);
  const auto faults = faults_in(trace);
  EXPECT_EQ(faults.at(Fault::impossible_summary), 2 * 239U);
  EXPECT_EQ(faults.at(Fault::malformed), 239U);
  EXPECT_EQ(faults.at(Fault::reading_error), 239U) << "a metrics store says so itself";
  EXPECT_EQ(record.faults, 3 * 239U);
  expect_refusals_without_a_trace(trace);
}

TEST(TelemetryFaults, AResetThatTookNoEventsWithItIsRefusedToo) {
  // The sums are then zero, and only the count, wrapped around, tells: taken at face value it would be
  // the evidence of 18 million million million requests without an error.
  Scenario world = with(fault(Kind::counter_reset));
  world.baseline.error_probability = 0.0;
  RunTrace trace;
  play(watching({probe("error", Statistic::Kind::rate)}), world, {7, 0}, &trace);
  ASSERT_EQ(samples(trace).size(), 239U);
  EXPECT_EQ(faults_in(trace), (std::map<Fault, std::size_t>{{Fault::impossible_summary, 239}}));
}

TEST(TelemetryFaults, ANumberThatIsNoneIsRefused) {
  const Contender half = watching({probe("latency", Statistic::Kind::mean),
                                   probe("cost", Statistic::Kind::mean, Form::distributions),
                                   probe("ttft", Statistic::Kind::mean, Form::readings)});
  RunTrace trace;
  play(half, with(fault(Kind::not_a_number)), {7, 0}, &trace);
  const auto faults = faults_in(trace);
  EXPECT_EQ(faults.at(Fault::not_finite), 2 * 239U);
  EXPECT_EQ(faults.at(Fault::malformed), 239U);
  expect_refusals_without_a_trace(trace);
}

TEST(TelemetryFaults, AUnitMistakeOfANumberLooksLikeAnyNumber) {
  const Contender half =
      watching({probe("latency", Statistic::Kind::mean), probe("cost", Statistic::Kind::mean_log),
                probe("output_tokens", Statistic::Kind::mean, Form::distributions),
                probe("ttft", Statistic::Kind::mean, Form::readings)});
  RunTrace right;
  RunTrace wrong;
  play(half, quiet_world(), {7, 0}, &right);
  play(half, with(fault(Kind::unit_mistake)), {7, 0}, &wrong);
  EXPECT_TRUE(faults_in(wrong).empty());

  const Totals latency = totals(right, 0);
  const Totals mistaken = totals(wrong, 0);
  EXPECT_EQ(latency.baseline, mistaken.baseline) << "the candidate's numbers alone";
  EXPECT_NEAR(mistaken.candidate.sum, 1e3 * latency.candidate.sum, 1e-6 * mistaken.candidate.sum);
  const Totals log_cost = totals(right, 1);
  const Totals log_mistaken = totals(wrong, 1);
  const auto n = static_cast<double>(log_cost.candidate.count);
  EXPECT_NEAR(log_mistaken.candidate.sum, log_cost.candidate.sum + n * std::log(1e3), 1e-6 * n);
  // Moments about the mean do not move with it.
  const auto spread = [n](const Summary& s) { return s.sum_of_squares - s.sum * s.sum / n; };
  EXPECT_NEAR(spread(log_mistaken.candidate), spread(log_cost.candidate), 1e-6 * n);
}

TEST(TelemetryFaults, AUnitMistakeOfAnEventIsRefused) {
  Scenario world = with(fault(Kind::unit_mistake));
  world.baseline.error_probability = 0.5;
  RunTrace trace;
  play(watching({probe("error", Statistic::Kind::rate)}), world, {7, 0}, &trace);
  EXPECT_EQ(faults_in(trace), (std::map<Fault, std::size_t>{{Fault::impossible_summary, 239}}));
}

TEST(TelemetryFaults, SwappedArmsAreExactlyThat) {
  const Contender half = watching({probe("latency", Statistic::Kind::mean)});
  RunTrace right;
  RunTrace wrong;
  play(half, quiet_world(), {7, 0}, &right);
  play(half, with(fault(Kind::swapped_arms)), {7, 0}, &wrong);
  EXPECT_EQ(totals(right, 0).baseline, totals(wrong, 0).candidate);
  EXPECT_EQ(totals(right, 0).candidate, totals(wrong, 0).baseline);
  EXPECT_TRUE(faults_in(wrong).empty()) << "nobody can see it";
}

TEST(TelemetryFaults, WhatHappenedToUsersIsUntouched) {
  Scenario world = quiet_world();
  world.effects = {effect("error", 20.0)};
  const Contender half = watching({probe("error", Statistic::Kind::rate)});
  const RunRecord without = play(half, world);
  for (const Kind kind : {Kind::lost, Kind::duplicated, Kind::truncated, Kind::counter_reset,
                          Kind::not_a_number, Kind::swapped_arms}) {
    const RunRecord record = play(half, with(fault(kind), world));
    EXPECT_EQ(record.impact.impacted_requests, without.impact.impacted_requests);
    EXPECT_EQ(record.impact.user_impact_minutes, without.impact.user_impact_minutes);
    EXPECT_EQ(record.impact.excess_cost_usd, without.impact.excess_cost_usd);
  }
}

TEST(TelemetryFaults, NoFaultBreaksAnInvariantOrLetsASilentRolloutAdvance) {
  for (unsigned kind = 0; kind < kTelemetryFaultKinds; ++kind) {
    for (const double share : {0.3, 1.0}) {
      TelemetryFault some = fault(static_cast<Kind>(kind), {}, share);
      some.from = 10min;
      RunTrace trace;
      const RunRecord record = play(contender(five_gates()), with(some), {7, kind}, &trace);
      for (const Violation& violation : record.violations)
        ADD_FAILURE() << kind << ": " << violation.invariant << " " << violation.message;
      expect_refusals_without_a_trace(trace);
    }
  }
  // Where nothing gets through, nothing is learnt, and the rollout stays where it was.
  for (const Kind kind : {Kind::lost, Kind::counter_reset, Kind::not_a_number})
    EXPECT_EQ(play(contender(five_gates()), with(fault(kind))).stage, 0);
}

TEST(TelemetryFaults, EqualReportsMeetEqualLuckWhateverElseGoesWrong) {
  Scenario more = with(fault(Kind::lost, {}, 0.3));
  more.telemetry.faults.insert(more.telemetry.faults.begin(), fault(Kind::swapped_arms, {}, 0.5));
  const Contender half = watching({probe("latency", Statistic::Kind::mean)});
  RunTrace a;
  RunTrace b;
  play(half, with(fault(Kind::lost, {}, 0.3)), {7, 0}, &a);
  play(half, more, {7, 0}, &b);
  const std::vector<Samples> came = samples(a);
  const std::vector<Samples> also = samples(b);
  ASSERT_EQ(came.size(), also.size());
  for (std::size_t i = 0; i < came.size(); ++i) EXPECT_EQ(came[i].window, also[i].window);
}

TEST(MirroredSampled, ThinsWhatTelemetryCountsAndNothingElse) {
  Script script;
  script.stages = {{"shadow", {.mirrored = 5'000}}};
  script.probes = {probe("latency", Statistic::Kind::mean)};
  Scenario thin = quiet_world();
  thin.telemetry.mirrored_sampled = 0.2;
  RunTrace all;
  RunTrace some;
  const RunRecord a = play(scripted(script), quiet_world(), {7, 0}, &all);
  const RunRecord b = play(scripted(script), thin, {7, 0}, &some);
  EXPECT_EQ(a.candidate_requests, b.candidate_requests);
  EXPECT_NEAR(a.impact.shadow_cost_usd, b.impact.shadow_cost_usd, 1e-9);
  EXPECT_EQ(totals(all, 0).baseline, totals(some, 0).baseline);
  const auto n = static_cast<double>(totals(all, 0).candidate.count);
  EXPECT_NEAR(static_cast<double>(totals(some, 0).candidate.count), 0.2 * n,
              4.0 * std::sqrt(0.2 * 0.8 * n));
}

}  // namespace
}  // namespace gatewright::sim
