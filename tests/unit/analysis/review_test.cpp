// What lint objects to, and what it does not.
#include "analysis/review.h"

#include <chrono>
#include <cstdio>
#include <map>
#include <sstream>
#include <string_view>

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

sim::Arm::ErrorBursts bursts_of(Duration burst) {
  sim::Arm::ErrorBursts bursts;
  bursts.burst = burst;
  return bursts;
}

TEST(Review, BurstsOfErrorsBreakThePromisesOfTestsThatTakeThemForIndependent) {
  const auto with = [](const char* test, Duration burst, bool shared = false) {
    return found_after([=](PlanSpec& p, sim::Scenario& s) {
      s.baseline.error_bursts = bursts_of(burst);
      s.baseline.error_bursts->shared = shared;
      p.gates[0].test.name = test;
    });
  };
  const std::string text = with("beta_binomial_mixture", 10min);
  expect_starts(text,
                "gates.errors.test: errors come in bursts of 10m, each arm by itself; "
                "beta_binomial_mixture takes that for a difference of the models: this gate, whose "
                "share is 5%, halts about ");
  EXPECT_TRUE(text.ends_with("% of healthy rollouts; take test: {clustered_rate: {}}\n")) << text;
  EXPECT_EQ(with("beta_binomial_mixture", 10min, true), "");
  EXPECT_EQ(with("clustered_rate", 10min).find("bursts"), std::string::npos);
  expect_starts(
      with("clustered_rate", 20min),
      "gates.errors.test: errors come in bursts of 20m, each arm by itself, which outlast "
      "two windows of 5m");
}

/// By 10%, for a gate with this margin.
std::string found_where_latency_drifts(double margin, const TestSpec& test, bool separate = true) {
  return found_after([&](PlanSpec& p, sim::Scenario& s) {
    s.noise.window["latency"] = {.size = 0.1, .correlation_time = 168s, .separate = separate};
    GateSpec& gate = p.gates[0];
    gate.name = gate.metric = "latency";
    gate.harm.margin = margin;
    gate.test = test;
  });
}

TEST(Review, ALevelThatDriftsBreaksThePromiseOfAMarginWithinIt) {
  const auto with = [](double margin, bool separate) {
    return found_where_latency_drifts(margin, {"normal_mixture", {{"scale", std::string("log")}}},
                                      separate);
  };
  const std::string text = with(1.0, true);
  expect_starts(
      text,
      "gates.latency.test: latency drifts by 10% for 2.8m at a time, each arm by itself; "
      "normal_mixture takes that for a difference of the models: this gate, whose share is "
      "5%, halts about ");
  EXPECT_NE(text.find("; take a margin of 1."), std::string::npos) << text;
  EXPECT_NE(text.find(", or say noise_floor: {bound: "), std::string::npos) << text;
  EXPECT_EQ(with(1.25, true), "");
  EXPECT_EQ(with(1.0, false), "");
}

TEST(Review, DeploymentsThatDifferBreakThePromiseOfAMarginWithoutAFloor) {
  const auto with = [](double floor) {
    return found_after([=](PlanSpec& p, sim::Scenario& s) {
      s.noise.deployment["quality"] = 0.03;
      GateSpec& gate = p.gates[0];
      gate.name = gate.metric = "quality";
      gate.harm = {.relation = Relation::difference, .direction = Direction::down, .margin = -0.05};
      gate.test = {"normal_mixture", {}};
      if (floor > 0.0) gate.noise_floor = {.kind = NoiseFloor::Kind::sd, .size = floor};
    });
  };
  // Two deployments differ by 4.2 points, and by more than 5 in 12% of rollouts: Phi(-5 / 4.24). The
  // samples ask for a little more.
  const std::string text = with(0.0);
  EXPECT_NE(
      text.find("gates.quality.test: quality of one deployment and the next differs by 3 "
                "points; normal_mixture takes that for a difference of the models: this gate, "
                "whose share is 5%, halts about 11% of healthy rollouts; take a margin of -"),
      std::string::npos)
      << text;
  EXPECT_EQ(with(0.015).find("differs by"), std::string::npos) << with(0.015);
}

// A gate of the table of all gate tests at 10 requests a minute (docs/methods/gate_table.md): of 1,000
// healthy rollouts that it was played in 7.0% were halted, 5.1 to 9.3 with 99% confidence; of those of
// wilson 4.8%, and of two_sample_rate none to speak of.
TEST(Review, CountsThatATestTakesForNormalAreHeldAgainstTheirExactLaw) {
  const auto with = [](const char* test) {
    PlanSpec p = plan();
    p.every = 1min;
    p.stages = {{.name = "shadow", .mirrored = 0.05, .dwell = 30min},
                {.name = "5%", .served = 0.05, .dwell = 1h},
                {.name = "25%", .served = 0.25, .dwell = 1h},
                {.name = "50%", .served = 0.5, .dwell = 1h}};
    p.gates[0].harm.relation = Relation::difference;
    p.gates[0].harm.margin = 0.0;
    p.gates[0].min_samples = 30;
    p.gates[0].test = {test, {}};
    if (std::string_view(test) != "two_sample_rate") p.gates[0].test.parameters["looks"] = 5.0;
    sim::Scenario s = world(1.0 / 6.0);
    s.baseline.error_probability = 0.015;
    return found(p, &s);
  };
  const std::string text = with("two_proportion_z");
  constexpr std::string_view kAbout =
      "gates.errors.test: events are few, and two_proportion_z takes their counts for normal: this "
      "gate, whose share is 5%, halts ";
  const std::size_t at = text.find(kAbout);
  ASSERT_NE(at, std::string::npos) << text;
  const double said = std::stod(text.substr(at + kAbout.size()));
  EXPECT_GT(said, 5.1);
  EXPECT_LT(said, 9.3);
  EXPECT_EQ(with("wilson").find("events are few"), std::string::npos);
  EXPECT_EQ(with("two_sample_rate").find("events are few"), std::string::npos);
}

TEST(Review, OfGatesWithoutACurveItIsSaidWhichNoiseBreaksThem) {
  const auto drifting = [](double margin) {
    return found_where_latency_drifts(margin,
                                      {"ratio_mixture", {{"per", std::string("output_tokens")}}});
  };
  EXPECT_EQ(drifting(1.0),
            "gates.latency.test: latency drifts by 10% for 2.8m at a time, each arm by itself; "
            "ratio_mixture takes that for a difference of the models, and halts more healthy "
            "rollouts than it promises: play the healthy candidate to see how many; take a margin "
            "beyond 20%\n");
  EXPECT_EQ(drifting(1.25), "");
  const auto bursting = [](bool shared) {
    return found_after([=](PlanSpec& p, sim::Scenario& s) {
      s.baseline.error_bursts = bursts_of(10min);
      s.baseline.error_bursts->shared = shared;
      p.gates.clear();
      p.stages[1].ab = AbSpec{
          .metric = "error", .min_effect = 0.01, .rate = 0.02, .segments = {"free", "premium"}};
      s.traffic.segments = {{.name = "free", .share = 0.5}, {.name = "premium", .share = 0.5}};
    });
  };
  expect_starts(bursting(false),
                "stages.half.ab: errors come in bursts of 10m, each arm by itself; ab_test takes "
                "that for a difference of the models");
  EXPECT_EQ(bursting(false).find("stages.half.ab", 1), std::string::npos) << bursting(false);
  EXPECT_EQ(bursting(true), "");
}

// Shares of healthy rollouts that were halted when they were played, of 1,000, each by one gate
// without a margin: docs/methods/gate_table.md, "window noise" and "errors in bursts". What lint
// computes of these is mostly less, for it has fewer looks: from a little less than half of what was
// played to a tenth of all rollouts more.
TEST(Review, TellsHowManyHealthyRolloutsAreHaltedAndSaysNoMoreThanWasPlayed) {
  struct Row {
    const char* test;
    double played;
    std::map<std::string, TestValue> parameters{};
    HarmSpec harm{};
  };
  const auto share_said = [](const Row& row, bool of_errors) {
    PlanSpec p = plan();
    p.every = 1min;
    p.stages = {{.name = "shadow", .mirrored = 0.05, .dwell = 30min},
                {.name = "5%", .served = 0.05, .dwell = 1h},
                {.name = "25%", .served = 0.25, .dwell = 1h},
                {.name = "50%", .served = 0.5, .dwell = 1h}};
    p.gates[0].name = p.gates[0].metric = of_errors ? "error" : "latency";
    p.gates[0].harm = row.harm;
    p.gates[0].min_samples = 30;
    p.gates[0].test = {row.test, row.parameters};
    sim::Scenario s = world();
    if (of_errors)
      s.baseline.error_bursts = bursts_of(1min);
    else
      s.noise.window["latency"] = {.size = 0.1, .correlation_time = 168'220ms, .separate = true};
    const std::string text = found(p, &s);
    constexpr std::string_view kAbout = "share is 5%, halts about ";
    const std::size_t at = text.find(kAbout);
    return at == std::string::npos ? 0.0 : std::stod(text.substr(at + kAbout.size())) / 100.0;
  };
  const std::map<std::string, TestValue> planned{{"looks", 5.0}, {"samples", 36000.0}};
  const HarmSpec p90{.kind = HarmSpec::Kind::quantile, .probability = 0.9};
  const HarmSpec shift{
      .kind = HarmSpec::Kind::distribution, .relation = Relation::difference, .margin = 0.0};
  for (const Row& row :
       {Row{"normal_mixture", 0.685, {{"scale", std::string("log")}}},
        Row{"group_sequential", 0.488, planned}, Row{"quantile_sequence", 0.741, {}, p90},
        Row{"order_statistic", 0.488, planned, p90}, Row{"dkw_sequence", 0.808, {}, shift},
        Row{"ks", 0.992, planned, shift}, Row{"psi", 1.0, planned, shift}}) {
    const double said = share_said(row, false);
    std::printf("  %s: %.2f, played %.2f\n", row.test, said, row.played);
    EXPECT_GT(said, 0.45 * row.played) << row.test;
    EXPECT_LT(said, row.played + 0.1) << row.test;
  }
  for (const Row& row : {Row{"normal_mixture", 0.739}, Row{"beta_binomial_mixture", 0.78},
                         Row{"two_sample_rate", 0.779}, Row{"group_sequential", 0.609, planned},
                         Row{"sprt", 0.731}}) {
    const double said = share_said(row, true);
    std::printf("  %s: %.2f, played %.2f\n", row.test, said, row.played);
    EXPECT_GT(said, 0.45 * row.played) << row.test;
    EXPECT_LT(said, row.played + 0.1) << row.test;
  }
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
