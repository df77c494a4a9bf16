// One recording against brute force: the plan is played again with each threshold, and every halt must
// fall on the same moment.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analysis/threshold_curve.h"
#include "policies/compile.h"
#include "sim/run.h"
#include "tests/support/worlds.h"

namespace gatewright::analysis {
namespace {

using namespace sim::testing;
using sim::Outcome;
using sim::RunRecord;

constexpr std::uint64_t kReplications = 4;
constexpr std::size_t kThresholds = 25;

sim::Contender watching(const PlanSpec& plan) {
  const Compiled compiled = compile(plan, GateAuthority::watching);
  EXPECT_TRUE(compiled.engine.has_value());
  return {plan.name, *compiled.engine, plan.assignment, std::make_shared<const PlanSpec>(plan)};
}

std::vector<sim::ThresholdRecord> recorded(const PlanSpec& plan,
                                           const sim::PreparedScenario& world) {
  const std::vector<sim::Contender> field{watching(plan)};
  sim::ManyRecords many = sim::run_many(
      field, world, {.seed = 7, .replications = kReplications, .threads = 1, .thresholds = true});
  return std::move(many.thresholds.front());
}

/// Every plan of a field in the same replications.
std::vector<std::vector<RunRecord>> played(const std::vector<PlanSpec>& plans,
                                           const sim::PreparedScenario& world) {
  std::vector<sim::Contender> field;
  for (const PlanSpec& plan : plans) field.push_back(contender(plan));
  return sim::run_many(field, world, {.seed = 7, .replications = kReplications, .threads = 1})
      .by_contender;
}

void expect_equal_halts(const std::optional<sim::Rise>& told, const RunRecord& played,
                        const std::string& where) {
  ASSERT_EQ(told.has_value(), played.outcome == Outcome::halted) << where;
  if (!told) return;
  EXPECT_EQ(told->at, played.ended_at) << where;
  EXPECT_EQ(told->stage, played.stage) << where;
  EXPECT_EQ(told->detection_delay, played.detection_delay) << where;
}

GateSpec threshold_gate(std::string name, std::string metric, HarmSpec harm, std::string after) {
  GateSpec spec = gate(std::move(name), std::move(metric), "fixed_threshold", harm);
  spec.test.parameters["after"] = std::move(after);
  return spec;
}

/// Thresholds of every relation, direction, counting rule and form of evidence.
PlanSpec threshold_plan() {
  using Kind = HarmSpec::Kind;
  using Relation = HarmSpec::Relation;
  PlanSpec plan;
  plan.name = "thresholds";
  plan.stages = {stage("shadow", 0.0, 20min, 0.10), stage("10%", 0.10, 30min),
                 stage("50%", 0.50, 30min), stage("100%", 1.0, 20min)};
  plan.gates = {
      threshold_gate("cost", "cost", {.margin = 1.3}, "3 of 5"),
      threshold_gate("errors", "error_or_refusal", {.margin = 4.0}, "2 consecutive"),
      threshold_gate("tail", "latency",
                     {.kind = Kind::quantile, .probability = 0.99, .margin = 1.6}, "1 consecutive"),
      threshold_gate(
          "quality", "quality",
          {.relation = Relation::difference, .direction = Direction::down, .margin = -0.05},
          "2 of 3"),
      threshold_gate("length", "output_tokens", {.relation = Relation::absolute, .margin = 260.0},
                     "4 cumulative"),
      threshold_gate("thumbs", "thumbs_down", {.margin = 3.0}, "1 consecutive")};
  plan.gates[1].min_samples = 30;
  plan.gates[4].evidence = EvidenceSpan::stage;
  return plan;
}

sim::Scenario shaky_world() {
  sim::Scenario scenario = quiet_world();
  scenario.effects = {effect("cost", 1.08), effect("latency", 1.1)};
  scenario.effects[1].from = 50min;
  return scenario;
}

/// Exact: each margin of each gate, in the plan, against playing it.
TEST(ThresholdRecord, TellsTheHaltOfEveryMargin) {
  const PlanSpec plan = threshold_plan();
  const auto world = prepared(shaky_world());
  const auto records = recorded(plan, *world);
  const CurveRuns runs{.healthy = records, .harmful = {}};
  std::size_t halts = 0, others = 0;
  for (std::size_t gate = 0; gate < plan.gates.size(); ++gate) {
    const std::vector<double> thresholds = spread_thresholds(runs, plan, gate, kThresholds);
    std::vector<PlanSpec> plans;
    for (const double threshold : thresholds) {
      plans.push_back(plan);
      plans.back().gates[gate].harm.margin = threshold;
    }
    const auto again = played(plans, *world);
    for (std::size_t i = 0; i < thresholds.size(); ++i)
      for (std::size_t run = 0; run < kReplications; ++run) {
        expect_equal_halts(halt_of(records[run], plan, gate, thresholds[i], Among::plan),
                           again[i][run],
                           plan.gates[gate].name + " at " + std::to_string(thresholds[i]));
        (again[i][run].outcome == Outcome::halted ? halts : others) += 1;
      }
  }
  EXPECT_GT(halts, 20U);  // both happen, or nothing was shown
  EXPECT_GT(others, 20U);
}

/// Exact: a gate alone, against a plan in which the others only advise.
TEST(ThresholdRecord, TellsTheHaltOfAGateAlone) {
  const PlanSpec plan = threshold_plan();
  const auto world = prepared(shaky_world());
  const auto records = recorded(plan, *world);
  const CurveRuns runs{.healthy = records, .harmful = {}};
  for (std::size_t gate = 0; gate < plan.gates.size(); ++gate) {
    const std::vector<double> thresholds = spread_thresholds(runs, plan, gate, kThresholds);
    std::vector<PlanSpec> plans;
    for (const double threshold : thresholds) {
      plans.push_back(plan);
      for (GateSpec& other : plans.back().gates) other.role = GateRole::advisory;
      plans.back().gates[gate].role = GateRole::protective;
      plans.back().gates[gate].harm.margin = threshold;
    }
    const auto again = played(plans, *world);
    for (std::size_t i = 0; i < thresholds.size(); ++i)
      for (std::size_t run = 0; run < kReplications; ++run)
        expect_equal_halts(halt_of(records[run], plan, gate, thresholds[i], Among::alone),
                           again[i][run],
                           plan.gates[gate].name + " at " + std::to_string(thresholds[i]));
  }
}

/// Budgets of one gate while the other's share stays: evidence threshold t is the budget alpha^t.
PlanSpec with_budget_of(const PlanSpec& plan, std::size_t gate, double alpha, double rest) {
  PlanSpec changed = plan;
  changed.false_alarm_budget = alpha + rest;
  for (std::size_t i = 0; i < plan.gates.size(); ++i)
    changed.gates[i].budget_share = i == gate ? alpha : rest;
  return changed;
}

/// Exact: budgets of tests whose evidence does not depend on the budget, in one span of the rollout
/// and, where evidence begins anew with a stage, at the very step that leaves it.
TEST(ThresholdRecord, TellsTheHaltOfEveryBudget) {
  for (const EvidenceSpan span : {EvidenceSpan::rollout, EvidenceSpan::stage}) {
    PlanSpec plan = threshold_plan();
    plan.gates = {gate("errors", "error_or_refusal", "beta_binomial_mixture", {.margin = 1.1}),
                  gate("cost", "cost", "normal_mixture", {.margin = 1.05})};
    plan.gates[1].test.parameters["scale"] = std::string("log");
    plan.gates[0].evidence = span;
    constexpr double kRest = 0.01;
    constexpr double kAlpha = 0.04;
    plan = with_budget_of(plan, 0, kAlpha, kRest);
    sim::Scenario scenario = shaky_world();
    scenario.effects[0] = effect("error", 2.0);
    const auto world = prepared(scenario);
    const auto records = recorded(plan, *world);
    const double stages = span == EvidenceSpan::stage ? 3.0 : 1.0;  // in which both arms answer

    std::vector<double> thresholds;
    std::vector<PlanSpec> plans;
    for (int i = 0; i < 40; ++i) {
      thresholds.push_back(0.11 + 0.3 * i);
      const double alpha = stages * std::pow(kAlpha / stages, thresholds.back());
      if (alpha + kRest >= 1.0) {
        thresholds.pop_back();
        continue;
      }
      plans.push_back(with_budget_of(plan, 0, alpha, kRest));
    }
    const auto again = played(plans, *world);
    std::size_t halts = 0;
    for (std::size_t i = 0; i < thresholds.size(); ++i)
      for (std::size_t run = 0; run < kReplications; ++run) {
        expect_equal_halts(halt_of(records[run], plan, 0, thresholds[i], Among::plan),
                           again[i][run], "errors at " + std::to_string(thresholds[i]));
        halts += again[i][run].outcome == Outcome::halted ? 1 : 0;
      }
    EXPECT_GT(halts, 20U);
    EXPECT_LT(halts, thresholds.size() * kReplications);
  }
}

/// Exact: stages that are left by the very window that is weighed, whose evidence is forgotten by then.
TEST(ThresholdRecord, TellsTheHaltOfAWindowThatLeavesItsStage) {
  PlanSpec plan = threshold_plan();
  plan.stages = {stage("10%", 0.10, 1min), stage("50%", 0.50, 1min), stage("75%", 0.75, 1min)};
  plan.gates = {gate("errors", "error_or_refusal", "beta_binomial_mixture", {.margin = 1.1})};
  plan.gates[0].evidence = EvidenceSpan::stage;
  plan.gates[0].every = 10min;
  plan.gates[0].silence = 1h;
  constexpr double kStages = 3.0;
  constexpr double kAlpha = 0.3;
  plan.false_alarm_budget = kAlpha;
  sim::Scenario scenario = shaky_world();
  scenario.effects[0] = effect("error", 2.5);
  const auto world = prepared(scenario);
  const auto records = recorded(plan, *world);
  std::vector<double> thresholds;
  std::vector<PlanSpec> plans;
  for (int i = 0; i < 40; ++i) {
    thresholds.push_back(0.6 + 0.2 * i);
    plans.push_back(plan);
    plans.back().false_alarm_budget = kStages * std::pow(kAlpha / kStages, thresholds.back());
  }
  const auto again = played(plans, *world);
  std::size_t halts = 0;
  for (std::size_t i = 0; i < thresholds.size(); ++i)
    for (std::size_t run = 0; run < kReplications; ++run) {
      expect_equal_halts(halt_of(records[run], plan, 0, thresholds[i], Among::plan), again[i][run],
                         "errors at " + std::to_string(thresholds[i]));
      halts += again[i][run].outcome == Outcome::halted ? 1 : 0;
    }
  EXPECT_GT(halts, 20U);
  EXPECT_LT(halts, thresholds.size() * kReplications);
}

/// Exact: threads change nothing.
TEST(ThresholdRecord, IsTheSameForAnyNumberOfThreads) {
  const PlanSpec plan = threshold_plan();
  const auto world = prepared(shaky_world());
  const std::vector<sim::Contender> field{watching(plan)};
  std::vector<std::vector<sim::ThresholdRecord>> kept;
  for (const unsigned threads : {1U, 3U})
    kept.push_back(
        sim::run_many(
            field, *world,
            {.seed = 7, .replications = kReplications, .threads = threads, .thresholds = true})
            .thresholds.front());
  for (std::size_t run = 0; run < kReplications; ++run) {
    EXPECT_EQ(kept[0][run].end.fingerprint, kept[1][run].end.fingerprint);
    for (std::size_t gate = 0; gate < plan.gates.size(); ++gate) {
      ASSERT_EQ(kept[0][run].gates[gate].size(), kept[1][run].gates[gate].size());
      for (std::size_t i = 0; i < kept[0][run].gates[gate].size(); ++i) {
        EXPECT_EQ(kept[0][run].gates[gate][i].evidence, kept[1][run].gates[gate][i].evidence);
        EXPECT_EQ(kept[0][run].gates[gate][i].at, kept[1][run].gates[gate][i].at);
      }
    }
  }
}

TEST(ThresholdRecord, ARampThatWaitsForSafetyCannotBeRecorded) {
  PlanSpec plan = threshold_plan();
  EXPECT_EQ(why_not_recordable(plan), "");
  plan.stages[2].advance_when = AdvanceWhen::safety_shown;
  EXPECT_NE(why_not_recordable(plan).find("stage 50%"), std::string::npos);
}

}  // namespace
}  // namespace gatewright::analysis
