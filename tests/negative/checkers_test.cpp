// Engines and policies broken on purpose: each must be caught by its invariant within one run.
#include "sim/checkers.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/negative/impostor.h"
#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;

/// The five gates in a world whose candidate is healthy (it completes) or much too expensive (it is
/// halted during the ramp).
struct Rehearsal {
  explicit Rehearsal(bool harmful) {
    Scenario scenario = quiet_world();
    if (harmful) {
      scenario.effects = {effect("cost", 1.5)};
      scenario.effects[0].from = 30min;
    }
    record = play(honest, scenario, {3, 0}, &trace);
  }
  Contender honest = contender(five_gates());
  RunRecord record;
  RunTrace trace;
};

using Break = std::function<Decision(const Engine& engine, RolloutState& state,
                                     const Observation& observation)>;

/// Shows a broken step function the observations of an honest run, every third of them twice, under
/// the eyes of the checker.
Invariants caught(const Rehearsal& rehearsal, const Break& broken) {
  const Engine& engine = rehearsal.honest.engine;
  Machine machine = machine_of(engine);
  machine.step = [&](RolloutState& state, const Observation& observation) {
    return broken(engine, state, observation);
  };
  CheckerMemory memory;
  Checker checker(engine.shared_policy(), rehearsal.honest.plan, machine, memory);
  checker.start(0);
  RolloutState state = rehearsal.trace.initial_state;
  const auto show = [&](const Observation& observation) {
    checker.remember(state);
    const Decision decision = machine.step(state, observation);
    checker.check(observation, decision, state);
  };
  for (std::size_t i = 0; i < rehearsal.trace.journal.entries().size(); ++i) {
    show(rehearsal.trace.journal.entries()[i].observation);
    if (i % 3 == 0) show(rehearsal.trace.journal.entries()[i].observation);
  }
  return invariants_of(checker.violations());
}

class BrokenStep : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    healthy_ = std::make_unique<Rehearsal>(false);
    harmful_ = std::make_unique<Rehearsal>(true);
    ASSERT_EQ(healthy_->record.outcome, Outcome::completed);
    ASSERT_EQ(harmful_->record.outcome, Outcome::halted);
  }
  static void TearDownTestSuite() {
    healthy_.reset();
    harmful_.reset();
  }
  static std::unique_ptr<Rehearsal> healthy_, harmful_;
};
std::unique_ptr<Rehearsal> BrokenStep::healthy_, BrokenStep::harmful_;

TEST_F(BrokenStep, NothingIsCaughtWhereNothingIsBroken) {
  const Break honest = [](const Engine& engine, RolloutState& state,
                          const Observation& observation) {
    return engine.step(state, observation);
  };
  EXPECT_EQ(caught(*healthy_, honest), Invariants{});
  EXPECT_EQ(caught(*harmful_, honest), Invariants{});
}

TEST_F(BrokenStep, S1AnExposureThatIsNotThePlans) {
  EXPECT_TRUE(caught(*healthy_, [](const Engine& engine, RolloutState& state,
                                   const Observation& observation) {
                Decision decision = engine.step(state, observation);
                if (state.phase == Phase::running) ++decision.exposure.served;
                return decision;
              }).contains("S1"));
}

TEST_F(BrokenStep, S1AStageThatIsSkipped) {
  EXPECT_TRUE(caught(*healthy_, [](const Engine& engine, RolloutState& state,
                                   const Observation& observation) {
                Decision decision = engine.step(state, observation);
                const auto next = static_cast<std::size_t>(state.stage) + 1;
                if (decision.action == Action::advance && next < engine.policy().stages().size()) {
                  state.stage = decision.stage = StageIndex(next);
                  state.target = decision.exposure = engine.policy().stages()[next].exposure;
                }
                return decision;
              }).contains("S1"));
}

TEST_F(BrokenStep, S1AnExposureThatRisesOnHold) {
  EXPECT_TRUE(caught(*healthy_, [](const Engine& engine, RolloutState& state,
                                   const Observation& observation) {
                Decision decision = engine.step(state, observation);
                if (decision.action == Action::advance) decision.action = Action::hold;
                return decision;
              }).contains("S1"));
}

TEST_F(BrokenStep, S2AnAdvanceBeforeTheDwellIsOver) {
  EXPECT_TRUE(caught(*healthy_, [](const Engine& engine, RolloutState& state,
                                   const Observation& observation) {
                if (state.dwelling_since != kNever) state.dwelling_since = state.started_at;
                return engine.step(state, observation);
              }).contains("S2"));
}

TEST_F(BrokenStep, S2AnAdvanceBeforeTheExposureIsConfirmed) {
  EXPECT_TRUE(caught(*healthy_, [](const Engine& engine, RolloutState& state,
                                   const Observation& observation) {
                const Exposure confirmed = state.applied;
                state.applied = state.target;
                if (state.dwelling_since == kNever) state.dwelling_since = state.started_at;
                const Decision decision = engine.step(state, observation);
                state.applied = confirmed;
                return decision;
              }).contains("S2"));
}

TEST_F(BrokenStep, S3ARolloutThatGoesOnAfterItsEnd) {
  EXPECT_TRUE(caught(*harmful_, [](const Engine& engine, RolloutState& state,
                                   const Observation& observation) {
                const Decision decision = engine.step(state, observation);
                if (decision.cause == Cause::rollout_ended) state.sequence = observation.sequence;
                return decision;
              }).contains("S3"));
}

TEST_F(BrokenStep, S3AHaltThatIsUndone) {
  EXPECT_TRUE(caught(*harmful_, [](const Engine& engine, RolloutState& state,
                                   const Observation& observation) {
                if (state.phase == Phase::halted) state.phase = Phase::running;
                return engine.step(state, observation);
              }).contains("S3"));
}

TEST_F(BrokenStep, S4ARefusedObservationThatCounts) {
  EXPECT_TRUE(caught(*healthy_, [](const Engine& engine, RolloutState& state,
                                   const Observation& observation) {
                const Decision decision = engine.step(state, observation);
                if (decision.cause == Cause::observation_refused) state.memory.back() += 1.0;
                return decision;
              }).contains("S4"));
}

TEST_F(BrokenStep, S4ARefusedObservationThatRaisesExposure) {
  EXPECT_TRUE(caught(*healthy_, [](const Engine& engine, RolloutState& state,
                                   const Observation& observation) {
                Decision decision = engine.step(state, observation);
                if (decision.cause == Cause::observation_refused)
                  decision.exposure.served = kWholeExposure;
                return decision;
              }).contains("S4"));
}

TEST_F(BrokenStep, S6ARepeatedObservationThatCountsTwice) {
  EXPECT_TRUE(caught(*healthy_, [](const Engine& engine, RolloutState& state,
                                   const Observation& observation) {
                if (observation.sequence == state.sequence) --state.sequence;
                return engine.step(state, observation);
              }).contains("S6"));
}

TEST_F(BrokenStep, S8AWakeUpThatIsNotAhead) {
  EXPECT_TRUE(caught(*healthy_, [](const Engine& engine, RolloutState& state,
                                   const Observation& observation) {
                Decision decision = engine.step(state, observation);
                if (state.phase == Phase::running) decision.wake_at = decision.at;
                return decision;
              }).contains("S8"));
}

/// A rollout that is told what a rehearsal was told, a few steps at a time.
class InTurns {
 public:
  InTurns(const Rehearsal& rehearsal, CheckerMemory& memory)
      : rehearsal_(rehearsal),
        checker_(rehearsal.honest.engine.shared_policy(), rehearsal.honest.plan,
                 machine_of(rehearsal.honest.engine), memory),
        state_(rehearsal.trace.initial_state) {
    checker_.start(0);
  }

  /// A step that `breaks` what has ended changes it.
  void play(std::size_t steps, bool breaks) {
    const auto& entries = rehearsal_.trace.journal.entries();
    for (; steps > 0 && next_ < entries.size(); --steps, ++next_) {
      checker_.remember(state_);
      const bool is_over = state_.phase != Phase::running;
      const Observation& observation = entries[next_].observation;
      const Decision decision = rehearsal_.honest.engine.step(state_, observation);
      if (breaks && is_over) state_.memory.back() += 1.0;
      checker_.check(observation, decision, state_);
    }
  }
  [[nodiscard]] Invariants caught() const { return invariants_of(checker_.violations()); }

 private:
  const Rehearsal& rehearsal_;
  Checker checker_;
  RolloutState state_;
  std::size_t next_ = 0;
};

TEST_F(BrokenStep, CheckersOfOneMemoryKeepTheirRolloutsApart) {
  CheckerMemory memory;
  InTurns honest(*healthy_, memory), halted(*harmful_, memory), broken(*harmful_, memory);
  for (int turn = 0; turn < 200; ++turn) {
    honest.play(3, false);
    halted.play(2, false);
    broken.play(4, true);
  }
  EXPECT_EQ(honest.caught(), Invariants{});
  EXPECT_EQ(halted.caught(), Invariants{});
  EXPECT_TRUE(broken.caught().contains("S3"));
}

/// Shows the honest engine its own run, with a broken way to write down states.
Invariants caught_restarting(const Rehearsal& rehearsal,
                             std::function<bool(const RolloutState&, RolloutState&)> restart) {
  const Engine& engine = rehearsal.honest.engine;
  Machine machine = machine_of(engine);
  machine.restart = std::move(restart);
  CheckerMemory memory;
  Checker checker(engine.shared_policy(), rehearsal.honest.plan, machine, memory);
  checker.start(0);
  RolloutState state = rehearsal.trace.initial_state;
  for (const JournalEntry& entry : rehearsal.trace.journal.entries()) {
    checker.remember(state);
    const Decision decision = engine.step(state, entry.observation);
    checker.check(entry.observation, decision, state);
  }
  return invariants_of(checker.violations());
}

TEST_F(BrokenStep, S7ASnapshotThatForgets) {
  EXPECT_EQ(caught_restarting(*healthy_,
                              [](const RolloutState& from, RolloutState& to) {
                                to = from;
                                to.memory.back() = 0.0;  // a slot of the last gate's test
                                return true;
                              }),
            Invariants{"S7"});
  EXPECT_EQ(caught_restarting(*healthy_,
                              [](const RolloutState& from, RolloutState& to) {
                                to = from;
                                to.dwelling_since = from.at;
                                return true;
                              }),
            Invariants{"S7"});
}

TEST_F(BrokenStep, S7ASnapshotThatCannotBeRead) {
  EXPECT_EQ(caught_restarting(*healthy_, [](const RolloutState&, RolloutState&) { return false; }),
            Invariants{"S7"});
}

// ---- policies ----

template <typename Broken>
Invariants caught_in(const Scenario& scenario) {
  Contender one = contender(five_gates());
  one.engine = Engine(std::make_shared<Broken>(one.engine.shared_policy()));
  return invariants_of(play(one, scenario).violations);
}

Scenario harmful_world() {
  Scenario scenario = quiet_world();
  scenario.effects = {effect("cost", 1.5)};
  return scenario;
}

TEST(BrokenPolicy, NothingIsCaughtWhereNothingIsBroken) {
  EXPECT_EQ(caught_in<Impostor>(quiet_world()), Invariants{});
  EXPECT_EQ(caught_in<Impostor>(harmful_world()), Invariants{});
}

struct Hasty final : Impostor {
  using Impostor::Impostor;
  Proposal propose(ConstPolicyMemory memory, const RolloutView& view) const noexcept override {
    Proposal proposal = Impostor::propose(memory, view);
    if (proposal.cause == Cause::dwelling) proposal.action = leave(view);
    return proposal;
  }
};
TEST(BrokenPolicy, S2LeavesAStageBeforeItsDwellIsOver) {
  EXPECT_EQ(caught_in<Hasty>(quiet_world()), Invariants{"S2"});
}

struct Deaf final : Impostor {
  using Impostor::Impostor;
  Proposal propose(ConstPolicyMemory memory, const RolloutView& view) const noexcept override {
    Proposal proposal = Impostor::propose(memory, view);
    if (proposal.cause == Cause::gate_silent) proposal.action = leave(view);
    return proposal;
  }
};
TEST(BrokenPolicy, S2TakesSilenceForSuccess) {
  Scenario scenario = quiet_world();
  scenario.traffic.arrivals = PoissonArrivals{0.001};
  EXPECT_EQ(caught_in<Deaf>(scenario), Invariants{"S2"});
}

struct Clinging final : Impostor {
  using Impostor::Impostor;
  Exposure exposure_after_halt(StageIndex) const noexcept override { return {.served = 100}; }
};
TEST(BrokenPolicy, S5KeepsSomeExposureAfterARollback) {
  EXPECT_TRUE(caught_in<Clinging>(harmful_world()).contains("S5"));
}

TEST(BrokenRouter, S5TakesLongerThanActuationEverDoes) {
  const Contender one = contender(five_gates());
  CheckerMemory memory;
  Checker checker(one.engine.shared_policy(), one.plan, machine_of(one.engine), memory);
  checker.start(0);
  checker.check_rollback({.took = 5s, .at_most = 5s, .exposure = {}});
  EXPECT_TRUE(checker.violations().empty());
  checker.check_rollback({.took = 6s, .at_most = 5s, .exposure = {}});
  EXPECT_EQ(invariants_of(checker.violations()), Invariants{"S5"});
}

/// Remembers beside its memory, where no snapshot reaches.
struct Moody final : Impostor {
  using Impostor::Impostor;
  Proposal propose(ConstPolicyMemory memory, const RolloutView& view) const noexcept override {
    Proposal proposal = Impostor::propose(memory, view);
    if (++calls_ % 7 == 0 && proposal.wake_at != kNever) proposal.wake_at += 1s;
    return proposal;
  }
  mutable int calls_ = 0;
};
TEST(BrokenPolicy, S7RemembersWhatNoSnapshotHolds) {
  EXPECT_EQ(caught_in<Moody>(quiet_world()), Invariants{"S7"});
}

struct Restless final : Impostor {
  using Impostor::Impostor;
  Proposal propose(ConstPolicyMemory memory, const RolloutView& view) const noexcept override {
    Proposal proposal = Impostor::propose(memory, view);
    proposal.wake_at = view.at + Duration(1);
    return proposal;
  }
};
TEST(BrokenPolicy, S8KeepsItsDriverBusyForEver) {
  Contender one = contender(five_gates());
  one.engine = Engine(std::make_shared<Restless>(one.engine.shared_policy()));
  const RunRecord record = play(one, quiet_world());
  EXPECT_EQ(invariants_of(record.violations), Invariants{"S8"});
  EXPECT_EQ(record.outcome, Outcome::unfinished);
}

}  // namespace
}  // namespace gatewright::sim
