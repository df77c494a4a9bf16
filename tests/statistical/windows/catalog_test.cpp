// Claims, seed fixed: policies meet the same fate in windows as in requests. Per catalog scenario, with
// its own policies and its healthy twin: the stage and the way of the end (chi-square), the share that is
// halted (Fisher's exact test), the time of the end, the sizes of impact and every gate's evidence at the
// end (two-sample KS); 1% over all comparisons of a scenario (Holm), 20 or 30 rollouts of each kind.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/statistical/windows/rollouts.h"

namespace gatewright::sim::testing {
namespace {

struct Changes {
  double per_second = 0.0;  ///< 0: the scenario's own
  std::size_t rollouts = 30;
};

void expect_one_fate(const std::string& name, Changes changes = {}) {
  Rehearsal one =
      rehearsal(std::string(GATEWRIGHT_CATALOG) + "/" + name + ".yaml", name, changes.per_second);
  ASSERT_FALSE(one.field.empty()) << one.refused;
  const std::vector<Comparison> comparisons = compare_resolutions(std::move(one), changes.rollouts);
  ASSERT_FALSE(comparisons.empty());
  std::vector<double> p;
  for (const Comparison& comparison : comparisons) p.push_back(comparison.p);
  for (const std::size_t i : holm(p, 0.01))
    ADD_FAILURE() << name << ": " << comparisons[i].what << ", p = " << p[i];
}

TEST(WindowsCatalog, BetterCandidate) { expect_one_fate("better_candidate"); }
TEST(WindowsCatalog, CostRegressionAtTenAMinute) {
  expect_one_fate("cost_regression", {.per_second = 10.0 / 60.0, .rollouts = 20});
}
TEST(WindowsCatalog, CostRegressionAtTenASecond) {
  expect_one_fate("cost_regression", {.per_second = 10.0, .rollouts = 20});
}
TEST(WindowsCatalog, CostUpQualityUp) { expect_one_fate("cost_up_quality_up"); }
TEST(WindowsCatalog, DetectorOneArm) { expect_one_fate("detector_one_arm", {.rollouts = 20}); }
TEST(WindowsCatalog, ErrorBursts) {
  expect_one_fate("error_bursts", {.per_second = 2.0, .rollouts = 20});
}
TEST(WindowsCatalog, ErrorsAtOnce) { expect_one_fate("errors_at_once"); }
TEST(WindowsCatalog, LateFeedback) {
  expect_one_fate("late_feedback", {.per_second = 2.0, .rollouts = 20});
}
TEST(WindowsCatalog, RefusalInOneSegment) {
  expect_one_fate("refusal_in_one_segment", {.per_second = 2.0, .rollouts = 20});
}
TEST(WindowsCatalog, LengthCollapse) {
  expect_one_fate("length_collapse", {.per_second = 2.0, .rollouts = 20});
}

}  // namespace
}  // namespace gatewright::sim::testing
