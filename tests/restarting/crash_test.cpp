// A controller may crash between any two steps: snapshot and journal lead it on as if nothing had been.
#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

#include "policies/digest.h"
#include "policies/encoding.h"
#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;

Scenario world(bool harmful) {
  Scenario scenario = quiet_world();
  scenario.telemetry.delay = {DelayLaw::Kind::lognormal, 30.0, 0.8};
  if (harmful) {
    scenario.effects = {effect("cost", 1.3)};
    scenario.effects[0].from = 35min;
  }
  return scenario;
}

/// A plan with every form of evidence.
PlanSpec plan() {
  PlanSpec plan = five_gates();
  GateSpec threshold = gate("p99", "latency", "fixed_threshold",
                            {.kind = HarmSpec::Kind::quantile, .probability = 0.99, .margin = 1.9});
  plan.gates.push_back(threshold);
  return plan;
}

class Crash : public ::testing::TestWithParam<bool> {
 protected:
  Crash() { record_ = play(contender_, world(GetParam()), {5, 0}, &trace_); }

  RolloutState read(const std::string& snapshot) const {
    auto decoded = decode_state(snapshot, contender_.engine);
    EXPECT_TRUE(std::holds_alternative<RolloutState>(decoded));
    return std::get<RolloutState>(std::move(decoded));
  }

  void tell(RolloutState& state, const JournalEntry& entry) const {
    static_cast<void>(contender_.engine.step(state, entry.observation));
  }

  void expect_same_from(RolloutState state, std::size_t first) const {
    const auto& entries = trace_.journal.entries();
    for (std::size_t i = first; i < entries.size(); ++i) {
      const Decision decision = contender_.engine.step(state, entries[i].observation);
      ASSERT_EQ(decision, entries[i].decision) << "step " << i << " after a crash before " << first;
      ASSERT_EQ(digest(state), entries[i].digest);
    }
  }

  Contender contender_ = contender(plan());
  RunRecord record_;
  RunTrace trace_;
};

TEST_P(Crash, BetweenAnyTwoStepsASnapshotGoesOnTheSame) {
  EXPECT_EQ(record_.outcome, GetParam() ? Outcome::halted : Outcome::completed);
  const auto& entries = trace_.journal.entries();
  ASSERT_GT(entries.size(), 50U);
  RolloutState state = trace_.initial_state;
  for (std::size_t crash = 0; crash <= entries.size(); ++crash) {
    expect_same_from(read(encode(state)), crash);
    if (crash < entries.size()) tell(state, entries[crash]);
  }
}

TEST_P(Crash, AnOldSnapshotCatchesUpByTheJournalEvenIfItIsToldTooMuch) {
  const auto& entries = trace_.journal.entries();
  std::vector<std::string> snapshots;
  RolloutState state = trace_.initial_state;
  for (const JournalEntry& entry : entries) {
    snapshots.push_back(encode(state));
    tell(state, entry);
  }
  constexpr std::size_t kLag = 9;  // steps since the snapshot
  for (std::size_t crash = kLag; crash < entries.size(); ++crash) {
    RolloutState behind = read(snapshots[crash - kLag]);
    // The journal on disk begins a little before the snapshot; what it repeats is refused.
    const std::size_t first = crash >= kLag + 4 ? crash - kLag - 4 : 0;
    for (std::size_t i = first; i < crash; ++i) tell(behind, entries[i]);
    ASSERT_EQ(encode(behind), snapshots[crash]);
    expect_same_from(std::move(behind), crash);
  }
}

TEST_P(Crash, TheDecisionAfterARestartIsTheOneThatWasUnderWay) {
  // The last decision may not have reached the router: told again, it is the same target.
  RolloutState state = trace_.initial_state;
  for (const JournalEntry& entry : trace_.journal.entries()) {
    tell(state, entry);
    RolloutState restarted = read(encode(state));
    const Decision again = contender_.engine.step(restarted, entry.observation);
    EXPECT_EQ(again.exposure, entry.decision.exposure);
    EXPECT_EQ(again.stage, entry.decision.stage);
    EXPECT_EQ(again.action, Action::hold);
  }
}

INSTANTIATE_TEST_SUITE_P(Worlds, Crash, ::testing::Bool(), [](const auto& world_of) {
  return world_of.param ? "harmful" : "healthy";
});

}  // namespace
}  // namespace gatewright::sim
