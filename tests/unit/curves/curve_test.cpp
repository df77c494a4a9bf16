// Curves of made-up recordings, whose counts are known beforehand.
#include <gtest/gtest.h>

#include <vector>

#include "analysis/threshold_curve.h"

namespace gatewright::analysis {
namespace {

using namespace std::chrono_literals;
using sim::Rise;
using sim::ThresholdRecord;

PlanSpec two_gates() {
  PlanSpec plan;
  plan.gates.resize(2);
  plan.gates[0] = {.name = "cost", .metric = "cost", .harm = {.margin = 1.2}};
  plan.gates[1] = {.name = "errors", .metric = "error", .harm = {.margin = 2.0}};
  plan.gates[1].test.name = "sprt";
  return plan;
}

const std::vector<Rise> kNothing;

ThresholdRecord record(std::vector<Rise> cost, std::vector<Rise> errors) {
  ThresholdRecord record;
  record.gates = {std::move(cost), std::move(errors)};
  record.end.outcome = sim::Outcome::completed;
  record.end.ended_at = 8h;
  return record;
}

/// Four runs: highest cost 1.1, 1.3 and 1.5; the third is halted by errors first, the fourth never.
std::vector<ThresholdRecord> four_runs() {
  return {
      record({{1.05, 10min, 0, 5min}, {1.1, 20min, 0, 15min}}, {{.evidence = 0.4, .at = 10min}}),
      record({{1.0, 10min, 0, 5min}, {1.3, 40min, 1, 35min}}, kNothing),
      record({{1.5, 60min, 1, 55min}}, {{.evidence = 0.9, .at = 10min}, {1.0, 30min, 1, 25min}}),
      record(kNothing, kNothing)};
}

TEST(ThresholdCurve, CountsTheRunsThatReachEachThreshold) {
  const auto runs = four_runs();
  const auto curve = threshold_curve({.healthy = runs, .harmful = runs}, two_gates(),
                                     {.gate = 0, .thresholds = {1.4, 1.0, 1.1, 1.6, 1.2}});
  ASSERT_EQ(curve.size(), 5U);
  const std::vector<double> thresholds{1.0, 1.1, 1.2, 1.4, 1.6};
  const std::vector<double> alone{0.75, 0.5, 0.5, 0.25, 0.0};  // at its margin, a look is no harm
  const std::vector<double> in_plan{0.75, 0.5, 0.5, 0.25, 0.25};
  for (std::size_t i = 0; i < curve.size(); ++i) {
    EXPECT_DOUBLE_EQ(curve[i].threshold, thresholds[i]);
    EXPECT_DOUBLE_EQ(curve[i].false_alarm_alone.value, alone[i]) << thresholds[i];
    EXPECT_DOUBLE_EQ(curve[i].detection_alone.value, alone[i]) << thresholds[i];
    EXPECT_DOUBLE_EQ(curve[i].false_alarm.value, in_plan[i]) << thresholds[i];
    EXPECT_EQ(curve[i].false_alarm.runs, 4U);
  }
  // Delays at 1.0: 5, 35 and, by errors, 25 minutes.
  EXPECT_DOUBLE_EQ(curve[0].detection_delay_minutes_p50.value, 25.0);
  EXPECT_DOUBLE_EQ(curve[4].detection_delay_minutes_p50.value, 25.0);
}

TEST(ThresholdCurve, EvidenceThatIsAllThatIsNeededHalts) {
  const auto runs = four_runs();
  const auto curve = threshold_curve({.healthy = runs, .harmful = {}}, two_gates(),
                                     {.gate = 1, .thresholds = {0.9, 1.0, 1.01}});
  EXPECT_DOUBLE_EQ(curve[0].false_alarm_alone.value, 0.25);
  EXPECT_DOUBLE_EQ(curve[1].false_alarm_alone.value, 0.25);
  EXPECT_DOUBLE_EQ(curve[2].false_alarm_alone.value, 0.0);
  EXPECT_EQ(curve[0].detection.runs, 0U);
}

TEST(ThresholdCurve, WhatHaltsWithoutAGateHaltsAtEveryThreshold) {
  std::vector<ThresholdRecord> runs{record(kNothing, kNothing)};
  runs[0].end.outcome = sim::Outcome::halted;
  const auto curve =
      threshold_curve({.healthy = runs, .harmful = {}}, two_gates(), {.thresholds = {1.0, 9.0}});
  EXPECT_DOUBLE_EQ(curve[1].false_alarm.value, 1.0);
  EXPECT_DOUBLE_EQ(curve[1].false_alarm_alone.value, 0.0);
}

TEST(ThresholdCurve, AMarginBelowWhichIsHarmRunsTheOtherWay) {
  PlanSpec plan = two_gates();
  plan.gates[0].harm = {
      .relation = HarmSpec::Relation::absolute, .direction = Direction::down, .margin = 0.7};
  // The edge of a look at 0.6 is -0.6: it fails at every margin above.
  const std::vector<ThresholdRecord> runs{record({{.evidence = -0.6, .at = 10min}}, kNothing)};
  const auto curve =
      threshold_curve({.healthy = runs, .harmful = {}}, plan, {.thresholds = {0.5, 0.6, 0.61}});
  EXPECT_DOUBLE_EQ(curve[0].threshold, 0.61);  // the tightest first
  EXPECT_DOUBLE_EQ(curve[0].false_alarm_alone.value, 1.0);
  EXPECT_DOUBLE_EQ(curve[1].false_alarm_alone.value, 0.0);
  EXPECT_DOUBLE_EQ(curve[2].threshold, 0.5);
}

TEST(ThresholdCurve, CrossesItsBudgetOnce) {
  const auto runs = four_runs();
  const auto curve = threshold_curve({.healthy = runs, .harmful = {}}, two_gates(),
                                     {.gate = 0, .thresholds = {1.0, 1.1, 1.4, 1.6}});
  EXPECT_EQ(crossing(curve, 0.5, Among::alone, Within::value), 1U);
  EXPECT_EQ(crossing(curve, 0.1, Among::alone, Within::value), 3U);
  EXPECT_EQ(crossing(curve, 0.1, Among::plan, Within::value),
            std::nullopt);  // errors alone halt 25%
  EXPECT_EQ(crossing(curve, 0.1, Among::alone, Within::upper_limit), std::nullopt);  // of 4 runs
}

}  // namespace
}  // namespace gatewright::analysis
