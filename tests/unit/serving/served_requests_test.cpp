#include "sim/serving/served_requests.h"

#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <vector>

#include "sim/field.h"
#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;

ServingPool pool(std::uint32_t replicas, std::uint32_t concurrency = 16) {
  ServingPool pool;
  pool.replicas = replicas;
  pool.concurrency = concurrency;
  return pool;
}

Scenario world_of(const ServingPool& baseline, const ServingPool& candidate) {
  Scenario scenario = quiet_world();
  scenario.horizon = 1h;
  scenario.serving = Serving{};
  scenario.serving->baseline = baseline;
  scenario.serving->candidate = candidate;
  return scenario;
}

/// One exposure for 50 minutes, then complete; probes of sums and of readings.
Contender steady(Exposure exposure) {
  Script script;
  script.stages = {{"steady", exposure}};
  script.leave_at = {50min};
  using Kind = Statistic::Kind;
  script.probes = {probe("latency", Kind::mean),
                   probe("error", Kind::rate),
                   probe("timeout", Kind::rate),
                   probe("quality", Kind::mean),
                   probe("cpu", Kind::mean, Form::readings),
                   probe("memory", Kind::mean, Form::readings)};
  return scripted(script, {.by = AssignmentUnit::request});
}

/// The mean of a probe's readings.
struct MeanReadings {
  double baseline = 0.0, candidate = 0.0;
  int baselines = 0, candidates = 0;
};
MeanReadings readings(const RunTrace& trace, std::uint16_t probe) {
  MeanReadings mean;
  for (const JournalEntry& entry : trace.journal.entries()) {
    const auto* told = std::get_if<Readings>(&entry.observation.event);
    if (told == nullptr || told->probe != ProbeIndex{probe}) continue;
    if (told->baseline.status == ReadingStatus::ok) {
      mean.baseline += told->baseline.value;
      ++mean.baselines;
    }
    if (told->candidate.status == ReadingStatus::ok) {
      mean.candidate += told->candidate.value;
      ++mean.candidates;
    }
  }
  mean.baseline /= std::max(mean.baselines, 1);
  mean.candidate /= std::max(mean.candidates, 1);
  return mean;
}

double mean(const Summary& summary) { return summary.sum / static_cast<double>(summary.count); }

TEST(ServedRequests, ServersWithoutEndChangeNothing) {
  // Room for everybody, and batches that slow nobody: only the window in which an answer counts moves.
  Scenario plenty = world_of(pool(4, 10'000), pool(4, 10'000));
  plenty.serving->baseline.batch_slowdown = plenty.serving->candidate.batch_slowdown = 0.0;
  plenty.effects = {effect("cost", 1.2), effect("refusal", 2.0)};
  Scenario none = plenty;
  none.serving.reset();
  Script script;
  script.stages = {{"steady", {.served = 2'000, .mirrored = 500}}};
  script.leave_at = {50min};
  const RunRecord with = play(scripted(script), plenty);
  const RunRecord without = play(scripted(script), none);
  EXPECT_EQ(with.requests, without.requests);
  EXPECT_EQ(with.candidate_requests, without.candidate_requests);
  EXPECT_EQ(with.impact.user_impact_minutes, without.impact.user_impact_minutes);
  EXPECT_EQ(with.impact.bad_user_minutes, without.impact.bad_user_minutes);
  EXPECT_EQ(with.impact.impacted_requests, without.impact.impacted_requests);
  EXPECT_NEAR(with.impact.excess_cost_usd, without.impact.excess_cost_usd, 1e-9);
  EXPECT_NEAR(with.impact.shadow_cost_usd, without.impact.shadow_cost_usd, 1e-9);
}

TEST(ServedRequests, EveryRequestIsCountedOnce) {
  RunTrace trace;
  const RunRecord record =
      play(steady({.served = 3'000}), world_of(pool(1, 16), pool(1, 16)), {7, 0}, &trace);
  const Totals latency = totals(trace, 0);
  // All but those that ended after the last report.
  const auto told = latency.baseline.count + latency.candidate.count;
  EXPECT_LE(told, record.requests);
  EXPECT_GT(static_cast<double>(told), 0.95 * static_cast<double>(record.requests));
  EXPECT_NEAR(static_cast<double>(record.requests), 20.0 * 3'000.0, 4.0 * std::sqrt(60'000.0));
}

TEST(ServedRequests, AnOverloadedArmIsSlowAndGivesUp) {
  RunTrace trace;
  play(steady({.served = 5'000}), world_of(pool(8), pool(1, 8)), {7, 0}, &trace);
  EXPECT_GT(mean(totals(trace, 0).candidate), 4.0 * mean(totals(trace, 0).baseline));
  EXPECT_GT(mean(totals(trace, 1).candidate), 0.5);
  EXPECT_LT(mean(totals(trace, 1).baseline), 0.03);
  const MeanReadings cpu = readings(trace, 4);
  EXPECT_GT(cpu.candidate, 0.95);
  EXPECT_LE(cpu.candidate, 1.0 + 1e-9);
}

TEST(ServedRequests, RejectsBeyondTheQueueInsteadOfWaiting) {
  Scenario scenario = world_of(pool(8), pool(1, 8));
  scenario.serving->candidate.queue = 0;
  RunTrace trace;
  play(steady({.served = 5'000}), scenario, {7, 0}, &trace);
  EXPECT_GT(mean(totals(trace, 1).candidate), 0.5);
  EXPECT_LT(mean(totals(trace, 2).candidate), 0.02);  // no timeouts
  EXPECT_LT(mean(totals(trace, 0).candidate), mean(totals(trace, 0).baseline));
}

/// 60,000 requests of one run; busy slots = arrivals x time at a replica (Little), for which latency
/// without waiting stands. Within 4%: two windows at the ends are partly left out.
TEST(ServedRequests, CpuIsTheShareOfBusySlots) {
  Scenario scenario = world_of(pool(8), pool(8));
  RunTrace trace;
  play(steady({.served = 2'500}), scenario, {7, 0}, &trace);
  const MeanReadings cpu = readings(trace, 4);
  const double busy = static_cast<double>(totals(trace, 0).baseline.count) / 3'000.0 *
                      mean(totals(trace, 0).baseline);
  EXPECT_NEAR(cpu.baseline, busy / 128.0, 0.04 * cpu.baseline);
  EXPECT_NEAR(cpu.candidate * 3.0, cpu.baseline, 0.1 * cpu.baseline);
  const MeanReadings memory = readings(trace, 5);
  EXPECT_GT(memory.baseline, 0.0);
  EXPECT_LT(memory.baseline, cpu.baseline);
}

TEST(ServedRequests, AnArmWithoutRequestsHasNoReading) {
  RunTrace trace;
  play(steady({}), world_of(pool(8), pool(8)), {7, 0}, &trace);
  EXPECT_EQ(readings(trace, 4).candidates, 0);
  EXPECT_GT(readings(trace, 4).baselines, 40);
}

TEST(ServedRequests, ReplicasThatFollowTheExposureKeepTheCandidateFast) {
  Scenario follows = world_of(pool(8), pool(8));
  follows.serving->follows_exposure = true;
  follows.serving->cold_start = 3min;
  RunTrace trace;
  play(steady({.served = 5'000}), follows, {7, 0}, &trace);
  // Half of the requests on half of the replicas, but for the three minutes with one.
  const MeanReadings cpu = readings(trace, 4);
  EXPECT_NEAR(cpu.candidate, 2.0 * cpu.baseline, 0.5 * cpu.baseline);
  EXPECT_GT(mean(totals(trace, 0).candidate), mean(totals(trace, 0).baseline));
}

TEST(ServedRequests, BatchNoiseMovesQualityOnly) {
  Scenario quiet = world_of(pool(4), pool(4));
  quiet.baseline.quality = {0.5, 0.05};
  Scenario noisy = quiet;
  noisy.serving->batch_noise = 0.3;
  RunTrace without;
  RunTrace with;
  play(steady({.served = 5'000}), quiet, {7, 0}, &without);
  play(steady({.served = 5'000}), noisy, {7, 0}, &with);
  EXPECT_EQ(totals(with, 0).baseline.sum, totals(without, 0).baseline.sum);
  const Summary noise = totals(with, 3).baseline;
  const Summary none = totals(without, 3).baseline;
  EXPECT_EQ(noise.count, none.count);
  EXPECT_GT(noise.sum_of_squares, none.sum_of_squares);
  EXPECT_NEAR(mean(noise), mean(none), 0.005);
}

TEST(ServedRequests, ThreadsChangeNothing) {
  Scenario scenario = world_of(pool(4), pool(2));
  scenario.serving->baseline.autoscaling = Autoscaling{.least = 1, .most = 8};
  const auto ready = prepared(scenario);
  const std::vector<Contender> field{contender(five_gates()), steady({.served = 5'000})};
  const ManyRecords one = run_many(field, *ready, {.seed = 3, .replications = 6, .threads = 1});
  const ManyRecords two = run_many(field, *ready, {.seed = 3, .replications = 6, .threads = 2});
  for (std::size_t c = 0; c < 2; ++c)
    for (std::size_t i = 0; i < 6; ++i) {
      EXPECT_EQ(one.by_contender[c][i].fingerprint, two.by_contender[c][i].fingerprint);
      EXPECT_TRUE(one.by_contender[c][i].violations.empty());
    }
}

TEST(ServedRequests, OthersInTheFieldChangeNothing) {
  const auto ready = prepared(world_of(pool(4), pool(1)));
  const std::vector<Contender> both{contender(five_gates()), steady({.served = 5'000})};
  const auto together = run(both, *ready, {3, 1});
  const auto alone = run(std::span(&both[1], 1), *ready, {3, 1});
  EXPECT_EQ(together[1].fingerprint, alone[0].fingerprint);
}

TEST(ServedRequests, TheHealthyTwinHasTheBaselinesServers) {
  Scenario scenario = world_of(pool(8), pool(1));
  EXPECT_TRUE(harmful_from(scenario).has_value());
  const Scenario twin = healthy_twin(scenario);
  EXPECT_FALSE(harmful_from(twin).has_value());
  EXPECT_EQ(twin.serving->candidate.replicas, 8U);
  scenario.serving->harmful = false;
  EXPECT_FALSE(harmful_from(scenario).has_value());
}

TEST(ServedRequests, GaugesNeedServersAndReadings) {
  Scenario scenario = quiet_world();
  Script script;
  script.probes = {probe("cpu", Statistic::Kind::mean, Form::readings)};
  EXPECT_EQ(check_fit(scripted(script), scenario).size(), 1U);
  scenario.serving = Serving{};
  EXPECT_TRUE(check_fit(scripted(script), scenario).empty());
  script.probes[0].form = Form::samples;
  EXPECT_EQ(check_fit(scripted(script), scenario).size(), 1U);
}

TEST(ServedRequests, ReportsWhatIsWrongWithItsNumbers) {
  Scenario scenario = quiet_world();
  scenario.serving = Serving{};
  EXPECT_TRUE(validate(scenario).empty());
  scenario.serving->baseline.replicas = 0;
  scenario.serving->candidate.autoscaling = Autoscaling{.least = 9, .most = 3, .target = 1.0};
  scenario.serving->follows_exposure = true;
  std::vector<std::string> paths;
  for (const Diagnostic& found : validate(scenario)) paths.push_back(found.path);
  EXPECT_EQ(paths, (std::vector<std::string>{
                       "serving.baseline.replicas", "serving.candidate.autoscaling.most",
                       "serving.candidate.replicas", "serving.candidate.autoscaling.target",
                       "serving.follows_exposure"}));
}

}  // namespace
}  // namespace gatewright::sim
