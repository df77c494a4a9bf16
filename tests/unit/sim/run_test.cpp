#include "sim/run.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <string>
#include <vector>

#include "policies/histogram.h"
#include "sim/field.h"
#include "sim/swarm/random_world.h"
#include "sim/turns.h"
#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;

void expect_equal(const RunRecord& a, const RunRecord& b) {
  EXPECT_EQ(a.replication, b.replication);
  EXPECT_EQ(a.outcome, b.outcome);
  EXPECT_EQ(a.cause, b.cause);
  EXPECT_EQ(a.stage, b.stage);
  EXPECT_EQ(a.failing, b.failing);
  EXPECT_EQ(a.ended_at, b.ended_at);
  EXPECT_EQ(a.first_exposure_at, b.first_exposure_at);
  EXPECT_EQ(a.detection_delay, b.detection_delay);
  EXPECT_EQ(a.impact.exposure_minutes, b.impact.exposure_minutes);
  EXPECT_EQ(a.impact.user_impact_minutes, b.impact.user_impact_minutes);
  EXPECT_EQ(a.impact.bad_user_minutes, b.impact.bad_user_minutes);
  EXPECT_EQ(a.impact.impacted_requests, b.impact.impacted_requests);
  EXPECT_EQ(a.impact.excess_cost_usd, b.impact.excess_cost_usd);
  EXPECT_EQ(a.impact.shadow_cost_usd, b.impact.shadow_cost_usd);
  EXPECT_EQ(a.requests, b.requests);
  EXPECT_EQ(a.candidate_requests, b.candidate_requests);
  EXPECT_EQ(a.steps, b.steps);
  EXPECT_EQ(a.faults, b.faults);
  EXPECT_EQ(a.fingerprint, b.fingerprint);
  EXPECT_EQ(a.violations.size(), b.violations.size());
}

/// Of the state after each step.
std::vector<std::uint64_t> digests(const RunTrace& trace) {
  std::vector<std::uint64_t> digests;
  for (const JournalEntry& entry : trace.journal.entries()) digests.push_back(entry.digest);
  return digests;
}

double quantile_of(HistogramView histogram, double probability) {
  return quantile(histogram, probability);
}

/// A world in which everything that can vary does.
Scenario lively_world() {
  Scenario scenario = quiet_world();
  scenario.traffic.arrivals = DiurnalArrivals{20.0, 0.4, 0.15, 17h, 9h};
  scenario.telemetry.delay = {DelayLaw::Kind::lognormal, 20.0, 0.8};
  scenario.rollback.actuation = Actuation::policy_flip;
  scenario.noise.window["latency"] = {0.1, 10min};
  scenario.noise.deployment["cost"] = 0.01;
  scenario.effects = {effect("latency", 1.3), effect("thumbs_down", 2.0)};
  scenario.effects[0].from = 30min;
  scenario.effects[0].ramp_in = 40min;
  return scenario;
}

std::vector<Contender> motley_field() {
  std::vector<Contender> field;
  PlanSpec plan = five_gates();
  field.push_back(contender(plan));
  plan.name = "hasty";
  plan.stages = {stage("5%", 0.05, 10min), stage("50%", 0.5, 10min), stage("100%", 1.0, 10min)};
  plan.assignment.hash = AssignmentHash::murmur3;
  field.push_back(contender(plan));
  plan.name = "not sticky";
  plan.assignment.by = AssignmentUnit::request;
  field.push_back(contender(plan));
  Script script;
  script.stages = {{"half", {.served = 5'000}}};
  script.halt_at = 50min;
  Probe quantile = probe("latency", Statistic::Kind::quantile, Form::readings, 5min);
  quantile.statistic.probability = 0.95;
  script.probes = {quantile,
                   probe("output_tokens", Statistic::Kind::mean, Form::distributions, 10min)};
  field.push_back(scripted(script));
  return field;
}

TEST(Run, AFieldOfContendersEqualsEachOfThemAlone) {
  const auto scenario = prepared(lively_world());
  const std::vector<Contender> field = motley_field();
  for (std::uint64_t replication = 0; replication < 3; ++replication) {
    const RunKey key{11, replication};
    const auto together = run(field, *scenario, key);
    ASSERT_EQ(together.size(), field.size());
    for (std::size_t i = 0; i < field.size(); ++i) {
      SCOPED_TRACE(field[i].name);
      expect_equal(together[i], run(std::span(&field[i], 1), *scenario, key).front());
    }
  }
}

TEST(Run, ContendersWithOneExposureShareTheirWorkWithoutChangingIt) {
  const auto scenario = prepared(lively_world());
  const std::vector<Contender> twice = {contender(five_gates()), contender(five_gates())};
  const auto records = run(twice, *scenario, {11, 0});
  expect_equal(records[0], records[1]);
}

/// Equal probes and one assignment: all begin on one course, halt at different moments or never, and
/// climb at different paces.
std::vector<PlanSpec> parting_plans() {
  std::vector<PlanSpec> plans;
  for (int i = 0; i < 16; ++i) {
    PlanSpec plan = five_gates();
    plan.name = "contender " + std::to_string(i);
    plan.gates[0].harm.margin = 1.02 + 0.03 * i;  // the first is the first to halt
    plan.gates[1].harm.margin = 1.5 - 0.03 * i;
    if (i % 4 == 3) plan.stages[2].dwell = 35min;
    if (i % 5 == 4) plan.when_halted = WhenHalted::freeze;
    plans.push_back(plan);
  }
  return plans;
}

/// In whichever order the field visits them, and whatever it played before.
void expect_each_as_alone(const Scenario& world,
                          const std::vector<PlanSpec>& plans = parting_plans()) {
  const auto scenario = prepared(world);
  std::vector<Contender> field;
  for (const PlanSpec& plan : plans) field.push_back(contender(plan));
  Field by_window(field, *scenario, Visits::every_window),
      in_a_row(field, *scenario, Visits::in_a_row);
  std::vector<Duration> ends;
  for (std::uint64_t replication = 0; replication < 2; ++replication) {
    const RunKey key{3, replication};
    std::vector<RunTrace> traces(field.size());
    by_window.play(key);
    in_a_row.play(key, &traces);
    for (std::size_t i = 0; i < field.size(); ++i) {
      SCOPED_TRACE(field[i].name);
      std::vector<RunTrace> trace;
      const RunRecord alone = run(std::span(&field[i], 1), *scenario, key, &trace).front();
      expect_equal(by_window.record(i), alone);
      expect_equal(in_a_row.record(i), alone);
      EXPECT_EQ(digests(traces[i]), digests(trace.front()));
      ends.push_back(alone.ended_at);
    }
  }
  std::ranges::sort(ends);
  ends.erase(std::ranges::unique(ends).begin(), ends.end());
  EXPECT_GT(ends.size(), 4U) << "the field is to part at several moments";
}

TEST(Run, ContendersThatPartEqualEachOfThemAlone) { expect_each_as_alone(lively_world()); }

TEST(Run, ContendersThatPartAreFollowedWhileTheOldModelWarmsUp) {
  Scenario world = lively_world();
  world.rollback.cold = 7min;
  world.rollback.cold_factor = 3.0;
  expect_each_as_alone(world);
}

TEST(Run, ContendersThatPartWhileReportsArriveOneByOne) {
  Scenario world = lively_world();
  world.telemetry.lost = 0.05;
  world.telemetry.duplicated = world.telemetry.reordered = 0.1;
  expect_each_as_alone(world);
}

TEST(Run, ContendersThatPartWhereTheHorizonIsNear) {
  Scenario world = lively_world();
  world.horizon = 61min + 30s;
  expect_each_as_alone(world);
}

TEST(Run, ContendersThatPartWhereWindowsAreDrawnWhole) {
  Scenario world = quiet_world();
  world.effects = {effect("latency", 1.3)};
  world.fidelity = Fidelity::windows;
  expect_each_as_alone(world);
}

TEST(Run, ContendersThatPartAreToldTheSameHistograms) {
  std::vector<PlanSpec> plans = parting_plans();
  plans.resize(6);
  for (PlanSpec& plan : plans)
    plan.gates[3] = gate("lengths", "output_tokens", "dkw_sequence",
                         {.kind = HarmSpec::Kind::distribution,
                          .relation = HarmSpec::Relation::difference,
                          .margin = 0.1});
  expect_each_as_alone(lively_world(), plans);
}

TEST(Run, ContendersOfSeveralCoursesEachFollowTheirOwnLeader) {
  std::vector<PlanSpec> plans = parting_plans();
  for (std::size_t i = 0; i < plans.size(); i += 3)
    plans[i].assignment.by = AssignmentUnit::request;
  plans[5].gates.pop_back();  // and one is alone
  expect_each_as_alone(lively_world(), plans);
}

TEST(Run, TheOrderOfVisitsChangesNothingInRandomWorlds) {
  std::size_t ended_apart = 0;
  for (std::uint64_t world = 0; world < 150; ++world) {
    SCOPED_TRACE("world " + std::to_string(world));
    const RandomWorld random = random_world({.seed = 99, .index = world},
                                            world % 2 == 0 ? Guise::healthy : Guise::harmful);
    const auto scenario = prepared(random.scenario);
    std::vector<Contender> field;
    for (int i = 0; i < 4; ++i) {
      PlanSpec plan = random.plan;
      for (GateSpec& gate : plan.gates)
        if (gate.harm.relation == HarmSpec::Relation::ratio && gate.harm.margin > 1.0)
          gate.harm.margin = 1.0 + (gate.harm.margin - 1.0) * (1.0 + 0.3 * i);
      if (i == 3 && plan.stages.size() > 1) plan.stages.pop_back();  // and one completes sooner
      field.push_back(contender(plan));
    }
    Field by_window(field, *scenario, Visits::every_window),
        in_a_row(field, *scenario, Visits::in_a_row);
    by_window.play({5, world});
    in_a_row.play({5, world});
    for (std::size_t i = 0; i < field.size(); ++i) {
      expect_equal(in_a_row.record(i), by_window.record(i));
      ended_apart += by_window.record(i).ended_at != by_window.record(0).ended_at;
    }
  }
  EXPECT_GT(ended_apart, 30U);
}

TEST(Run, FieldsThatNoCacheHoldsChooseTheirOrderWithoutChangingWhatTheyFind) {
  Scenario world = quiet_world();
  world.traffic.arrivals = PoissonArrivals{1.0};  // visits cost more than the world
  const auto scenario = prepared(world);
  std::vector<Contender> field;
  for (int i = 0; i < 80; ++i) {
    PlanSpec plan = five_gates();
    plan.gates[1].harm.margin = 1.01 + 0.002 * i;
    field.push_back(contender(plan));
  }
  Field cheapest(field, *scenario), by_window(field, *scenario, Visits::every_window);
  for (std::uint64_t replication = 0; replication < 3; ++replication) {
    cheapest.play({7, replication});
    by_window.play({7, replication});
    for (std::size_t i = 0; i < field.size(); ++i)
      expect_equal(cheapest.record(i), by_window.record(i));
  }
}

TEST(Run, OneThreadAndTwoLeaveEqualRecords) {
  const auto scenario = prepared(lively_world());
  const std::vector<Contender> field = motley_field();
  ManyOptions options{.seed = 5, .first_replication = 3, .replications = 7, .threads = 1};
  const ManyRecords one = run_many(field, *scenario, options);
  options.threads = 2;
  const ManyRecords two = run_many(field, *scenario, options);
  ASSERT_EQ(one.by_contender.size(), field.size());
  for (std::size_t c = 0; c < field.size(); ++c) {
    ASSERT_EQ(one.by_contender[c].size(), 7U);
    for (std::size_t i = 0; i < 7; ++i) {
      EXPECT_EQ(one.by_contender[c][i].replication, 3 + i);
      expect_equal(one.by_contender[c][i], two.by_contender[c][i]);
      expect_equal(one.by_contender[c][i],
                   run(std::span(&field[c], 1), *scenario, {5, 3 + i}).front());
    }
  }
}

TEST(Run, ReplicationsAndSeedsDiffer) {
  const Contender one = contender(five_gates());
  const RunRecord a = play(one, quiet_world(), {1, 0});
  EXPECT_NE(a.fingerprint, play(one, quiet_world(), {1, 1}).fingerprint);
  EXPECT_NE(a.fingerprint, play(one, quiet_world(), {2, 0}).fingerprint);
  EXPECT_EQ(a.fingerprint, play(one, quiet_world(), {1, 0}).fingerprint);
}

TEST(Run, AJournalChangesNothingAndReplays) {
  const Contender one = contender(five_gates());
  RunTrace trace;
  const RunRecord traced = play(one, lively_world(), {1, 0}, &trace);
  expect_equal(traced, play(one, lively_world(), {1, 0}));
  EXPECT_EQ(trace.journal.entries().size(), traced.steps);
  EXPECT_EQ(trace.harm.size(), traced.steps);
  EXPECT_EQ(trace.harm.back().size(), 5U);
  EXPECT_FALSE(replay(one.engine, trace.journal, trace.initial_state).has_value());
}

TEST(Run, InvariantsHold) {
  const auto scenario = prepared(lively_world());
  const std::vector<Contender> field = motley_field();
  const ManyRecords many = run_many(field, *scenario, {.seed = 9, .replications = 8});
  for (const auto& records : many.by_contender)
    for (const RunRecord& record : records) {
      EXPECT_EQ(record.faults, 0U);
      for (const Violation& violation : record.violations)
        ADD_FAILURE() << violation.invariant << " at step " << violation.step << ": "
                      << violation.message;
    }
}

TEST(Run, StagesAreClimbedAsTheRouterConfirmsThem) {
  Script script;
  script.stages = {{"shadow", {.mirrored = 500}}, {"all", {.served = kWholeExposure}}};
  script.leave_at = {10min, 30min};
  const RunRecord record = play(scripted(script), quiet_world());
  EXPECT_EQ(record.outcome, Outcome::completed);
  EXPECT_EQ(record.cause, Cause::gates_passed);
  EXPECT_EQ(record.stage, 1U);
  EXPECT_EQ(record.first_exposure_at, Duration(2s));
  EXPECT_EQ(record.ended_at, Duration(30min));
  // Nobody is counted after the end: 20/s over 30 min, standard deviation 190.
  EXPECT_NEAR(static_cast<double>(record.requests), 36'000.0, 1'000.0);
}

TEST(Run, AHaltedContenderIsFollowedUntilItsRollbackHolds) {
  Scenario scenario = quiet_world();
  scenario.horizon = 20min;
  scenario.rollback.delay = {DelayLaw::Kind::fixed, 900.0, 0.0};
  scenario.effects = {effect("cost", 2.0)};
  Script script;
  script.halt_at = 16min;
  const RunRecord record = play(scripted(script), scenario);
  EXPECT_EQ(record.outcome, Outcome::halted);
  EXPECT_EQ(record.cause, Cause::policy_halt);
  EXPECT_EQ(record.ended_at, Duration(16min));
  // Served from 15:00 to 31:00, although the horizon is at 20:00.
  EXPECT_NEAR(record.impact.exposure_minutes, 16.0, 1e-9);
}

TEST(Run, AFrozenContenderEndsWithItsHalt) {
  Script script;
  script.halt_at = 16min;
  script.after_halt = {.served = kWholeExposure};
  Scenario scenario = quiet_world();
  scenario.effects = {effect("cost", 2.0)};
  const RunRecord record = play(scripted(script), scenario);
  EXPECT_EQ(record.outcome, Outcome::halted);
  EXPECT_NEAR(record.impact.exposure_minutes, 16.0 - 2.0 / 60.0, 1e-9);
  EXPECT_TRUE(record.violations.empty());
}

TEST(Run, TheHorizonLeavesARolloutUnfinished) {
  Scenario scenario = quiet_world();
  scenario.horizon = 10min + 30s;
  const RunRecord record = play(scripted({}), scenario);
  EXPECT_EQ(record.outcome, Outcome::unfinished);
  EXPECT_EQ(record.ended_at, scenario.horizon);
  EXPECT_NEAR(static_cast<double>(record.requests), 12'600.0, 600.0);
}

TEST(Run, DetectionIsTimedFromTheLaterOfExposureAndOnset) {
  Scenario scenario = quiet_world();
  scenario.effects = {effect("cost", 2.0)};
  Script script;
  script.halt_at = 20min;
  EXPECT_EQ(play(scripted(script), scenario).detection_delay, Duration(20min - 2s));
  scenario.effects[0].from = 15min;
  EXPECT_EQ(play(scripted(script), scenario).detection_delay, Duration(5min));
  scenario.effects[0].from = 25min;
  EXPECT_FALSE(play(scripted(script), scenario).detection_delay) << "harm had not begun";
  scenario.effects[0].from = 0min;
  script.stages = {{"nothing", {}}};
  EXPECT_FALSE(play(scripted(script), scenario).detection_delay) << "nobody was exposed";
}

TEST(Run, TelemetryArrivesAfterItsDelayAndInOrder) {
  Scenario scenario = quiet_world();
  scenario.horizon = 2h;
  scenario.telemetry.delay = {DelayLaw::Kind::lognormal, 60.0, 1.0};
  Script script;
  script.stages = {{"half", {.served = 5'000}}};
  script.probes = {probe("cost", Statistic::Kind::mean), probe("error", Statistic::Kind::rate)};
  RunTrace trace;
  const RunRecord record = play(scripted(script), scenario, {1, 0}, &trace);
  EXPECT_EQ(record.faults, 0U);
  std::uint64_t next = 0;
  Duration latest{};
  bool was_late = false;
  for (const JournalEntry& entry : trace.journal.entries()) {
    const auto* samples = std::get_if<Samples>(&entry.observation.event);
    if (samples == nullptr) continue;
    const Duration closed = (samples->window + 1) * 1min;
    const Duration arrived = entry.observation.at.time_since_epoch();
    EXPECT_GT(arrived, closed);
    EXPECT_GE(arrived, latest);
    was_late |= arrived > closed + 1min;
    latest = arrived;
    EXPECT_EQ(static_cast<std::uint16_t>(samples->probe), next % 2);
    EXPECT_EQ(samples->window, next / 2);
    ++next;
  }
  EXPECT_TRUE(was_late) << "windows were under way together";
  EXPECT_GT(next, 100U);
}

TEST(Run, EvidenceCoversExactlyTheRequestsOfItsArmsAndScope) {
  Scenario scenario = quiet_world();
  scenario.horizon = 1h;
  scenario.rollback.delay.a = 0.0;
  scenario.telemetry.delay.a = 0.0;
  Script script;
  script.stages = {{"both", {.served = 2'000, .mirrored = 3'000}}};
  script.probes = {
      probe("cost", Statistic::Kind::mean), probe("output_tokens", Statistic::Kind::mean),
      probe("thumbs_down", Statistic::Kind::rate), probe("error", Statistic::Kind::rate)};
  RunTrace trace;
  const RunRecord record = play(scripted(script), scenario, {1, 0}, &trace);
  const Totals all = totals(trace, 0);
  const Totals answered = totals(trace, 1);
  const Totals seen = totals(trace, 2);
  const Totals errors = totals(trace, 3);
  // Mirrored requests are answered by both arms; at time 0 the exposure holds from the first request.
  EXPECT_EQ(all.candidate.count, record.candidate_requests);
  EXPECT_GT(all.baseline.count, record.requests - record.candidate_requests);
  EXPECT_LT(all.baseline.count, record.requests);
  const auto count_of = [](double sum) { return static_cast<std::uint64_t>(sum); };
  EXPECT_EQ(answered.baseline.count, all.baseline.count - count_of(errors.baseline.sum));
  EXPECT_EQ(answered.candidate.count, all.candidate.count - count_of(errors.candidate.sum));
  EXPECT_EQ(seen.baseline.count, answered.baseline.count);
  EXPECT_LT(seen.candidate.count, answered.candidate.count);
  EXPECT_GT(seen.candidate.count, 0U);
}

TEST(Run, EveryFormOfEvidenceTellsOfTheSameRequests) {
  Scenario scenario = quiet_world();
  scenario.horizon = 1h;
  Script script;
  script.stages = {{"half", {.served = 5'000}}};
  Probe quantile = probe("latency", Statistic::Kind::quantile, Form::readings, 5min);
  quantile.statistic.probability = 0.9;
  quantile.statistic.definition = QuantileDefinition::nearest_rank;
  script.probes = {probe("latency", Statistic::Kind::mean, Form::samples, 5min),
                   probe("latency", Statistic::Kind::mean, Form::distributions, 5min), quantile,
                   probe("latency", Statistic::Kind::mean, Form::readings, 5min)};
  RunTrace trace;
  EXPECT_EQ(play(scripted(script), scenario, {1, 0}, &trace).faults, 0U);
  Samples samples;
  HistogramView histogram;
  std::size_t readings = 0;
  for (const JournalEntry& entry : trace.journal.entries()) {
    if (const auto* told = std::get_if<Samples>(&entry.observation.event)) samples = *told;
    if (const auto* told = std::get_if<Distributions>(&entry.observation.event)) {
      EXPECT_EQ(told->window, samples.window);
      EXPECT_EQ(count(told->baseline), samples.baseline.count);
      EXPECT_EQ(count(told->candidate), samples.candidate.count);
      histogram = told->candidate;
    }
    if (const auto* told = std::get_if<Readings>(&entry.observation.event)) {
      ++readings;
      EXPECT_EQ(told->candidate.count, samples.candidate.count);
      const double expected =
          told->probe == ProbeIndex{2}
              ? quantile_of(histogram, 0.9)
              : samples.candidate.sum / static_cast<double>(samples.candidate.count);
      EXPECT_NEAR(told->candidate.value, expected, HistogramGrid::kRelativeError * expected);
    }
  }
  EXPECT_GE(readings, 20U);
}

TEST(Run, WhatTheWorldCannotMeasureIsRefused) {
  const auto first_path = [](const Probe& probe) {
    Script script;
    script.probes = {probe};
    const Diagnostics diagnostics = check_fit(scripted(script), quiet_world());
    return diagnostics.empty() ? std::string() : diagnostics.front().path;
  };
  Probe good = probe("latency", Statistic::Kind::mean, Form::samples, 5min);
  EXPECT_EQ(first_path(good), "");
  Probe bad = good;
  bad.metric = "cpu";
  EXPECT_EQ(first_path(bad), "probes.0.metric");
  bad = good;
  bad.window = 90s;
  EXPECT_EQ(first_path(bad), "probes.0.window");
  bad = good;
  bad.every = 0s;
  EXPECT_EQ(first_path(bad), "probes.0.every");
  bad = good;
  bad.initial_delay = 1s;
  EXPECT_EQ(first_path(bad), "probes.0.initial_delay");
  EXPECT_EQ(first_path(probe("error", Statistic::Kind::mean_log)), "probes.0.test");
  EXPECT_EQ(first_path(probe("quality", Statistic::Kind::mean_log)), "probes.0.test");
  EXPECT_EQ(first_path(probe("latency", Statistic::Kind::quantile)), "probes.0.test");

  PlanSpec plan = five_gates();
  plan.gates[1].every = 90s;
  const Diagnostics named = check_fit(contender(plan), quiet_world());
  ASSERT_FALSE(named.empty());
  EXPECT_EQ(named.front().path, "gates.cost.every");
}

TEST(RunInTurns, LeavesWhatEachWorldLeavesAlone) {
  const auto scenario = prepared(lively_world());
  const auto twin = healthy_twin(scenario);
  const std::vector<Contender> field = motley_field();
  const std::array worlds{scenario.get(), twin.get()};
  for (const unsigned threads : {1U, 2U, 3U}) {
    std::uint64_t told = 0;
    ManyOptions options{.seed = 5, .first_replication = 3, .replications = 5, .threads = threads};
    options.progress = [&told](std::uint64_t done) { told = done; };
    const std::vector<ManyRecords> both = run_in_turns(field, worlds, options);
    EXPECT_EQ(told, 10U);
    options.progress = {};
    ASSERT_EQ(both.size(), worlds.size());
    for (std::size_t w = 0; w < worlds.size(); ++w) {
      const ManyRecords alone = run_many(field, *worlds[w], options);
      EXPECT_FALSE(both[w].interrupted);
      for (std::size_t c = 0; c < field.size(); ++c) {
        ASSERT_EQ(both[w].by_contender[c].size(), 5U);
        for (std::size_t i = 0; i < 5; ++i)
          expect_equal(both[w].by_contender[c][i], alone.by_contender[c][i]);
      }
    }
  }
}

TEST(RunInTurns, AnInterruptLeavesAsManyOfEachWorldButForOne) {
  const auto scenario = prepared(quiet_world());
  const std::array worlds{scenario.get(), scenario.get(), scenario.get()};
  const Contender one = contender(five_gates());
  for (const unsigned threads : {1U, 2U}) {
    std::atomic<bool> stop = false;
    ManyOptions options{.seed = 1, .replications = 1'000, .threads = threads, .stop = &stop};
    options.progress = [&](std::uint64_t done) { stop = done >= 4; };
    const std::vector<ManyRecords> many = run_in_turns(std::span(&one, 1), worlds, options);
    std::size_t least = 1'000;
    std::size_t most = 0;
    for (const ManyRecords& of_world : many) {
      EXPECT_TRUE(of_world.interrupted);
      const auto& records = of_world.by_contender[0];
      least = std::min(least, records.size());
      most = std::max(most, records.size());
      for (std::size_t i = 0; i < records.size(); ++i) {
        EXPECT_EQ(records[i].replication, i);
        EXPECT_GT(records[i].requests, 0U);
      }
    }
    EXPECT_GE(least, 1U);
    EXPECT_LE(most, least + 1);
  }
}

TEST(RunMany, StopsBetweenReplicationsAndKeepsWhatIsFinished) {
  const auto scenario = prepared(quiet_world());
  const Contender one = contender(five_gates());
  for (const unsigned threads : {1U, 2U}) {
    std::atomic<bool> stop = false;
    std::uint64_t told = 0;
    ManyOptions options{.seed = 1, .replications = 1'000, .threads = threads, .stop = &stop};
    options.progress = [&](std::uint64_t done) {
      EXPECT_GT(done, told);
      told = done;
      if (done >= 3) stop = true;
    };
    const ManyRecords many = run_many(std::span(&one, 1), *scenario, options);
    EXPECT_TRUE(many.interrupted);
    ASSERT_GE(many.by_contender[0].size(), 3U);
    ASSERT_LT(many.by_contender[0].size(), 1'000U);
    for (std::size_t i = 0; i < many.by_contender[0].size(); ++i) {
      EXPECT_EQ(many.by_contender[0][i].replication, i);
      EXPECT_GT(many.by_contender[0][i].requests, 0U);
    }
  }
}

}  // namespace
}  // namespace gatewright::sim
