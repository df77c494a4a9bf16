#include "analysis/operating_characteristics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <set>

#include "tests/unit/analysis/records.h"

namespace gatewright::analysis {
namespace {

using testing::paper_contender;
using testing::PaperRuns;

double value(const OperatingCharacteristics& found, std::string_view name) {
  const Estimate* estimate = found.find(name);
  if (estimate == nullptr) {
    ADD_FAILURE() << "no column " << name;
    return 0.0;
  }
  return estimate->value;
}

OperatingCharacteristics of_paper(const PaperRuns& runs) {
  return operating_characteristics(
      {.as_written = runs.as_written, .healthy_twin = runs.healthy_twin}, paper_contender(), 0.95);
}

TEST(OperatingCharacteristics, CountsHowRolloutsEnd) {
  const auto found = of_paper(PaperRuns());
  EXPECT_EQ(found.runs, 10U);
  EXPECT_DOUBLE_EQ(value(found, "detection_probability"), 0.8);
  EXPECT_DOUBLE_EQ(value(found, "missed_rate"), 0.1);
  EXPECT_DOUBLE_EQ(value(found, "unfinished_rate"), 0.1);
  EXPECT_DOUBLE_EQ(value(found, "false_alarm_rate"), 0.1);
  EXPECT_DOUBLE_EQ(value(found, "completion_rate"), 0.9);
}

TEST(OperatingCharacteristics, CountsStagesAndGates) {
  const auto found = of_paper(PaperRuns());
  EXPECT_DOUBLE_EQ(value(found, "halted_at_stage.shadow"), 0.5);
  EXPECT_DOUBLE_EQ(value(found, "halted_at_stage.1%"), 0.3);
  EXPECT_DOUBLE_EQ(value(found, "halted_at_stage.100%"), 0.0);
  EXPECT_DOUBLE_EQ(value(found, "halted_by_gate.cost"), 0.7);
  EXPECT_DOUBLE_EQ(value(found, "halted_by_gate.latency"), 0.2);
  EXPECT_DOUBLE_EQ(value(found, "halted_without_gate"), 0.1);
  EXPECT_DOUBLE_EQ(value(found, "false_alarm_at_stage.1%"), 0.1);
  EXPECT_DOUBLE_EQ(value(found, "false_alarm_by_gate.latency"), 0.1);
  EXPECT_DOUBLE_EQ(value(found, "false_alarm_by_gate.cost"), 0.0);
}

TEST(OperatingCharacteristics, PutsNoHaltDownToAGateThatOnlyAdvises) {
  const std::vector<sim::RunRecord> runs{
      testing::halted(1, testing::kCost | testing::kLatency, std::chrono::minutes(5)),
      testing::halted(1, testing::kCost, std::chrono::minutes(5))};
  const auto found =
      operating_characteristics({.as_written = runs, .healthy_twin = {}},
                                paper_contender({"cost", "latency"}, testing::kLatency), 0.95);
  EXPECT_DOUBLE_EQ(value(found, "halted_by_gate.cost"), 0.0);
  EXPECT_DOUBLE_EQ(value(found, "halted_by_gate.latency"), 0.5);
  EXPECT_DOUBLE_EQ(value(found, "halted_without_gate"), 0.5);
}

TEST(OperatingCharacteristics, KnowsWhatDecidedAtEachStage) {
  const auto found = of_paper(PaperRuns());
  ASSERT_EQ(found.halts.size(), 3U);
  EXPECT_EQ(found.halts[1].stage, "1%");
  EXPECT_EQ(found.halts[1].halts, 3U);
  const std::vector<std::pair<std::string, std::uint64_t>> expected{
      {"cost", 2}, {"latency", 2}, {"stage_timeout", 1}};
  EXPECT_EQ(found.halts[1].by, expected);
  EXPECT_EQ(found.false_alarms[1].halts, 1U);
}

TEST(OperatingCharacteristics, DelaysAreThoseOfHaltedRuns) {
  const auto found = of_paper(PaperRuns());
  // 10 .. 14, 70, 80, 90 min
  EXPECT_DOUBLE_EQ(value(found, "detection_delay_minutes_p50"), 13.5);
  EXPECT_EQ(found.find("detection_delay_minutes_p50")->runs, 8U);
  EXPECT_DOUBLE_EQ(value(found, "time_to_complete_hours_p50"), 8.0);
  EXPECT_EQ(found.find("time_to_complete_hours_p50")->runs, 9U);
}

TEST(OperatingCharacteristics, ImpactIsAMeanOverAllRuns) {
  const auto found = of_paper(PaperRuns());
  EXPECT_DOUBLE_EQ(value(found, "user_impact_minutes_mean"), 32.0);
  EXPECT_DOUBLE_EQ(value(found, "excess_cost_usd_mean"), -0.4);
  EXPECT_DOUBLE_EQ(value(found, "requests_mean"), 1600.0);
}

TEST(OperatingCharacteristics, LimitsOfCountsAreNeverNegative) {
  PaperRuns runs;
  for (std::size_t i = 1; i < runs.as_written.size(); ++i)
    runs.as_written[i].impact.user_impact_minutes = 0;
  const auto found = of_paper(runs);
  EXPECT_EQ(found.find("user_impact_minutes_mean")->lower, 0.0);
  EXPECT_LT(found.find("excess_cost_usd_mean")->lower, 0.0);
}

TEST(OperatingCharacteristics, AHealthyScenarioIsItsOwnTwin) {
  const PaperRuns runs;
  const auto found = operating_characteristics(
      {.as_written = runs.healthy_twin, .healthy_twin = {}, .harmful = false}, paper_contender(),
      0.95);
  EXPECT_DOUBLE_EQ(value(found, "false_alarm_rate"), 0.1);
  EXPECT_DOUBLE_EQ(value(found, "completion_rate"), 0.9);
  EXPECT_DOUBLE_EQ(value(found, "time_to_complete_hours_p50"), 8.0);
  EXPECT_EQ(found.find("detection_probability")->runs, 0U);
  EXPECT_TRUE(std::isnan(value(found, "detection_probability")));
}

TEST(OperatingCharacteristics, ColumnsAreTheSameForEveryWorld) {
  const PaperRuns runs;
  const auto harmful = of_paper(runs);
  const auto healthy = operating_characteristics(
      {.as_written = runs.healthy_twin, .healthy_twin = {}, .harmful = false}, paper_contender(),
      0.95);
  const auto none = operating_characteristics({}, paper_contender(), 0.95);
  ASSERT_EQ(harmful.columns.size(), healthy.columns.size());
  ASSERT_EQ(harmful.columns.size(), none.columns.size());
  std::set<std::string> names;
  for (std::size_t i = 0; i < harmful.columns.size(); ++i) {
    EXPECT_EQ(harmful.columns[i].name, healthy.columns[i].name);
    EXPECT_EQ(none.columns[i].estimate.runs, 0U) << none.columns[i].name;
    EXPECT_TRUE(names.insert(harmful.columns[i].name).second) << harmful.columns[i].name;
  }
  EXPECT_EQ(harmful.columns.front().name, "detection_probability");
}

TEST(OperatingCharacteristics, FingerprintDependsOnEveryRecordAndTheirOrder) {
  PaperRuns runs;
  const std::uint64_t before = of_paper(runs).fingerprint;
  EXPECT_EQ(of_paper(PaperRuns()).fingerprint, before);
  runs.healthy_twin.back().fingerprint ^= 1U;
  EXPECT_NE(of_paper(runs).fingerprint, before);
  PaperRuns other;
  std::swap(other.as_written[3], other.as_written[4]);
  EXPECT_NE(of_paper(other).fingerprint, before);
}

TEST(OperatingCharacteristics, BrokenInvariantsAreCountedInBothWorlds) {
  PaperRuns runs;
  runs.as_written[2].violations = {{"S1", 7, "exposure fell"}};
  runs.healthy_twin[0].violations = {{"S2", 1, "a"}, {"S3", 2, "b"}};
  EXPECT_EQ(of_paper(runs).violations, 3U);
}

TEST(OperatingCharacteristics, CountsWhatTestsFound) {
  std::vector<sim::RunRecord> records;
  for (const Finding found : {Finding::candidate_wins, Finding::candidate_wins,
                              Finding::candidate_wins, Finding::inconclusive}) {
    records.push_back(testing::halted(1, testing::kCost, std::chrono::minutes(10)));
    records.back().findings = {Finding::none, found};
  }
  const sim::Contender contender = testing::paper_contender({"cost", "ab 1%"});
  const auto result =
      operating_characteristics({.as_written = records, .healthy_twin = {}}, contender, 0.95);
  const auto share_of = [&](const char* name) {
    const Estimate* found = result.find(name);
    return found == nullptr ? -1.0 : found->value;
  };
  EXPECT_EQ(share_of("found.ab 1%.candidate_wins"), 0.75);
  EXPECT_EQ(share_of("found.ab 1%.inconclusive"), 0.25);
  EXPECT_EQ(share_of("found.ab 1%.baseline_wins"), 0.0);
  EXPECT_EQ(share_of("found.cost.candidate_wins"), -1.0);
}

TEST(EstimateOf, KnowsQuantitiesOnly) {
  const PaperRuns runs;
  const Sample sample{.as_written = runs.as_written, .healthy_twin = runs.healthy_twin};
  EXPECT_DOUBLE_EQ(estimate_of(sample, "detection_delay_minutes", 0.0, 0.95)->value, 10.0);
  EXPECT_DOUBLE_EQ(estimate_of(sample, "requests", std::nullopt, 0.95)->value, 1600.0);
  EXPECT_FALSE(estimate_of(sample, "false_alarm_rate", 0.5, 0.95));
}

}  // namespace
}  // namespace gatewright::analysis
