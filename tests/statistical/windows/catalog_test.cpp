// Claims, seed fixed: policies meet the same fate in windows as in requests. Per catalog scenario, with
// its own policies and its healthy twin: how often each outcome in each last stage (Fisher's exact test),
// the time of the end and the sizes of impact (two-sample KS); 1% over all comparisons of a scenario
// (Bonferroni), 20 or 30 rollouts of each kind. GATEWRIGHT_ROLLOUTS changes that.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "policies/compile.h"
#include "scenarios/load.h"
#include "sim/prepared.h"
#include "sim/run.h"
#include "tests/statistical/windows/comparison.h"

namespace gatewright::sim::testing {
namespace {

using Records = std::vector<RunRecord>;

struct Numbers {
  const char* name;
  double (*of)(const RunRecord&);
};
constexpr Numbers kNumbers[] = {
    {"ended_at", [](const RunRecord& r) { return static_cast<double>(r.ended_at.count()) * 1e-9; }},
    {"requests", [](const RunRecord& r) { return static_cast<double>(r.requests); }},
    {"candidate_requests",
     [](const RunRecord& r) { return static_cast<double>(r.candidate_requests); }},
    {"exposure_minutes", [](const RunRecord& r) { return r.impact.exposure_minutes; }},
    {"user_impact_minutes",
     [](const RunRecord& r) { return static_cast<double>(r.impact.user_impact_minutes); }},
    {"bad_user_minutes",
     [](const RunRecord& r) { return static_cast<double>(r.impact.bad_user_minutes); }},
    {"impacted_requests",
     [](const RunRecord& r) { return static_cast<double>(r.impact.impacted_requests); }},
    {"excess_cost", [](const RunRecord& r) { return r.impact.excess_cost_usd; }},
    {"shadow_cost", [](const RunRecord& r) { return r.impact.shadow_cost_usd; }},
};

/// How rollouts ended, counted.
std::map<std::string, std::uint64_t> fates(const Records& records) {
  std::map<std::string, std::uint64_t> counted;
  for (const RunRecord& record : records)
    ++counted[std::string(to_string(record.outcome)) + " in stage " + std::to_string(record.stage)];
  return counted;
}

void expect_one_law(const Records& requests, const Records& windows, const std::string& what) {
  constexpr double kAlpha = 0.01 / 24.0;  // nine numbers, a few fates, two worlds
  const auto a = fates(requests), b = fates(windows);
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> table;
  for (const auto& [fate, count] : a) table[fate].first = count;
  for (const auto& [fate, count] : b) table[fate].second = count;
  for (const auto& [fate, counts] : table)
    EXPECT_GT(fisher(counts.first, requests.size(), counts.second, windows.size()), kAlpha)
        << what << ": " << fate << ' ' << counts.first << " against " << counts.second;
  for (const Numbers& number : kNumbers) {
    Sample x, y;
    for (const RunRecord& record : requests) x.push_back(number.of(record));
    for (const RunRecord& record : windows) y.push_back(number.of(record));
    EXPECT_LT(distance(x, y), critical_distance(kAlpha, x.size(), y.size()))
        << what << ": " << number.name << ", mean " << moments(x).mean << " against "
        << moments(y).mean;
  }
}

struct Changes {
  double per_second = 0.0;  ///< 0: the scenario's own
  std::size_t rollouts = 30;
};

void expect_one_fate(const std::string& name, Changes changes = {}) {
  const auto loaded = scenarios::load(std::string(GATEWRIGHT_CATALOG) + "/" + name + ".yaml");
  ASSERT_TRUE(loaded.study) << name;
  Scenario scenario = loaded.study->scenario;
  if (changes.per_second > 0.0) scenario.traffic.arrivals = PoissonArrivals{changes.per_second};
  std::vector<PlanSpec> plans = loaded.study->other_plans;
  plans.insert(plans.begin(), loaded.study->plan);
  std::vector<Contender> field;
  scenario.fidelity = Fidelity::windows;
  for (const PlanSpec& plan : plans) {
    const Contender contender{.name = plan.name,
                              .engine = *compile(plan).engine,
                              .assignment = plan.assignment,
                              .plan = std::make_shared<const PlanSpec>(plan)};
    if (check_fit(contender, scenario).empty()) field.push_back(contender);
  }
  ASSERT_FALSE(field.empty()) << name;
  const ManyOptions options{.seed = 21,
                            .replications = how_many("GATEWRIGHT_ROLLOUTS", changes.rollouts)};
  for (const bool twin : {false, true}) {
    std::vector<std::vector<Records>> by_fidelity;
    for (const Fidelity fidelity : {Fidelity::requests, Fidelity::windows}) {
      scenario.fidelity = fidelity;
      const Prepared prepared = prepare(scenario);
      ASSERT_TRUE(prepared.scenario);
      by_fidelity.push_back(
          run_many(field, twin ? *healthy_twin(prepared.scenario) : *prepared.scenario, options)
              .by_contender);
    }
    for (std::size_t c = 0; c < field.size(); ++c)
      expect_one_law(by_fidelity[0][c], by_fidelity[1][c],
                     name + (twin ? ", twin, " : ", ") + field[c].name);
  }
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
