// People pause, resume, halt and approve.
#include <gtest/gtest.h>

#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;
using Kind = OperatorCommand::Kind;

Scenario with(std::vector<OperatorAction> actions) {
  Scenario scenario = quiet_world();
  scenario.operators = std::move(actions);
  return scenario;
}

/// Three stages of twenty minutes that nothing but people can stop.
PlanSpec plain_plan() {
  PlanSpec plan;
  plan.name = "plain";
  plan.stages = {stage("10%", 0.1, 20min), stage("50%", 0.5, 20min), stage("100%", 1.0, 20min)};
  return plan;
}

void expect_no_violations(const RunRecord& record) {
  for (const Violation& violation : record.violations)
    ADD_FAILURE() << violation.invariant << " " << violation.message;
}

TEST(Operators, WithoutThemTheRolloutTakesItsDwells) {
  const RunRecord record = play(contender(plain_plan()), quiet_world());
  EXPECT_EQ(record.outcome, Outcome::completed);
  EXPECT_EQ(record.ended_at, 60min + 3 * 2s);
}

TEST(Operators, APauseHoldsUntilItIsResumed) {
  const RunRecord paused =
      play(contender(plain_plan()), with({{.at = 10min, .command = Kind::pause}}));
  EXPECT_EQ(paused.outcome, Outcome::unfinished);
  EXPECT_EQ(paused.stage, 0);
  expect_no_violations(paused);

  const RunRecord resumed =
      play(contender(plain_plan()),
           with({{.at = 10min, .command = Kind::pause}, {.at = 50min, .command = Kind::resume}}));
  EXPECT_EQ(resumed.outcome, Outcome::completed);
  // The dwell of the first stage ran on while it was paused; the other two follow the resumption.
  EXPECT_EQ(resumed.ended_at, 50min + 2 * (20min + 2s));
  expect_no_violations(resumed);
}

TEST(Operators, AHaltRollsBackAtOnce) {
  RunTrace trace;
  const RunRecord record =
      play(contender(plain_plan()), with({{.at = 30min, .command = Kind::halt}}), {7, 0}, &trace);
  EXPECT_EQ(record.outcome, Outcome::halted);
  EXPECT_EQ(record.cause, Cause::operator_halt);
  EXPECT_EQ(record.ended_at, 30min);
  EXPECT_EQ(record.stage, 1);
  expect_no_violations(record);
}

TEST(Operators, AHaltBetweenDecisionAndActuationWins) {
  // The advance to 50% is decided at 20 min 2 s and would be applied at 20 min 4 s.
  RunTrace trace;
  const RunRecord record = play(contender(plain_plan()),
                                with({{.at = 20min + 3s, .command = Kind::halt}}), {7, 0}, &trace);
  EXPECT_EQ(record.outcome, Outcome::halted);
  EXPECT_EQ(record.ended_at, 20min + 3s);
  for (const JournalEntry& entry : trace.journal.entries())
    if (const auto* applied = std::get_if<ExposureApplied>(&entry.observation.event)) {
      EXPECT_LE(applied->exposure.served, 1'000) << "the 50% never reached the router";
    }
  expect_no_violations(record);
}

TEST(Operators, AHaltAfterTheEndChangesNothing) {
  const RunRecord record = play(contender(plain_plan()), with({{.at = 2h, .command = Kind::halt}}));
  EXPECT_EQ(record.outcome, Outcome::completed);
  expect_no_violations(record);
}

TEST(Operators, AStageWaitsForItsApproval) {
  PlanSpec plan = plain_plan();
  plan.stages[0].approval = true;
  const RunRecord waiting = play(contender(plan), quiet_world());
  EXPECT_EQ(waiting.outcome, Outcome::unfinished);
  EXPECT_EQ(waiting.stage, 0);

  const RunRecord approved = play(contender(plan), with({{.at = 1h, .command = Kind::approve}}));
  EXPECT_EQ(approved.outcome, Outcome::completed);
  EXPECT_EQ(approved.ended_at, 1h + 2 * (20min + 2s));
  expect_no_violations(approved);
}

TEST(Operators, SomebodyApprovesEachStageAWhileAfterItWaits) {
  PlanSpec plan = plain_plan();
  plan.stages[0].approval = true;
  plan.stages[1].approval = true;
  Scenario scenario = quiet_world();
  scenario.approves_after = 30min;
  const RunRecord record = play(contender(plan), scenario);
  EXPECT_EQ(record.outcome, Outcome::completed);
  EXPECT_EQ(record.ended_at, 3 * (20min + 2s) + 2 * 30min);
  expect_no_violations(record);
}

TEST(Operators, AnApprovalThatCameTooLateIsNotTheNextStages) {
  // The operator is faster than the usual approval, which then is for a stage that is over.
  PlanSpec plan = plain_plan();
  plan.stages[0].approval = true;
  plan.stages[1].approval = true;
  Scenario scenario = with({{.at = 25min, .command = Kind::approve}});
  scenario.approves_after = 15min;  // at 35 min for the first stage, at 60 for the second
  const RunRecord record = play(contender(plan), scenario);
  EXPECT_EQ(record.outcome, Outcome::completed);
  EXPECT_EQ(record.ended_at, 25min + 2s + 20min + 15min + 2s + 20min);
}

}  // namespace
}  // namespace gatewright::sim
