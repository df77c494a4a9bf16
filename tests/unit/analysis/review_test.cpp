// What lint objects to, and what it does not.
#include "analysis/review.h"

#include <chrono>
#include <sstream>

#include <gtest/gtest.h>

namespace gatewright::analysis {
namespace {

using namespace std::chrono_literals;
using Relation = HarmSpec::Relation;

sim::Scenario world(double per_second = 10.0) {
  sim::Scenario scenario;
  scenario.name = "calm";
  scenario.traffic.arrivals = sim::PoissonArrivals{.rate_per_second = per_second};
  return scenario;
}

/// Nothing to object to.
PlanSpec plan() {
  PlanSpec plan;
  plan.name = "sound";
  plan.false_alarm_budget = 0.05;
  plan.stages = {{.name = "shadow", .mirrored = 0.5, .dwell = 4h},
                 {.name = "half", .served = 0.5, .dwell = 4h},
                 {.name = "all", .served = 1.0, .dwell = 4h}};
  GateSpec gate{.name = "errors", .metric = "error"};
  gate.harm.margin = 2.0;
  gate.test.name = "beta_binomial_mixture";
  plan.gates = {std::move(gate)};
  return plan;
}

/// The findings as "path: message" lines.
std::string found(const PlanSpec& plan, const sim::Scenario* world) {
  const Review result = review(plan, world);
  std::string text;
  for (const Diagnostics* findings : {&result.of_plan, &result.of_world})
    for (const Diagnostic& each : *findings) text += each.path + ": " + each.message + "\n";
  return text;
}

template <class Change>
std::string found_after(Change change) {
  PlanSpec changed = plan();
  sim::Scenario scenario = world();
  change(changed, scenario);
  return found(changed, &scenario);
}

void expect_starts(const std::string& text, const std::string& start) {
  EXPECT_TRUE(text.starts_with(start)) << text;
}

TEST(Review, ASoundPlanHearsNothing) {
  const sim::Scenario scenario = world();
  EXPECT_EQ(found(plan(), &scenario), "");
  EXPECT_EQ(found(plan(), nullptr), "");
}

TEST(Review, EachRuleOfTheRunbookHasItsFinding) {
  expect_starts(found_after([](PlanSpec& p, auto&) { p.stages.erase(p.stages.begin()); }),
                "stages.half: shadow is skipped");
  expect_starts(found_after([](PlanSpec& p, auto&) {
                  p.gates[0].harm = {.relation = Relation::absolute, .margin = 0.05};
                }),
                "gates.errors.harm: has no baseline");
  expect_starts(
      found_after([](auto&, sim::Scenario& s) { s.rollback.actuation = sim::Actuation::redeploy; }),
      "rollback.actuation: a rollback needs a redeploy");
  expect_starts(
      found_after([](auto&, sim::Scenario& s) { s.rollback.actuation = sim::Actuation::scripted; }),
      "rollback: one rollback in twenty takes longer than 3m");
  expect_starts(found_after([](auto&, sim::Scenario& s) { s.rollback.cold = 2min; }),
                "rollback: one rollback in twenty takes longer than 2m, with the old model cold");
}

TEST(Review, AScoresMarginIsHeldAgainstPublishedNoiseUnlessTheFloorIsSaid) {
  const auto falls_by = [](double points, double floor) {
    return found_after([=](PlanSpec& p, auto&) {
      p.gates[0].metric = "quality";
      p.gates[0].harm = {
          .relation = Relation::difference, .direction = Direction::down, .margin = -points};
      p.gates[0].test.name = "normal_mixture";
      p.gates[0].noise_floor.size = floor;
    });
  };
  expect_starts(falls_by(0.03, 0.0), "gates.errors.harm: a margin of -3pp is tighter");
  EXPECT_EQ(falls_by(0.03, 0.01), "");
  EXPECT_EQ(falls_by(0.15, 0.0), "");
}

// 50 requests an hour: 25 of the candidate in 1 h at half, 100 in 4 h.
TEST(Review, LowTrafficAsksForLongerStages) {
  PlanSpec sparse = plan();
  const sim::Scenario scenario = world(50.0 / 3600.0);
  sparse.stages[1].dwell = 1h;
  const std::string text = found(sparse, &scenario);
  EXPECT_NE(text.find("stages.half.dwell: at 50 requests an hour the candidate answers 25 in this "
                      "stage; stay 4h for 100\n"),
            std::string::npos)
      << text;
  EXPECT_EQ(text.find("stages.all.dwell"), std::string::npos) << text;
}

TEST(Review, AThresholdIsToldHowOftenItFailsHealthyCandidates) {
  const std::string text = found_after([](PlanSpec& p, auto&) {
    p.gates[0].test.name = "fixed_threshold";
    p.false_alarm_budget.reset();
    p.stages[1].served = 0.05;
  });
  EXPECT_NE(text.find("keeps no false-alarm rate"), std::string::npos) << text;
}

TEST(Review, OverlappingWindowsOfATestThatAddsThemUpAreNamed) {
  expect_starts(found_after([](PlanSpec& p, auto&) {
                  p.gates[0].test.name = "z_test";
                  p.gates[0].window = 15min;
                  p.false_alarm_budget.reset();
                }),
                "gates.errors.window: z_test adds its windows up, and these overlap: every request "
                "counts 3 times");
}

// 100 requests in 10 minutes, 5% of them the candidate's, of which 1.5% fail: 5 requests.
TEST(Review, WhatAStageCannotSeeIsSaidInOneSentence) {
  PlanSpec small = plan();
  small.stages = {{.name = "shadow", .mirrored = 0.05, .dwell = 10min},
                  {.name = "5%", .served = 0.05, .dwell = 10min},
                  {.name = "all", .served = 1.0, .dwell = 10min}};
  const sim::Scenario scenario = world(1.0 / 6.0);
  const Review result = review(small, &scenario);
  ASSERT_EQ(result.gates.size(), 1U);
  expect_starts(result.gates[0].sentence,
                "5% of 100 requests in 10m cannot see 3x, twice the margin; it would need ");
  ASSERT_EQ(result.of_plan.size(), 1U);
  EXPECT_EQ(result.of_plan[0].message,
            "no stage shows a change of 3x, twice the margin, with 80% power");
}

TEST(Review, ItsTableStaysWithinThePage) {
  PlanSpec wide = plan();
  for (int stage = 1; stage < 12; ++stage)
    wide.stages.insert(wide.stages.end() - 1, {.name = "stage number " + std::to_string(stage),
                                               .served = 0.5 + 0.04 * stage,
                                               .dwell = 1h});
  const sim::Scenario scenario = world();
  std::istringstream table(sight_table(wide, review(wide, &scenario)));
  for (std::string line; std::getline(table, line);) EXPECT_LE(line.size(), 80U) << line;
}

}  // namespace
}  // namespace gatewright::analysis
