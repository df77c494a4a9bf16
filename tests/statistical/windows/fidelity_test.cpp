// Claims: windows refuse by name what they cannot play, and `auto` says which it took and why; runs in
// windows are the same for one thread and two, alone and in a field; their law is flat in the rate.
#include "sim/windows/fidelity.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "tests/support/worlds.h"

namespace gatewright::sim::testing {
namespace {

Scenario in(Fidelity fidelity, Scenario scenario = quiet_world()) {
  scenario.fidelity = fidelity;
  return scenario;
}

std::vector<std::string> paths(const Contender& contender, const Scenario& scenario) {
  std::vector<std::string> paths;
  for (const Diagnostic& diagnostic : check_fit(contender, scenario))
    paths.push_back(diagnostic.path);
  return paths;
}

TEST(Fidelity, WindowsRefuseByNameWhatTheyCannotPlay) {
  const Contender five = contender(five_gates());
  EXPECT_TRUE(check_fit(five, in(Fidelity::windows)).empty());
  struct Case {
    std::string path;
    std::function<void(Scenario&)> change;
  };
  const std::vector<Case> cases = {
      {"traffic.users.sessions", [](Scenario& s) { s.traffic.users.sessions.requests = 3.0; }},
      {"traffic.tenants.burstiness",
       [](Scenario& s) { (s.traffic.tenants.count = 5, s.traffic.tenants.burstiness.emplace()); }},
      {"traffic.arrivals.trace", [](Scenario& s) { s.traffic.arrivals = TraceArrivals{}; }},
      {"serving", [](Scenario& s) { s.serving.emplace(); }},
      {"rollback.cold", [](Scenario& s) { s.rollback.cold = 1min; }},
      {"telemetry.faults",
       [](Scenario& s) { s.telemetry.faults = {{.kind = TelemetryFaultKind::truncated}}; }},
      {"candidate.effects.0",
       [](Scenario& s) { (s.effects = {effect("latency", 1.1)}, s.effects[0].ramp_in = 1h); }},
      {"candidate.effects.0.above_input_tokens",
       [](Scenario& s) {
         (s.effects = {effect("error", 1.1)}, s.effects[0].above_input_tokens = 100.0);
       }},
      {"noise.prompts.error", [](Scenario& s) { s.noise.prompts["error"] = 0.1; }},
      {"noise.deployment.latency", [](Scenario& s) { s.noise.deployment["latency"] = 0.1; }},
      {"noise.window.quality", [](Scenario& s) { s.noise.window["quality"].size = 0.01; }}};
  for (const Case& one : cases) {
    Scenario scenario = in(Fidelity::windows);
    one.change(scenario);
    EXPECT_EQ(paths(five, scenario), std::vector{one.path});
    scenario.fidelity = Fidelity::requests;
    EXPECT_TRUE(check_fit(five, scenario).empty()) << one.path;
  }

  Contender by_session = five;
  by_session.assignment.by = AssignmentUnit::session;
  EXPECT_EQ(paths(by_session, in(Fidelity::windows)), std::vector<std::string>{"assignment"});
  Script script;
  script.stages = {{"both", {.interleaved = 1'000}}};
  script.probes = {probe("agreement", Statistic::Kind::rate)};
  EXPECT_EQ(paths(scripted(script), in(Fidelity::windows)),
            (std::vector<std::string>{"stages.both.interleaved", "probes.0.metric"}));

  Scenario grouped = in(Fidelity::windows);
  grouped.traffic.segments = {{"mobile", 0.5}, {"desktop", 0.5}};
  script.stages = {{"half", {.served = 5'000}}};
  script.probes.assign(3, probe("cost", Statistic::Kind::mean));
  script.probes[0].segment = "mobile";
  script.probes[1].statistic.pairs = true;
  script.probes[2].statistic.covariate = "input_tokens";
  EXPECT_TRUE(paths(scripted(script), grouped).empty());
  script.probes.assign(1, probe("refusal", Statistic::Kind::rate));
  script.probes[0].statistic.pairs = true;
  EXPECT_EQ(paths(scripted(script), grouped), std::vector<std::string>{"probes.0.test"});
}

TEST(Fidelity, NoiseAndDriftOfEventsArePlayed) {
  Scenario scenario = in(Fidelity::windows);
  scenario.noise.deployment["error"] = 0.005;
  scenario.noise.window["refusal"].size = 0.002;
  scenario.effects = {effect("error", 1.0, 0.01)};
  scenario.effects.front().ramp_in = 1h;
  EXPECT_TRUE(check_fit(contender(five_gates()), scenario).empty());
}

TEST(Fidelity, AutoSaysWhatItTookAndWhy) {
  const std::vector<Contender> field = {contender(five_gates())};
  Scenario scenario = in(Fidelity::automatic);
  const FidelityChoice much = choose_fidelity(field, *prepared(scenario));
  EXPECT_EQ(much.fidelity, Fidelity::windows);
  EXPECT_EQ(much.reason, "1200 requests a window, and nothing that needs them singly");
  scenario.traffic.arrivals = PoissonArrivals{10.0 / 60.0};
  const FidelityChoice little = choose_fidelity(field, *prepared(scenario));
  EXPECT_EQ(little.fidelity, Fidelity::requests);
  EXPECT_EQ(little.reason, "10 requests a window are drawn as fast one by one");
  scenario = in(Fidelity::automatic);
  scenario.noise.prompts["error"] = 0.1;
  const FidelityChoice noisy = choose_fidelity(field, *prepared(scenario));
  EXPECT_EQ(noisy.fidelity, Fidelity::requests);
  EXPECT_EQ(noisy.reason, "noise.prompts.error: windows do not play prompts that flip");
  EXPECT_EQ(choose_fidelity(field, *prepared(in(Fidelity::requests))).reason, "");
}

std::vector<std::uint64_t> fingerprints(const std::vector<RunRecord>& records) {
  std::vector<std::uint64_t> all;
  for (const RunRecord& record : records) {
    EXPECT_TRUE(record.violations.empty());
    all.push_back(record.fingerprint);
  }
  return all;
}

TEST(Fidelity, RunsInWindowsAreTheSameForOneThreadAndTwoAloneAndInAField) {
  Scenario scenario = in(Fidelity::windows);
  scenario.baseline.error_bursts.emplace();
  scenario.baseline.thumbs.delay = {DelayLaw::Kind::lognormal, 40.0, 1.0};
  scenario.effects = {effect("latency", 1.05)};
  scenario.effects.front().since = EffectClock::first_exposure;
  PlanSpec other = five_gates();
  other.name = "other";
  other.gates.pop_back();
  other.stages[1].served = 0.02;
  const std::vector<Contender> field = {contender(five_gates()), contender(other)};
  const auto world = prepared(scenario);
  const ManyRecords one = run_many(field, *world, {.seed = 3, .replications = 12, .threads = 1});
  const ManyRecords two = run_many(field, *world, {.seed = 3, .replications = 12, .threads = 2});
  for (std::size_t c = 0; c < field.size(); ++c) {
    EXPECT_EQ(fingerprints(one.by_contender[c]), fingerprints(two.by_contender[c]));
    const ManyRecords alone = run_many(std::span(&field[c], 1), *prepared(scenario),
                                       {.seed = 3, .replications = 12, .threads = 1});
    EXPECT_EQ(fingerprints(one.by_contender[c]), fingerprints(alone.by_contender[0]));
  }
}

TEST(Fidelity, AMillionRequestsASecondAreCountedWhole) {
  Scenario scenario = in(Fidelity::windows);
  scenario.traffic.arrivals = PoissonArrivals{1e6};
  Script script;
  script.stages = {{"half", {.served = 5'000}}};
  script.leave_at = {1h};
  script.probes = {probe("cost", Statistic::Kind::mean_log)};
  const RunRecord record = play(scripted(script, {.by = AssignmentUnit::request}), scenario);
  // 3.6e9 requests expected until the end of the hour, sd 60,000; five of these.
  EXPECT_NEAR(static_cast<double>(record.requests), 3.6e9, 3e5);
}

}  // namespace
}  // namespace gatewright::sim::testing
