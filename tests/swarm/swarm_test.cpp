// A short swarm, and what the long one relies on: keyed worlds, equal results whoever plays them.
// The long one is `gatewright swarm --worlds 10000 --require-probes` (docs/methods/invariants.md).
#include "sim/swarm/swarm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <string>

#include "policies/compile.h"
#include "policies/probe_mark.h"
#include "scenarios/load.h"
#include "sim/swarm/liveness.h"

namespace gatewright::sim {
namespace {

std::string text_of(const RandomWorld& world) {
  return scenarios::effective(
      {.scenario = world.scenario, .plan = world.plan, .expectations = {}, .other_plans = {}});
}

RunRecord play(const Scenario& scenario, const PlanSpec& plan, RunKey key) {
  const Contender contender{plan.name, *compile(plan).engine, plan.assignment,
                            std::make_shared<const PlanSpec>(plan)};
  return run(std::span(&contender, 1), *prepare(scenario).scenario, key).front();
}

TEST(Swarm, NoInvariantIsBrokenAndEveryProbeIsReachedInTwoHundredWorlds) {
  count_probes(true);
  const SwarmReport report = play_swarm({.seed = 2026, .worlds = 200, .threads = 1});
  count_probes(false);
  for (const ProbeCount& probe : probe_counts()) EXPECT_GT(probe.reached, 0U) << probe.reason;
  EXPECT_EQ(report.worlds, 200U);
  for (const Finding& finding : report.findings)
    ADD_FAILURE() << finding.violation.invariant << " in world " << finding.world << " ("
                  << to_string(finding.guise) << "): " << finding.violation.message;
  for (const Violation& violation : report.violations)
    ADD_FAILURE() << violation.invariant << ": " << violation.message;
  // It would say nothing if nothing were owed or nothing halted.
  EXPECT_GT(report.completions_owed, 10U);
  EXPECT_GT(report.halts_owed, 10U);
  EXPECT_GT(report.played_twice, 2U);
  EXPECT_GT(report.false_alarms.rollouts(), 20U);
  for (const auto& per_guise : report.outcomes) {
    EXPECT_GT(per_guise[static_cast<std::size_t>(Outcome::halted)], 10U);
    EXPECT_GT(per_guise[static_cast<std::size_t>(Outcome::completed)], 5U);
  }
}

TEST(Swarm, ThreadsAndPartsOfASwarmComeToTheSame) {
  const SwarmReport whole = play_swarm({.seed = 5, .first = 0, .worlds = 12, .threads = 1});
  const SwarmReport threads = play_swarm({.seed = 5, .first = 0, .worlds = 12, .threads = 3});
  const SwarmReport head = play_swarm({.seed = 5, .first = 0, .worlds = 7, .threads = 1});
  const SwarmReport tail = play_swarm({.seed = 5, .first = 7, .worlds = 5, .threads = 1});
  EXPECT_EQ(whole.steps, threads.steps);
  EXPECT_EQ(whole.requests, threads.requests);
  EXPECT_EQ(whole.outcomes, threads.outcomes);
  EXPECT_EQ(whole.steps, head.steps + tail.steps);
  EXPECT_EQ(whole.requests, head.requests + tail.requests);
}

TEST(Swarm, AnInterruptKeepsTheWorldsThatWereFinished) {
  std::atomic<bool> stop = false;
  SwarmOptions options{.seed = 5, .worlds = 1000, .threads = 1};
  options.stop = &stop;
  options.progress = [&](std::uint64_t done) { stop = done == 3; };
  const SwarmReport report = play_swarm(options);
  EXPECT_TRUE(report.interrupted);
  EXPECT_EQ(report.worlds, 3U);
}

TEST(RandomWorld, IsAFunctionOfItsKeyAlone) {
  for (const Guise guise : {Guise::faulty, Guise::healthy, Guise::harmful}) {
    EXPECT_EQ(text_of(random_world({3, 8}, guise)), text_of(random_world({3, 8}, guise)));
    EXPECT_NE(text_of(random_world({3, 8}, guise)), text_of(random_world({3, 9}, guise)));
    EXPECT_NE(text_of(random_world({3, 8}, guise)), text_of(random_world({4, 8}, guise)));
  }
}

TEST(RandomWorld, GuisesShareTheirPlanAndDifferInFaultsAndHarm) {
  for (std::uint64_t i = 0; i < 50; ++i) {
    const RandomWorld faulty = random_world({3, i}, Guise::faulty);
    const RandomWorld healthy = random_world({3, i}, Guise::healthy);
    const RandomWorld harmful = random_world({3, i}, Guise::harmful);
    EXPECT_EQ(compile(faulty.plan).engine->plan_digest(),
              compile(healthy.plan).engine->plan_digest());
    EXPECT_EQ(compile(harmful.plan).engine->plan_digest(),
              compile(healthy.plan).engine->plan_digest());
    EXPECT_FALSE(harmful_from(healthy.scenario));
    EXPECT_EQ(harmful.harmed_gate.has_value(), harmful_from(harmful.scenario).has_value());
    std::vector<std::string_view> without_faults = faulty.drawn;
    std::erase_if(without_faults, [](std::string_view name) {
      return std::ranges::find(dimensions(), name, &Dimension::name)->part ==
             Dimension::Part::fault;
    });
    EXPECT_EQ(without_faults, healthy.drawn);
  }
}

TEST(RandomWorld, EveryRowOfTheTableHasItsOwnStreamAndIsDrawn) {
  std::set<std::uint64_t> streams;
  for (const Dimension& dimension : dimensions())
    EXPECT_TRUE(streams.insert(dimension.stream.hash()).second) << dimension.name;
  std::set<std::string_view> drawn;
  for (std::uint64_t i = 0; i < 200; ++i) {
    const RandomWorld world = random_world({1, i}, Guise::faulty);
    drawn.insert(world.drawn.begin(), world.drawn.end());
  }
  EXPECT_EQ(drawn.size(), dimensions().size());
}

TEST(RandomWorld, AKeptFilePlaysAsTheWorldDid) {
  for (std::uint64_t i = 0; i < 15; ++i) {
    const RandomWorld world = random_world({9, i}, Guise::healthy);
    scenarios::ReadDocument read = scenarios::parse_document(text_of(world), "world.yaml");
    const scenarios::LoadedStudy loaded = scenarios::load(read.document);
    ASSERT_TRUE(loaded.study) << loaded.diagnostics.front().path << ": "
                              << loaded.diagnostics.front().message;
    EXPECT_EQ(scenarios::effective(*loaded.study), text_of(world));
    // The fingerprint knows defaults that were written out from those that were not.
    const RunRecord kept = play(loaded.study->scenario, loaded.study->plan, {9, i});
    const RunRecord drawn = play(world.scenario, world.plan, {9, i});
    EXPECT_EQ(kept.outcome, drawn.outcome);
    EXPECT_EQ(kept.ended_at, drawn.ended_at);
    EXPECT_EQ(kept.steps, drawn.steps);
    EXPECT_EQ(kept.requests, drawn.requests);
    EXPECT_EQ(kept.impact.shadow_cost_usd, drawn.impact.shadow_cost_usd);
    EXPECT_EQ(kept.impact.excess_cost_usd, drawn.impact.excess_cost_usd);
  }
}

TEST(Liveness, TheLeastShareOfUsersHoldsForTheAssignmentsOfManyWorlds) {
  // 1,000 equal users at 10%: a share below the bound has probability 1e-9 by the bound's own claim.
  Scenario scenario;
  scenario.traffic.users = {.count = 1000, .zipf = 0.0};
  const Assignment by_user{.by = AssignmentUnit::user};
  EXPECT_NEAR(least_share(0.1, scenario, by_user), 0.1 - std::sqrt(2.0 * 20.7 * 0.1 / 1000.0),
              1e-12);
  EXPECT_EQ(least_share(0.1, scenario, {.by = AssignmentUnit::request}), 0.1);
  EXPECT_EQ(least_share(0.0, scenario, by_user), 0.0);
  scenario.traffic.users = {.count = 10, .zipf = 1.0};
  EXPECT_EQ(least_share(0.1, scenario, by_user), 0.0);
}

TEST(Probes, AreKnownBeforeTheyAreReachedAndCountOnlyWhenAsked) {
  const auto reached = [] {
    std::uint64_t sum = 0;
    for (const ProbeCount& probe : probe_counts()) sum += probe.reached;
    return sum;
  };
  count_probes(true);
  EXPECT_GE(probe_counts().size(), 20U);
  EXPECT_EQ(reached(), 0U);
  (void)play_world({1, 0});
  const std::uint64_t counted = reached();
  EXPECT_GT(counted, 0U);
  count_probes(false);
  (void)play_world({1, 1});
  EXPECT_EQ(reached(), counted);
}

}  // namespace
}  // namespace gatewright::sim
