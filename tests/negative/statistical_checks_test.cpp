// Gate tests that do not keep what they promise: each must be caught by S11 or S12 within a stated
// number of worlds; and the checkers themselves, against closed forms.
#include "sim/swarm/statistical_checks.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "policies/gates/catalogue.h"
#include "sim/streams.h"
#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;

constexpr double kAlpha = 0.05;

/// A gate test at the edge of harm: both arms' values are standard normal plus 10, the margin is none.
struct Edge {
  explicit Edge(const std::string& test) {
    GateSpec spec =
        gate("edge", "quality", test, {.relation = HarmSpec::Relation::difference, .margin = 0.0});
    Diagnostics diagnostics;
    weighs = find_gate_test(test)->make(spec, diagnostics);
  }

  /// The harm after each of `looks` windows of 100 values an arm, in world `world`.
  std::vector<double> harms(std::uint64_t world, std::size_t looks) const {
    Stream stream({.seed = 11, .replication = world, .name = "test.edge"});
    std::vector<double> slots(weighs->slots());
    std::vector<double> harms;
    std::array<double, 100> values{};
    const auto summary = [&] {
      stream.fill_normal(values);
      Summary sum;
      for (const double value : values) sum += {1, 10.0 + value, (10.0 + value) * (10.0 + value)};
      return sum;
    };
    for (std::size_t look = 0; look < looks; ++look) {
      Samples samples{.window = look};
      samples.baseline = summary();
      samples.candidate = summary();
      weighs->update(slots, {look + 1, Instant{}, samples});
      harms.push_back(weighs->evidence(slots, {.false_alarm = kAlpha}).harm);
    }
    return harms;
  }

  std::unique_ptr<GateTest> weighs;
};

/// Worlds after which S11 is broken; `most` if it is not.
std::uint64_t worlds_to_break_s11(const std::string& test, std::uint64_t most) {
  const Edge edge(test);
  EValueCheck check;
  for (std::uint64_t world = 0; world < most; ++world) {
    const double harm = edge.harms(world, 10).back();
    check.add(harm > 0.0 ? std::pow(kAlpha, -harm) : 0.0);
    if (check.is_broken()) return world + 1;
  }
  return most;
}

TEST(EValues, S11AZTestThatCallsItsShareALogEValueIsCaughtWithin100Worlds) {
  // Its mean would be exp(c^2/2) Phi(c) = 5 with c = ln(20)/1.645, where 1 is allowed.
  EXPECT_LT(worlds_to_break_s11("z_test", 100), 100U);
}

TEST(EValues, S11AnHonestAnytimeTestIsNotAccusedIn2000Worlds) {
  EXPECT_EQ(worlds_to_break_s11("normal_mixture", 2000), 2000U);
}

TEST(EValues, EValuesOfMeanOneAreAccusedInAtMostOneOfAHundredSwarms) {
  // 600 swarms of 1,000 e-values, 2 or 0 with even odds: at most 1% may be accused. P(X >= 14) for
  // X ~ Binomial(600, 0.01) is 0.4%.
  int accused = 0;
  for (std::uint64_t swarm = 0; swarm < 600; ++swarm) {
    Stream stream({.seed = 3, .replication = swarm, .name = "test.bets"});
    EValueCheck check;
    for (int i = 0; i < 1000; ++i) check.add(stream.uniform() < 0.5 ? 2.0 : 0.0);
    accused += check.is_broken() ? 1 : 0;
  }
  EXPECT_LT(accused, 14);
}

TEST(EValues, S11AMeanOfOnePointTwoIsCaughtWithin5000Worlds) {
  EValueCheck check;
  Stream stream({.seed = 3, .replication = 0, .name = "test.bets"});
  for (int i = 0; i < 5000; ++i) check.add(stream.uniform() < 0.6 ? 2.0 : 0.0);
  EXPECT_TRUE(check.is_broken());
}

TEST(FalseAlarms, TheTailIsThatOfTheBinomialWhereBudgetsAreEqual) {
  // 1 - pbinom(2, 10, 0.1) in R.
  FalseAlarmCheck check;
  for (int i = 0; i < 10; ++i) check.add(0.1, i < 3);
  EXPECT_NEAR(check.tail_probability(), 0.0701908264, 1e-10);
  EXPECT_DOUBLE_EQ(check.allowed(), 1.0);
}

TEST(FalseAlarms, TheTailIsThatOfThePoissonBinomialWhereBudgetsDiffer) {
  // P(at least 2 of 3) = 0.1 x 0.2 x 0.7 + 0.1 x 0.8 x 0.3 + 0.9 x 0.2 x 0.3 + 0.1 x 0.2 x 0.3.
  FalseAlarmCheck check;
  check.add(0.1, true);
  check.add(0.2, true);
  check.add(0.3, false);
  EXPECT_NEAR(check.tail_probability(), 0.098, 1e-12);
}

/// Rollouts after which S12 is broken, each looking 50 times; `most` if it is not.
std::uint64_t rollouts_to_break_s12(const std::string& test, std::uint64_t most) {
  const Edge edge(test);
  FalseAlarmCheck check;
  for (std::uint64_t world = 0; world < most; ++world) {
    const std::vector<double> harms = edge.harms(world, 50);
    check.add(kAlpha, std::ranges::any_of(harms, [](double harm) { return harm >= 1.0; }));
    if (check.is_broken()) return world + 1;
  }
  return most;
}

TEST(FalseAlarms, S12ATestOfOneLookThatLooksFiftyTimesIsCaughtWithin40Rollouts) {
  EXPECT_LT(rollouts_to_break_s12("z_test", 40), 40U);
}

TEST(FalseAlarms, S12AnHonestAnytimeTestIsNotAccusedIn1000Rollouts) {
  EXPECT_EQ(rollouts_to_break_s12("normal_mixture", 1000), 1000U);
}

}  // namespace
}  // namespace gatewright::sim
