// The z test: each form against its formula by hand, directions, degenerate samples.
#include <algorithm>
#include <cmath>

#include "tests/unit/gates/gate_player.h"

namespace gatewright::testing {
namespace {

constexpr double kOneSided5 = 1.6448536269514722;  // R: qnorm(.95)
constexpr double kTwoSided5 = 1.9599639845400545;  // R: qnorm(.975)

GatePlayer z_gate(std::string metric, const HarmSpec& harm,
                  std::map<std::string, TestValue> parameters = {}, std::uint64_t min_samples = 0) {
  return GatePlayer(gate(std::move(metric), harm, "z_test", std::move(parameters), min_samples));
}

Evidence after(const GatePlayer& player, const Summary& baseline, const Summary& candidate) {
  std::vector<double> slots(player.test().slots(), 0.0);
  Observation observation;
  observation.event = samples(baseline, candidate);
  player.test().update(slots, observation);
  return player.test().evidence(slots, player.budget());
}

TEST(ZTest, PooledProportionsByHand) {
  // 44 of 50 against 43 of 50 bad: pooled z = 0.01 * 2 / sqrt(.87 * .13 * .04), p = 0.7662
  // two-sided (statsmodels.stats.proportion.proportions_ztest).
  const double z = 0.02 / std::sqrt(0.87 * 0.13 * 0.04);
  EXPECT_NEAR(std::erfc(z / std::sqrt(2.0)), 0.7662, 5e-5);
  for (const HarmSpec& none : {harm(Relation::ratio, 1.0), harm(Relation::difference, 0.0)}) {
    const auto one = z_gate("error", none);
    EXPECT_NEAR(after(one, events(43, 50), events(44, 50)).harm, z / kOneSided5, 1e-12);
    EXPECT_EQ(after(one, events(43, 50), events(44, 50)).safety, 0.0);
    EXPECT_NEAR(after(one, events(44, 50), events(43, 50)).safety, z / kOneSided5, 1e-12);
    const auto two = z_gate("error", none, {{"sides", "two"}});
    EXPECT_NEAR(after(two, events(43, 50), events(44, 50)).harm, z / kTwoSided5, 1e-12);
    EXPECT_NEAR(after(two, events(44, 50), events(43, 50)).harm, z / kTwoSided5, 1e-12);
  }
}

TEST(ZTest, DifferenceOfProportionsWithAMarginIsWald) {
  const auto player = z_gate("error", harm(Relation::difference, 0.01));
  const double z = (0.05 - 0.02 - 0.01) / std::sqrt(0.05 * 0.95 / 400 + 0.02 * 0.98 / 1000);
  EXPECT_NEAR(after(player, events(20, 1000), events(20, 400)).harm, z / kOneSided5, 1e-12);
}

TEST(ZTest, RatioOfProportionsIsTheDeltaMethodOnItsLog) {
  const auto player = z_gate("error", harm(Relation::ratio, 1.5));
  const double z = std::log(0.05 / 0.02 / 1.5) / std::sqrt(0.95 / 20 + 0.98 / 20);
  EXPECT_NEAR(after(player, events(20, 1000), events(20, 400)).harm, z / kOneSided5, 1e-12);
  // Without any event there is nothing to weigh; with events on one side half an event is added.
  EXPECT_EQ(after(player, events(0, 99), events(0, 2)).harm, 0.0);
  EXPECT_EQ(after(player, events(0, 99), events(0, 2)).safety, 0.0);
  EXPECT_GT(after(player, events(0, 1000), events(40, 1000)).harm, 1.0);
}

TEST(ZTest, AbsoluteRateIsTheScoreTest) {
  const auto player = z_gate("error", harm(Relation::absolute, 0.02));
  const double z = (0.03 - 0.02) / std::sqrt(0.02 * 0.98 / 1000);
  EXPECT_NEAR(after(player, {}, events(30, 1000)).harm, z / kOneSided5, 1e-12);
  EXPECT_FALSE(player.test().compares_arms());
}

TEST(ZTest, MeansAreWelchs) {
  const Summary baseline = numbers(1.0, 0.5, 400), candidate = numbers(1.1, 0.8, 100);
  const double error = std::sqrt(0.25 / 400 + 0.64 / 100);
  EXPECT_NEAR(after(z_gate("cost", harm(Relation::difference, 0.02)), baseline, candidate).harm,
              0.08 / error / kOneSided5, 1e-9);
  EXPECT_NEAR(after(z_gate("cost", harm(Relation::ratio, 1.05)), baseline, candidate).harm,
              0.05 / std::sqrt(1.05 * 1.05 * 0.25 / 400 + 0.64 / 100) / kOneSided5, 1e-9);
  EXPECT_NEAR(after(z_gate("cost", harm(Relation::absolute, 1.0)), {}, candidate).harm,
              0.1 / 0.08 / kOneSided5, 1e-9);
}

TEST(ZTest, DownwardHarmIsTheMirror) {
  const Summary baseline = numbers(0.8, 0.2, 400), worse = numbers(0.75, 0.2, 400),
                better = numbers(0.85, 0.2, 400);
  const auto player = z_gate("quality", harm(Relation::difference, 0.0, Direction::down));
  EXPECT_GT(after(player, baseline, worse).harm, 1.0);
  EXPECT_EQ(after(player, baseline, worse).safety, 0.0);
  EXPECT_EQ(after(player, baseline, better).harm, 0.0);
  EXPECT_EQ(after(player, baseline, better).safety, after(player, better, baseline).harm);
}

TEST(ZTest, EvidenceCumulatesOverLooks) {
  auto split = z_gate("cost", harm(Relation::ratio, 1.0));
  split.look(numbers(1.0, 0.5, 300), numbers(1.2, 0.5, 40));
  const Evidence last = split.look(numbers(1.1, 0.5, 100), numbers(1.3, 0.6, 60));
  Summary baseline = numbers(1.0, 0.5, 300), candidate = numbers(1.2, 0.5, 40);
  baseline += numbers(1.1, 0.5, 100);
  candidate += numbers(1.3, 0.6, 60);
  EXPECT_EQ(last.harm, after(split, baseline, candidate).harm);
}

TEST(ZTest, NeedsMinSamplesInAll) {
  auto player = z_gate("error", harm(Relation::ratio, 1.0), {}, 100);
  EXPECT_FALSE(player.look(events(1, 90), events(1, 50)).enough);
  EXPECT_FALSE(player.look(events(1, 90), events(1, 49)).enough);
  EXPECT_TRUE(player.look(events(0, 0), events(1, 1)).enough);
}

TEST(ZTest, EqualConstantsAreNoEvidenceAndUnequalOnesAre) {
  Summary baseline, candidate;  // sums as a driver adds them up, with its rounding
  for (int i = 0; i < 1000; ++i) baseline += {.count = 1, .sum = 0.1, .sum_of_squares = 0.1 * 0.1};
  for (int i = 0; i < 37; ++i) candidate += {.count = 1, .sum = 0.1, .sum_of_squares = 0.1 * 0.1};
  const auto player = z_gate("cost", harm(Relation::ratio, 1.0));
  EXPECT_LT(after(player, baseline, candidate).harm, 1e-3);
  EXPECT_LT(after(player, baseline, candidate).safety, 1e-3);
  EXPECT_GE(after(player, numbers(0.1, 0.0, 50), numbers(0.11, 0.0, 50)).harm, 1.0);
  EXPECT_EQ(after(player, numbers(0.0, 0.0, 50), numbers(0.0, 0.0, 50)).harm, 0.0);
}

TEST(ZTest, MoreHarmNeverLessensEvidence) {
  const HarmSpec harms[] = {harm(Relation::ratio, 1.0), harm(Relation::ratio, 1.5),
                            harm(Relation::difference, 0.0), harm(Relation::difference, 0.02),
                            harm(Relation::absolute, 0.05)};
  for (const HarmSpec& spec : harms)
    for (const std::uint64_t base : {0U, 1U, 20U, 300U}) {
      const auto player = z_gate("error", spec);
      double last = 0.0;
      for (std::uint64_t bad = 0; bad <= 200; ++bad) {
        const double now = after(player, events(base, 333), events(bad, 200)).harm;
        EXPECT_GE(now, last - 1e-12) << base << ' ' << bad;
        last = now;
      }
    }
}

TEST(ZTest, RefusesQuantilesReadingsAndEmptyMargins) {
  EXPECT_EQ(
      problems_of(gate("latency", quantile_harm(0.99, Relation::ratio, 1.5), "z_test"))[0].path,
      "harm");
  EXPECT_EQ(problems_of(gate("cpu", harm(Relation::ratio, 1.5), "z_test"))[0].path, "test");
  EXPECT_EQ(problems_of(gate("error", harm(Relation::ratio, 0.0), "z_test"))[0].path, "harm");
  EXPECT_EQ(problems_of(gate("error", harm(Relation::absolute, 1.0), "z_test"))[0].path, "harm");
  EXPECT_EQ(
      problems_of(gate("error", harm(Relation::ratio, 2.0), "z_test", {{"alpha", 0.5}}))[0].path,
      "test.alpha");
}

}  // namespace
}  // namespace gatewright::testing
