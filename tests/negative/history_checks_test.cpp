// Engines, policies and plans broken on purpose: each must be caught by its invariant, S9, S10, S13,
// liveness in one run, by a hostile retelling in twenty.
#include "sim/swarm/history_checks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "sim/swarm/liveness.h"
#include "tests/negative/impostor.h"
#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;

Scenario world_with(std::string metric, double multiply) {
  Scenario scenario = quiet_world();
  scenario.effects = {effect(std::move(metric), multiply)};
  return scenario;
}

/// A machine with something done to the state after every step that is not refused.
template <typename After>
Machine machine_with(const Engine& engine, After after) {
  Machine machine = machine_of(engine);
  machine.step = [&engine, after](RolloutState& state, const Observation& observation) {
    const Decision decision = engine.step(state, observation);
    after(state, observation, decision);
    return decision;
  };
  return machine;
}

// ---- S9 ----

TEST(Commuting, HonestWindowsOfOneInstantCommute) {
  const Contender one = contender(five_gates());
  RunTrace trace;
  ASSERT_EQ(play(one, quiet_world(), {3, 0}, &trace).outcome, Outcome::completed);
  EXPECT_EQ(invariants_of(check_commuting(machine_of(one.engine), *one.plan, trace)), Invariants{});
}

TEST(Commuting, S9EvidenceThatRemembersWhoCameFirst) {
  const Contender one = contender(five_gates());
  RunTrace trace;
  (void)play(one, quiet_world(), {3, 0}, &trace);
  const Machine broken = machine_with(
      one.engine, [](RolloutState& state, const Observation& observation, const Decision&) {
        if (const auto* samples = std::get_if<Samples>(&observation.event))
          state.memory.back() = 0.5 * state.memory.back() + static_cast<double>(samples->probe);
      });
  EXPECT_EQ(invariants_of(check_commuting(broken, *one.plan, trace)), Invariants{"S9"});
}

/// The second gate hears better when the first one's window is there already.
Machine passing_verdicts_on(const Engine& engine) {
  return machine_with(engine,
                      [](RolloutState& state, const Observation& observation, const Decision&) {
                        const auto* samples = std::get_if<Samples>(&observation.event);
                        if (samples != nullptr && samples->probe == ProbeIndex{1} &&
                            state.windows[0] == state.windows[1])
                          state.memory.back() += 1.0;
                      });
}

TEST(Commuting, S9AGateThatPassesItsVerdictOn) {
  const Contender one = contender(five_gates());
  RunTrace trace;
  (void)play(one, quiet_world(), {3, 0}, &trace);
  EXPECT_EQ(invariants_of(check_commuting(passing_verdicts_on(one.engine), *one.plan, trace)),
            Invariants{"S9"});
}

TEST(Commuting, S9HoldsForTheSameWindowOfACombinedGatesPartsToo) {
  PlanSpec plan = five_gates();
  plan.combined = {
      {.name = "together", .gates = {plan.gates[0].name, plan.gates[1].name}, .margins_used = 1.5}};
  const Contender one = contender(plan);
  RunTrace trace;
  (void)play(one, quiet_world(), {3, 0}, &trace);
  EXPECT_EQ(invariants_of(check_commuting(machine_of(one.engine), *one.plan, trace)), Invariants{});
  EXPECT_EQ(invariants_of(check_commuting(passing_verdicts_on(one.engine), *one.plan, trace)),
            Invariants{"S9"});
}

// ---- S10 ----

TEST(Worsening, HonestGatesHaltAWorseCandidateNoLater) {
  const Contender one = contender(five_gates());
  for (const auto& [metric, multiply] : {std::pair{"cost", 1.0}, {"cost", 1.3}, {"error", 4.0}}) {
    RunTrace trace;
    (void)play(one, world_with(metric, multiply), {3, 0}, &trace);
    EXPECT_EQ(invariants_of(
                  check_worsening(machine_of(one.engine), *one.plan, one.engine.policy(), trace)),
              Invariants{});
  }
}

/// What the checker says of a plan with one gate, which was compiled with its direction turned.
Invariants caught_turned(const char* metric, const char* test, const Scenario& scenario) {
  PlanSpec plan = five_gates();
  plan.gates = {gate("turned", metric, test, {.margin = 1.1})};
  PlanSpec turned = plan;
  turned.gates[0].harm.direction = Direction::down;
  turned.gates[0].harm.margin = 0.9;
  const Contender one = contender(turned);
  RunTrace trace;
  EXPECT_EQ(play(one, scenario, {3, 1}, &trace).outcome, Outcome::halted);
  return invariants_of(check_worsening(machine_of(one.engine), plan, one.engine.policy(), trace));
}

TEST(Worsening, S10AGateOnMeansThatHaltsTheBetterCandidate) {
  EXPECT_EQ(caught_turned("cost", "normal_mixture", world_with("cost", 0.83)), Invariants{"S10"});
}

TEST(Worsening, S10AGateOnRatesThatHaltsTheBetterCandidate) {
  Scenario scenario = world_with("error", 0.7);
  scenario.baseline.error_probability = 0.1;
  EXPECT_EQ(caught_turned("error", "beta_binomial_mixture", scenario), Invariants{"S10"});
}

TEST(Worsening, S10APolicyThatFailsFastAndForgivesLargeHarm) {
  // Overflow, say: beyond some value the evidence is lost.
  PlanSpec plan = five_gates();
  plan.gates = {plan.gates[1]};
  const Contender one = contender(plan);
  RunTrace trace;
  ASSERT_EQ(play(one, world_with("cost", 1.5), {3, 0}, &trace).outcome, Outcome::halted);
  double most = -std::numeric_limits<double>::infinity();
  for (const JournalEntry& entry : trace.journal.entries())
    if (const auto* samples = std::get_if<Samples>(&entry.observation.event))
      if (samples->probe == ProbeIndex{0} && samples->candidate.count > 0)
        most =
            std::max(most, samples->candidate.sum / static_cast<double>(samples->candidate.count));
  Machine broken = machine_of(one.engine);
  broken.step = [&](RolloutState& state, const Observation& observation) {
    const auto* samples = std::get_if<Samples>(&observation.event);
    if (samples == nullptr || samples->probe != ProbeIndex{0} || samples->candidate.count == 0 ||
        samples->candidate.sum / static_cast<double>(samples->candidate.count) <= most)
      return one.engine.step(state, observation);
    Samples forgiven = *samples;
    forgiven.candidate = forgiven.baseline;
    return one.engine.step(state, {observation.sequence, observation.at, forgiven});
  };
  EXPECT_EQ(invariants_of(check_worsening(broken, *one.plan, one.engine.policy(), trace)),
            Invariants{"S10"});
}

// ---- a hostile retelling ----

/// What 20 retellings of one run catch.
Invariants caught_retelling(const Machine& machine, const Contender& one) {
  RunTrace trace;
  (void)play(one, quiet_world(), {3, 0}, &trace);
  Invariants invariants;
  for (std::uint64_t retelling = 0; retelling < 20; ++retelling)
    invariants.merge(invariants_of(check_retelling(
        one, machine, trace, {.seed = 1, .replication = retelling, .name = "test.heckler"})));
  return invariants;
}

TEST(Retelling, HonestEnginesHoldTheirOwn) {
  const Contender one = contender(five_gates());
  EXPECT_EQ(caught_retelling(machine_of(one.engine), one), Invariants{});
}

TEST(Retelling, S4ARefusedObservationThatCounts) {
  const Contender one = contender(five_gates());
  EXPECT_TRUE(caught_retelling(machine_with(one.engine,
                                            [](RolloutState& state, const Observation&,
                                               const Decision& decision) {
                                              if (decision.fault == Fault::impossible_summary)
                                                state.memory.back() += 1.0;
                                            }),
                               one)
                  .contains("S4"));
}

TEST(Retelling, S1AnExposureThatFollowsTheRouterInsteadOfThePlan) {
  const Contender one = contender(five_gates());
  EXPECT_TRUE(caught_retelling(
                  machine_with(one.engine,
                               [](RolloutState& state, const Observation&, const Decision&) {
                                 if (state.applied != state.target && state.phase == Phase::running)
                                   state.target = state.applied;
                               }),
                  one)
                  .contains("S1"));
}

TEST(Retelling, S2AnAdvanceDuringAPause) {
  const Contender one = contender(five_gates());
  Machine broken = machine_of(one.engine);
  broken.step = [&](RolloutState& state, const Observation& observation) {
    const bool was_paused = state.paused;
    state.paused = false;
    const Decision decision = one.engine.step(state, observation);
    const auto* command = std::get_if<OperatorCommand>(&observation.event);
    if (command == nullptr || decision.cause == Cause::observation_refused)
      state.paused = was_paused;
    return decision;
  };
  EXPECT_TRUE(caught_retelling(broken, one).contains("S2"));
}

TEST(Retelling, S6AWindowThatCountsUnderEveryNumber) {
  const Contender one = contender(five_gates());
  EXPECT_EQ(
      caught_retelling(
          machine_with(one.engine,
                       [](RolloutState& state, const Observation& observation, const Decision&) {
                         if (const auto* told = std::get_if<Samples>(&observation.event))
                           if (state.windows.size() > static_cast<std::size_t>(told->probe))
                             state.windows[static_cast<std::size_t>(told->probe)] = 0;
                       }),
          one),
      Invariants{"S6"});
}

// ---- S13 ----

TEST(Threads, HonestWorldsDoNotKnowWhoPlaysThem) {
  const std::vector<Contender> field{contender(five_gates())};
  const auto scenario = prepared(quiet_world());
  const RunRecord record = run(field, *scenario, {3, 0}).front();
  EXPECT_EQ(invariants_of(check_threads(field, *scenario, record, {3, 0})), Invariants{});
}

/// Counts all calls of the process.
struct Crowded final : Impostor {
  using Impostor::Impostor;
  Proposal propose(ConstPolicyMemory memory, const RolloutView& view) const noexcept override {
    Proposal proposal = Impostor::propose(memory, view);
    const auto call = calls_.fetch_add(1);
    if (proposal.wake_at != kNever) proposal.wake_at += Duration(call % 1000);
    return proposal;
  }
  mutable std::atomic<Duration::rep> calls_ = 0;
};
TEST(Threads, S13APolicyThatRolloutsShare) {
  std::vector<Contender> field{contender(five_gates())};
  field[0].engine = Engine(std::make_shared<Crowded>(field[0].engine.shared_policy()));
  const auto scenario = prepared(quiet_world());
  const RunRecord record = run(field, *scenario, {3, 0}).front();
  EXPECT_EQ(invariants_of(check_threads(field, *scenario, record, {3, 0})), Invariants{"S13"});
}

// ---- liveness ----

/// A world with enough traffic that everything is owed.
RandomWorld owing_world(Guise guise) {
  RandomWorld world{.scenario = quiet_world(), .plan = five_gates()};
  world.plan.assignment.by = AssignmentUnit::request;
  world.plan.every = 1min;
  for (StageSpec& stage : world.plan.stages) stage.timeout = 60min;
  world.scenario.horizon = 6h;
  world.scenario.traffic.arrivals = PoissonArrivals{60.0};
  if (guise == Guise::harmful) {
    world.harmed_gate = 1;
    world.scenario.effects = {great_harm(world.plan.gates[1], world.scenario.baseline)};
  }
  return world;
}

template <typename Broken>
Invariants caught_living(Guise guise) {
  const RandomWorld world = owing_world(guise);
  Contender one = contender(world.plan);
  one.engine = Engine(std::make_shared<Broken>(one.engine.shared_policy()));
  const Liveness owed = liveness_of(world, one.engine.policy());
  EXPECT_TRUE(guise == Guise::harmful ? owed.must_halt : owed.completes_by.has_value());
  return invariants_of(check_liveness(owed, guise, play(one, world.scenario)));
}

TEST(Liveness, AnHonestPolicyPaysWhatItOwes) {
  EXPECT_EQ(caught_living<Impostor>(Guise::healthy), Invariants{});
  EXPECT_EQ(caught_living<Impostor>(Guise::harmful), Invariants{});
}

struct Idle final : Impostor {
  using Impostor::Impostor;
  Proposal propose(ConstPolicyMemory memory, const RolloutView& view) const noexcept override {
    Proposal proposal = Impostor::propose(memory, view);
    if (view.stage == StageIndex{2}) proposal.action = Action::hold;
    return proposal;
  }
};
TEST(Liveness, APolicyThatNeverEnds) {
  EXPECT_EQ(caught_living<Idle>(Guise::healthy), Invariants{"liveness"});
}

struct Timid final : Impostor {
  using Impostor::Impostor;
  Proposal propose(ConstPolicyMemory memory, const RolloutView& view) const noexcept override {
    Proposal proposal = Impostor::propose(memory, view);
    if (proposal.action == Action::advance && view.at - view.stage_entered_at < 50min)
      proposal.action = Action::hold;
    return proposal;
  }
};
TEST(Liveness, APolicyThatDawdles) {
  EXPECT_EQ(caught_living<Timid>(Guise::healthy), Invariants{"liveness"});
}

struct Blind final : Impostor {
  using Impostor::Impostor;
  void observe(PolicyMemory memory, const RolloutView& view,
               const Observation& observation) const noexcept override {
    Observation seen = observation;
    if (auto* samples = std::get_if<Samples>(&seen.event)) samples->candidate = samples->baseline;
    Impostor::observe(memory, view, seen);
  }
};
TEST(Liveness, APolicyThatSeesNoHarm) {
  EXPECT_EQ(caught_living<Blind>(Guise::harmful), Invariants{"liveness"});
}

}  // namespace
}  // namespace gatewright::sim
