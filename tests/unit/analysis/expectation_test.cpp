#include "analysis/expectation.h"

#include <gtest/gtest.h>

#include "tests/unit/analysis/records.h"

namespace gatewright::analysis {
namespace {

using testing::completed;
using testing::halted;
using testing::kCost;
using testing::paper_contender;
using testing::PaperRuns;
using namespace std::chrono_literals;

Expectation expect(std::string column) {
  Expectation expectation;
  expectation.path = "expect.as_written." + column;
  expectation.column = std::move(column);
  expectation.unit = "%";
  return expectation;
}

JudgedExpectation judged(const Expectation& expectation, const Sample& sample,
                         double confidence = 0.99) {
  return judge({.policy = "", .expectations = {expectation}}, sample, paper_contender(), confidence)
      .front();
}

/// `halts` of 400 runs.
std::vector<sim::RunRecord> runs_with(std::size_t halts) {
  std::vector<sim::RunRecord> records;
  for (std::size_t i = 0; i < 400; ++i)
    records.push_back(i < halts ? halted(0, kCost, 10min) : completed(4h));
  return records;
}

TEST(Judge, DecidesOnlyWhereTheWholeIntervalIsOnOneSide) {
  Expectation expectation = expect("detection_probability");
  expectation.at_least = 0.95;
  const auto of = [&](std::size_t halts) {
    const auto records = runs_with(halts);
    return judged(expectation, {.as_written = records, .healthy_twin = {}}).judgement;
  };
  // The 99% limits of 392 of 400 are 0.9542 and 0.9935 (SciPy 1.17.1).
  EXPECT_EQ(of(392), Judgement::holds);
  EXPECT_EQ(of(390), Judgement::undecided);
  EXPECT_EQ(of(370), Judgement::undecided);
  EXPECT_EQ(of(340), Judgement::violated);
}

TEST(Judge, UpperLimitsMirrorLowerOnes) {
  Expectation expectation = expect("false_alarm_rate");
  expectation.at_most = 0.05;
  const auto of = [&](std::size_t halts) {
    const auto records = runs_with(halts);
    return judged(expectation, {.as_written = records, .healthy_twin = {}, .harmful = false})
        .judgement;
  };
  EXPECT_EQ(of(8), Judgement::holds);
  EXPECT_EQ(of(12), Judgement::undecided);
  EXPECT_EQ(of(60), Judgement::violated);
}

TEST(Judge, BothLimitsCount) {
  Expectation expectation = expect("detection_probability");
  expectation.at_least = 0.4;
  expectation.at_most = 0.6;
  const auto of = [&](std::size_t halts) {
    const auto records = runs_with(halts);
    return judged(expectation, {.as_written = records, .healthy_twin = {}}).judgement;
  };
  EXPECT_EQ(of(200), Judgement::holds);
  EXPECT_EQ(of(240), Judgement::undecided);
  EXPECT_EQ(of(300), Judgement::violated);
  EXPECT_EQ(of(100), Judgement::violated);
}

TEST(Judge, StagesAreCountedTogether) {
  Expectation expectation = expect("halted_at_stage");
  expectation.sum_of = {"shadow", "1%"};
  expectation.at_least = 0.4;
  const PaperRuns runs;
  const auto result =
      judged(expectation, {.as_written = runs.as_written, .healthy_twin = runs.healthy_twin}, 0.95);
  EXPECT_DOUBLE_EQ(result.estimate.value, 0.8);
  EXPECT_EQ(result.estimate.runs, 10U);
  EXPECT_NEAR(result.estimate.lower, 0.4439045, 1e-7);  // scipy.stats.binomtest(8, 10)
  EXPECT_EQ(result.judgement, Judgement::holds);
  EXPECT_EQ(result.policy, "paper");
}

TEST(Judge, AnyQuantileCanBeAskedFor) {
  Expectation expectation = expect("detection_delay_minutes");
  expectation.quantile = 0.25;
  expectation.at_most = 100.0;
  const PaperRuns runs;
  const auto result =
      judged(expectation, {.as_written = runs.as_written, .healthy_twin = runs.healthy_twin}, 0.9);
  EXPECT_DOUBLE_EQ(result.estimate.value, 11.75);
  EXPECT_EQ(result.judgement, Judgement::holds);
}

TEST(Judge, WithoutARunNothingIsDecided) {
  Expectation expectation = expect("detection_delay_minutes");
  expectation.quantile = 0.95;
  expectation.at_most = 1e9;
  const auto records = runs_with(0);
  const auto result = judged(expectation, {.as_written = records, .healthy_twin = {}});
  EXPECT_EQ(result.estimate.runs, 0U);
  EXPECT_EQ(result.judgement, Judgement::undecided);
}

TEST(Judge, AColumnThatIsNotThereIsUndecided) {
  Expectation expectation = expect("halted_by_gate.nonsense");
  expectation.at_least = 0.0;
  const auto records = runs_with(1);
  EXPECT_EQ(judged(expectation, {.as_written = records, .healthy_twin = {}}).judgement,
            Judgement::undecided);
}

/// A candidate that is better than the baseline has a twin of its own.
TEST(Judge, TheTwinOfAHarmlessScenarioIsJudgedByItself) {
  Expectation expectation = expect("false_alarm_rate");
  expectation.at_most = 0.05;
  const auto all_halted = runs_with(400);
  const auto none_halted = runs_with(0);
  const Sample sample{.as_written = all_halted, .healthy_twin = none_halted, .harmful = false};
  EXPECT_EQ(judged(expectation, sample).judgement, Judgement::violated);
  expectation.path = "expect.healthy_twin.false_alarm_rate";
  EXPECT_EQ(judged(expectation, sample).judgement, Judgement::holds);
}

}  // namespace
}  // namespace gatewright::analysis
