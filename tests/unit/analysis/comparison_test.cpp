// Paired differences of made-up runs, and intervals against another program.
#include <gtest/gtest.h>

#include <vector>

#include "analysis/comparison.h"
#include "tests/unit/analysis/records.h"

namespace gatewright::analysis {
namespace {

using namespace testing;

struct Published {
  DiscordantPairs pairs;
  double confidence;
  double lower, upper;
  double p_value;
};

/// Limits: Tango's score inverted by root finding with the likelihood maximised numerically, without
/// his closed form (scipy 1.10: optimize.minimize_scalar, optimize.brentq). p-values:
/// scipy.stats.binomtest. The maximisation is good to six digits.
TEST(ShareDifference, AgreesWithScipy) {
  const std::vector<Published> cases{
      {{.only_first = 40, .only_second = 20, .runs = 160},
       0.95,
       -0.2180642,
       -0.0308645,
       0.01348929},
      {{.only_first = 86, .only_second = 150, .runs = 1600},
       0.95,
       0.0213616,
       0.0589980,
       3.71614e-05},
      {{.only_first = 0, .only_second = 3, .runs = 44}, 0.95, -0.0175885, 0.1822504, 0.25},
      {{.only_first = 3, .only_second = 12, .runs = 50}, 0.99, -0.0227387, 0.3787883, 0.03515625},
      {{.only_first = 1, .only_second = 9, .runs = 20}, 0.95, 0.1053399, 0.6300136, 0.02148438},
      {{.only_first = 7, .only_second = 25, .runs = 400}, 0.95, 0.0184339, 0.0753258, 0.00210240},
  };
  for (const Published& each : cases) {
    const Estimate estimate = share_difference(each.pairs, each.confidence);
    EXPECT_NEAR(estimate.lower, each.lower, 1e-6);
    EXPECT_NEAR(estimate.upper, each.upper, 1e-6);
    EXPECT_NEAR(mcnemar_p_value(each.pairs), each.p_value, 1e-6 * each.p_value + 1e-8);
  }
}

TEST(ShareDifference, ChangesItsSignWithTheOrder) {
  const Estimate there = share_difference({.only_first = 5, .only_second = 2, .runs = 50}, 0.95);
  const Estimate back = share_difference({.only_first = 2, .only_second = 5, .runs = 50}, 0.95);
  EXPECT_DOUBLE_EQ(there.value, -back.value);
  EXPECT_NEAR(there.lower, -back.upper, 1e-12);
  EXPECT_NEAR(there.upper, -back.lower, 1e-12);
}

TEST(ShareDifference, KnowsTheCornersOfItsRange) {
  const Estimate none = share_difference({.runs = 400}, 0.95);
  EXPECT_EQ(none.value, 0.0);
  EXPECT_NEAR(none.lower, -none.upper, 1e-12);
  EXPECT_GT(none.upper, 0.0);  // no difference seen is not no difference
  EXPECT_LT(none.upper, 0.02);
  EXPECT_DOUBLE_EQ(mcnemar_p_value({.runs = 400}), 1.0);
  const Estimate all = share_difference({.only_second = 30, .runs = 30}, 0.95);
  EXPECT_EQ(all.value, 1.0);
  EXPECT_NEAR(all.upper, 1.0, 1e-9);
  EXPECT_EQ(share_difference({}, 0.95).runs, 0U);
}

const Difference& find(const Comparison& comparison, const std::string& name) {
  for (const Difference& each : comparison.differences)
    if (each.name == name) return each;
  throw std::logic_error(name);
}

TEST(Comparison, CountsRunsWithinTheirPairs) {
  const PaperRuns first;
  PaperRuns second;
  // The second policy misses two halts of the first, catches the one that was unfinished, halts a
  // healthy run more, and is ten minutes slower in each that both halt.
  second.as_written[0] = completed(4h);
  second.as_written[1] = completed(4h);
  second.as_written[9] = halted(1, kCost, 60min);
  for (std::size_t i = 2; i < 8; ++i) *second.as_written[i].detection_delay += 10min;
  second.healthy_twin[5] = halted(1, kCost, 30min);
  const auto sample = [](const PaperRuns& runs) {
    return Sample{.as_written = runs.as_written, .healthy_twin = runs.healthy_twin};
  };
  const Comparison comparison = compare({"one", sample(first)}, {"other", sample(second)}, 0.95);
  EXPECT_EQ(comparison.runs, 10U);
  const Difference& detection = find(comparison, "detection_probability");
  EXPECT_DOUBLE_EQ(detection.first.value, 0.8);
  EXPECT_DOUBLE_EQ(detection.second.value, 0.7);
  EXPECT_DOUBLE_EQ(detection.difference.value, -0.1);
  EXPECT_EQ(detection.difference.lower,
            share_difference({.only_first = 2, .only_second = 1, .runs = 10}, 0.95).lower);
  EXPECT_DOUBLE_EQ(*detection.p_value, 1.0);
  EXPECT_DOUBLE_EQ(find(comparison, "false_alarm_rate").difference.value, 0.1);
  const Difference& delay = find(comparison, "detection_delay_minutes_mean");
  EXPECT_EQ(delay.difference.runs, 6U);  // those that both halt
  EXPECT_DOUBLE_EQ(delay.difference.value, 10.0);
  EXPECT_DOUBLE_EQ(delay.difference.lower, 10.0);  // all alike
  EXPECT_EQ(find(comparison, "time_to_complete_hours_mean").difference.runs, 8U);
}

TEST(Comparison, OfAHealthyCandidateHasNoDetection) {
  const PaperRuns runs;
  const Sample healthy{.as_written = runs.healthy_twin, .healthy_twin = {}, .harmful = false};
  const Comparison comparison = compare({"one", healthy}, {"other", healthy}, 0.95);
  EXPECT_EQ(find(comparison, "detection_probability").difference.runs, 0U);
  EXPECT_DOUBLE_EQ(find(comparison, "false_alarm_rate").difference.value, 0.0);
}

}  // namespace
}  // namespace gatewright::analysis
