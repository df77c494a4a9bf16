// False alarms of tests of counts where events are few, against enumerations by others.
#include "analysis/few_events.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "tests/independent/pooled_z_sizes.h"
#include "tests/unit/gates/gate_player.h"

namespace gatewright::analysis {
namespace {

using testing::harm;
using Relation = HarmSpec::Relation;

std::unique_ptr<GateTest> planned(const std::string& name, double looks,
                                  std::uint64_t min_samples = 0) {
  GateSpec gate{.name = "gate",
                .metric = "error",
                .harm = harm(Relation::difference, 0.0),
                .test = {name, {{"looks", looks}}},
                .min_samples = min_samples};
  gate.every = std::chrono::minutes(5);
  Diagnostics diagnostics;
  auto test = find_gate_test(name)->make(gate, diagnostics);
  EXPECT_NE(test, nullptr);
  return test;
}

MetricLaw rate(double p) {
  return {.change = MetricLaw::Change::rate, .mean = p, .sd = std::sqrt(p * (1.0 - p))};
}

std::optional<double> halted(const GateTest& test, double p_b, double p_c,
                             const std::vector<ArmCounts>& windows) {
  return halted_by_few_events({.test = &test,
                               .budget = {.false_alarm = 0.05, .missed_harm = 0.05},
                               .law = rate(p_b),
                               .windows = windows},
                              p_c);
}

// Sizes and powers of one look, by full enumeration (pooled_z_sizes.h: a table that base R confirms).
TEST(FewEvents, OneLookHaltsWhatFullEnumerationSays) {
  const auto test = planned("two_proportion_z", 1);
  for (const testing::PooledZSize& row : testing::kPooledZSizes) {
    const auto share = halted(*test, row.p_b, row.p_c,
                              {{static_cast<double>(row.n_b), static_cast<double>(row.n_c)}});
    const double events = static_cast<double>(row.n_c) * row.p_c;
    ASSERT_EQ(share.has_value(), events <= 64.0) << row.n_b << ':' << row.n_c;
    EXPECT_NEAR(share.value_or(row.one_sided), row.one_sided, 5e-6) << row.n_b << ':' << row.n_c;
  }
}

// Several looks that share 5% evenly: rejected by the look or before, by enumeration of all counts with
// scipy's binom and norm.
TEST(FewEvents, ManyLooksHaltWhatEnumerationOfAllPathsSays) {
  struct Row {
    double p_b, p_c, share;
    std::vector<ArmCounts> windows;
  };
  for (const Row& row :
       {Row{0.02, 0.02, 0.0232417, {{60, 60}, {60, 60}, {60, 60}}},
        Row{0.015, 0.015, 0.0758100, {{200, 20}, {200, 20}, {100, 20}, {100, 20}, {100, 20}}},
        Row{0.9, 0.8, 0.0008691, {{40, 40}, {40, 40}}},
        Row{0.02, 0.1, 0.7517919, {{200, 20}, {200, 20}}}})
    EXPECT_NEAR(halted(*planned("two_proportion_z", static_cast<double>(row.windows.size())),
                       row.p_b, row.p_c, row.windows)
                    .value(),
                row.share, 5e-8)
        << row.p_b;
}

TEST(FewEvents, WindowsBetweenLooksAndAfterTheLastChangeNothing) {
  const auto test = planned("two_proportion_z", 2, 40);
  const std::vector<ArmCounts> fine(30, ArmCounts{8.0, 4.0});  // looks after 10 and 20
  EXPECT_DOUBLE_EQ(halted(*test, 0.05, 0.05, fine).value(),
                   halted(*test, 0.05, 0.05, {{80, 40}, {80, 40}}).value());
}

TEST(FewEvents, OfOtherTestsAndOfManyEventsNothingIsSaid) {
  const std::vector<ArmCounts> windows{{200, 20}};
  EXPECT_FALSE(halted(*planned("two_proportion_z", 0), 0.02, 0.02, windows).has_value());
  EXPECT_FALSE(halted(*planned("two_proportion_z", 1), 0.02, 0.02, {{10'000, 10'000}}).has_value());
  EXPECT_TRUE(halted(*planned("wilson", 1), 0.02, 0.02, windows).has_value());
}

}  // namespace
}  // namespace gatewright::analysis
