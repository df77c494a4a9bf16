#include "policies/staged/sample_ratio_guard.h"

#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/policies/fakes.h"

namespace gatewright {
namespace {

using namespace testing;

constexpr double kError = 0.001;

/// Shadow, 10%, 50%, 100%, an hour each, and nothing but the guard.
PlanSpec guarded_plan() {
  PlanSpec plan;
  plan.name = "guarded";
  plan.stages = {{.name = "shadow", .mirrored = 0.05, .dwell = 60min},
                 {.name = "10%", .served = 0.10, .dwell = 60min},
                 {.name = "50%", .served = 0.50, .dwell = 60min},
                 {.name = "100%", .served = 1.0, .dwell = 60min}};
  plan.sample_ratio = SampleRatioSpec{.false_alarm = kError};
  return plan;
}

Samples units(std::uint64_t window, std::uint64_t baseline, std::uint64_t candidate) {
  return {.probe = ProbeIndex{0},
          .window = window,
          .baseline = {.count = baseline},
          .candidate = {.count = candidate}};
}

/// A rollout at 10% since minute 60; windows of five minutes, so window 12 is the first in it.
Driver at_ten_percent() {
  Driver driver(*compile(guarded_plan()).engine);
  driver.confirm(0s);
  EXPECT_EQ(driver.tick(60min).action, Action::advance);
  driver.confirm(60min);
  return driver;
}

double harm_of(const Driver& driver) { return driver.engine.policy().harm(driver.state.memory, 0); }

double log_e(double share, double baseline, double candidate) {
  return gates::SequentialMultinomial({1.0 - share, share}, 100.0)
      .log_e(std::vector{baseline, candidate});
}

TEST(SampleRatioGuard, AsksForUnitsAfterTheGates) {
  PlanSpec plan = example_plan();
  plan.sample_ratio.emplace();
  const Compiled compiled = compile(plan);
  ASSERT_TRUE(compiled.engine.has_value());
  const Policy& policy = compiled.engine->policy();
  ASSERT_EQ(policy.probes().size(), 5U);
  EXPECT_EQ(policy.probes()[4].metric, kAssignedUnits);
  EXPECT_EQ(policy.gate_names()[4], "sample_ratio");
}

TEST(SampleRatioGuard, SaysNothingWhileUnitsComeAsAskedFor) {
  Driver driver = at_ten_percent();
  EXPECT_TRUE(std::isnan(harm_of(driver)));
  for (std::uint64_t window = 12; window < 20; ++window) {
    const Decision decision =
        driver.tell(at((window + 1) * 5min), units(window, 888 + window, 112 - window));
    EXPECT_EQ(decision.action, Action::hold);
    EXPECT_EQ(decision.failing | decision.undecided | decision.silent, 0U);
  }
  EXPECT_LT(harm_of(driver), 1.0);
}

TEST(SampleRatioGuard, AMismatchHaltsUnderItsOwnName) {
  Driver driver = at_ten_percent();
  const Decision decision = driver.tell(at(65min), units(12, 800, 200));
  EXPECT_EQ(decision.action, Action::halt);
  EXPECT_EQ(decision.cause, Cause::gate_failed);
  EXPECT_EQ(decision.failing, 1U);
  EXPECT_EQ(driver.engine.policy().gate_names()[0], "sample_ratio");
}

TEST(SampleRatioGuard, TooFewUnitsAreAMismatchToo) {
  Driver driver = at_ten_percent();
  EXPECT_EQ(driver.tell(at(65min), units(12, 1'000, 40)).action, Action::halt);
}

TEST(SampleRatioGuard, NeverHoldsARolloutThatNobodyCountsUnitsFor) {
  Driver driver = at_ten_percent();
  EXPECT_EQ(driver.tick(120min).action, Action::advance);
  driver.confirm(120min);
  EXPECT_EQ(driver.tick(180min).action, Action::advance);
  driver.confirm(180min);
  EXPECT_EQ(driver.tick(240min).action, Action::complete);
}

TEST(SampleRatioGuard, LooksOnlyWhereUnitsAreSplit) {
  Driver driver(*compile(guarded_plan()).engine);
  EXPECT_EQ(driver.confirm(0s).measure, 0U) << "shadow";
  EXPECT_EQ(driver.tell(at(5min), units(0, 0, 500)).action, Action::hold);
  EXPECT_EQ(driver.tick(60min).measure, 1U) << "10%";
  driver.confirm(60min);
  driver.tick(120min);
  driver.confirm(120min);
  EXPECT_EQ(driver.tick(180min).measure, 0U) << "100%";
  driver.confirm(180min);
  EXPECT_EQ(driver.tell(at(185min), units(36, 500, 0)).action, Action::hold);
}

TEST(SampleRatioGuard, AWindowThatAChangeOfExposureCutsIsNoEvidence) {
  Driver driver(*compile(guarded_plan()).engine);
  driver.confirm(0s);
  driver.tick(60min);
  driver.confirm(61min);
  EXPECT_EQ(driver.tell(at(65min), units(12, 0, 500)).action, Action::hold);
  EXPECT_EQ(driver.tell(at(70min), units(13, 0, 500)).action, Action::halt);
}

TEST(SampleRatioGuard, ALateWindowOfAnotherExposureIsNoEvidence) {
  Driver driver = at_ten_percent();
  ASSERT_EQ(driver.tick(120min).action, Action::advance);
  EXPECT_EQ(driver.tell(at(121min), units(20, 0, 500)).action, Action::hold) << "unconfirmed";
  driver.confirm(122min);
  EXPECT_EQ(driver.tell(at(123min), units(21, 0, 500)).action, Action::hold);
  EXPECT_TRUE(std::isnan(harm_of(driver)));
}

TEST(SampleRatioGuard, AnExposureShortOfItsTargetIsNotWeighed) {
  Driver driver(*compile(guarded_plan()).engine);
  driver.confirm(0s);
  driver.tick(60min);
  driver.tell(at(60min), ExposureApplied{served(800)});
  EXPECT_EQ(driver.tell(at(65min), units(12, 0, 500)).action, Action::hold);
}

// The shares of the error, 1 / (k (k + 1)), sum to 1: a bound for any number of spells.
TEST(SampleRatioGuard, EachSpellBeginsAnewAndNeedsMore) {
  Driver driver = at_ten_percent();
  driver.tell(at(65min), units(12, 900, 120));
  EXPECT_DOUBLE_EQ(harm_of(driver), std::max(0.0, log_e(0.1, 900, 120) / std::log(2 / kError)));
  driver.tell(at(70min), units(13, 600, 110));
  ASSERT_GT(harm_of(driver), 0.1);
  EXPECT_DOUBLE_EQ(harm_of(driver), log_e(0.1, 1'500, 230) / std::log(2 / kError));
  // The router wavers, and is back at 10%.
  driver.tell(at(71min), ExposureApplied{served(900)});
  driver.confirm(75min);
  driver.tell(at(80min), units(15, 600, 110));
  EXPECT_DOUBLE_EQ(harm_of(driver), log_e(0.1, 600, 110) / std::log(6 / kError));
  driver.tick(135min);
  driver.confirm(135min);
  driver.tell(at(140min), units(27, 500, 600));
  EXPECT_DOUBLE_EQ(harm_of(driver), log_e(0.5, 500, 600) / std::log(12 / kError));
}

TEST(SampleRatioGuard, ADamagedMemoryIsNoUndefinedBehaviour) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const Driver driver = at_ten_percent();
  for (const double damage :
       {std::numeric_limits<double>::quiet_NaN(), kInfinity, -kInfinity, 1e300, -1e300, -2.5})
    for (std::size_t slot = 0; slot < driver.state.memory.size(); ++slot) {
      RolloutState state = driver.state;
      state.memory[slot] = damage;
      const Decision decision = driver.engine.step(
          state, {.sequence = 10, .at = at(65min), .event = units(12, 900, 100)});
      EXPECT_NE(decision.action, Action::complete);
    }
}

// ---- compiling ----

TEST(SampleRatioGuard, SpendsAFiftiethOfTheBudgetUnlessThePlanSaysMore) {
  EXPECT_DOUBLE_EQ(false_alarm_of({}, 0.05), 0.001);
  EXPECT_DOUBLE_EQ(false_alarm_of({}, std::nullopt), 0.001);
  EXPECT_DOUBLE_EQ(false_alarm_of({.false_alarm = 0.01}, 0.05), 0.01);

  PlanSpec plan = example_plan();
  plan.sample_ratio = SampleRatioSpec{.false_alarm = 0.01};
  double spent = 0.0;
  for (const BudgetRow& row : budget_split(plan)) spent += row.false_alarm;
  EXPECT_DOUBLE_EQ(spent, 0.05) << "the gates and the guard together";
  const BudgetRow guard = budget_split(plan).back();
  EXPECT_EQ(guard.gate, "sample_ratio");
  EXPECT_EQ(guard.guarantee, "anytime");
  EXPECT_EQ(guard.false_alarm, 0.01);
  EXPECT_EQ(guard.stages, 2U);
}

TEST(SampleRatioGuard, LooksAsOftenAsTheMostFrequentGate) {
  PlanSpec plan = example_plan();
  plan.sample_ratio.emplace();
  plan.gates[1].every = 2min;
  EXPECT_EQ(compile(plan).engine->policy().probes().back().every, 2min);
}

TEST(SampleRatioGuard, IsLeftOutWhereNoStageSplitsUnits) {
  PlanSpec plan = guarded_plan();
  plan.stages.erase(plan.stages.begin() + 1, plan.stages.begin() + 3);
  EXPECT_TRUE(compile(plan).engine->policy().gate_names().empty());
  EXPECT_TRUE(budget_split(plan).empty());
}

std::string errors_of(const PlanSpec& plan) {
  std::string text;
  for (const Diagnostic& each : compile(plan).diagnostics)
    if (each.severity == Severity::error) text += each.path + ": " + each.message + "\n";
  return text;
}

TEST(SampleRatioGuard, CannotSpendTheWholeBudget) {
  PlanSpec plan = example_plan();
  plan.sample_ratio = SampleRatioSpec{.false_alarm = 0.05};
  EXPECT_EQ(errors_of(plan),
            "sample_ratio.false_alarm: expected a share above 0% and below the false-alarm budget "
            "of 5%, such as 0.1%, got 5%\n");
}

TEST(SampleRatioGuard, ItsNameIsTaken) {
  PlanSpec plan = example_plan();
  plan.gates[0].name = "sample_ratio";
  EXPECT_EQ(errors_of(plan), "");
  plan.sample_ratio.emplace();
  EXPECT_EQ(errors_of(plan),
            "gates.sample_ratio.name: this is the name of the plan's own check of the split\n");
}

TEST(SampleRatioGuard, BlocksOfTimeAreNoted) {
  PlanSpec plan = guarded_plan();
  plan.assignment.by = AssignmentUnit::time;
  const Compiled compiled = compile(plan);
  EXPECT_EQ(std::ranges::count(compiled.diagnostics, "assignment.by", &Diagnostic::path), 1);
}

}  // namespace
}  // namespace gatewright
