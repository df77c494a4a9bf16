// The normal mixture: what it asks for, what it cancels, when it speaks, and how it behaves at the
// ends.
#include "policies/gates/normal_mixture.h"

#include <cmath>
#include <numbers>

#include "tests/unit/gates/gate_player.h"

namespace gatewright::testing {
namespace {

GatePlayer mixture(std::string metric, const HarmSpec& harm,
                   std::map<std::string, TestValue> parameters = {},
                   std::uint64_t min_samples = 0) {
  return GatePlayer(
      gate(std::move(metric), harm, "normal_mixture", std::move(parameters), min_samples));
}

NormalMixture::LogE log_e(const GatePlayer& player) {
  return dynamic_cast<const NormalMixture&>(player.test()).log_e(player.slots(), player.budget());
}

TEST(NormalMixture, AsksForTheStatisticOfItsScale) {
  EXPECT_EQ(mixture("cost", harm(Relation::ratio, 1.2)).test().statistic(), Statistic{});
  EXPECT_EQ(mixture("cost", harm(Relation::ratio, 1.2), {{"scale", "log"}}).test().statistic(),
            statistic(Statistic::Kind::mean_log));
  EXPECT_EQ(mixture("error", harm(Relation::difference, 0.01)).test().statistic(),
            statistic(Statistic::Kind::rate));
}

// Equal arms in one window: A = n (d - margin) / 2, V = n s^2 / 2, so s = n d / (2 s), v = n / 2.
TEST(NormalMixture, EqualArmsByHand) {
  auto player = mixture("quality", harm(Relation::difference, 0.1), {{"tightest_at", 500.0}});
  player.look(numbers(0.5, 0.2, 400), numbers(0.63, 0.2, 400));
  const double s = 400 * (0.13 - 0.1) / 2 / 0.2, v = 200.0;
  const double rho = one_sided_normal_rho(250, 0.05);
  EXPECT_NEAR(log_e(player).harm, log_one_sided_normal_mixture(s, v, rho), 1e-9);
  EXPECT_NEAR(log_e(player).safety, log_one_sided_normal_mixture(-s, v, rho), 1e-9);
}

TEST(NormalMixture, UnequalArmsAndSpreadsByHand) {
  auto player = mixture("cost", harm(Relation::ratio, 1.1));
  player.look(numbers(1.0, 0.5, 900), numbers(1.2, 0.8, 100));
  const double h = 90.0, variance_c = 0.64, variance_b = 1.21 * 0.25;
  const double unit = (variance_c + variance_b) / 2;
  const double s = h * 0.1 / std::sqrt(unit);
  const double v = (variance_c * h * h / 100 + variance_b * h * h / 900) / unit;
  EXPECT_NEAR(log_e(player).harm,
              log_one_sided_normal_mixture(s, v, one_sided_normal_rho(500, 0.05)), 1e-9);
}

TEST(NormalMixture, LogScaleMarginIsALogarithm) {
  auto player = mixture("cost", harm(Relation::ratio, 1.2), {{"scale", "log"}});
  player.look(numbers(-3.0, 0.6, 500), numbers(-3.0 + std::log(1.2), 0.6, 500));
  const double at_edge = log_one_sided_normal_mixture(0.0, 250.0, one_sided_normal_rho(500, 0.05));
  EXPECT_NEAR(log_e(player).harm, at_edge, 1e-9);
  EXPECT_NEAR(log_e(player).safety, at_edge, 1e-9);
}

TEST(NormalMixture, AbsoluteBoundWeighsTheCandidateAlone) {
  auto player = mixture("quality", harm(Relation::absolute, 0.7, Direction::down));
  EXPECT_FALSE(player.test().compares_arms());
  player.look({}, numbers(0.65, 0.2, 400));
  EXPECT_NEAR(
      log_e(player).harm,
      log_one_sided_normal_mixture(400 * 0.05 / 0.2, 400.0, one_sided_normal_rho(1000, 0.05)),
      1e-9);
}

TEST(NormalMixture, WhatMovesBothArmsCancels) {
  auto calm = mixture("cost", harm(Relation::difference, 0.1));
  auto stormy = mixture("cost", harm(Relation::difference, 0.1));
  for (int window = 0; window < 20; ++window) {
    const double shock = 3.0 * std::sin(0.7 * window);
    const std::uint64_t n_c = 10 + 20 * static_cast<std::uint64_t>(window);  // exposure rises
    calm.look(numbers(1.0, 0.5, 400), numbers(1.1, 0.5, n_c));
    stormy.look(numbers(1.0 + shock, 0.5, 400), numbers(1.1 + shock, 0.5, n_c));
  }
  EXPECT_NEAR(log_e(calm).harm, log_e(stormy).harm, 1e-6);
}

TEST(NormalMixture, AWindowWithOneArmIsIgnored) {
  auto player = mixture("cost", harm(Relation::ratio, 1.1));
  player.look(numbers(1.0, 0.5, 500), numbers(1.2, 0.5, 500));
  const auto before = player.slots();
  player.look(numbers(9.0, 0.5, 500), {});
  player.look({}, numbers(9.0, 0.5, 500));
  player.look(Tick{});
  EXPECT_EQ(player.slots(), before);
}

TEST(NormalMixture, SpeaksAfterAHundredSamplesPerArmOrAsAsked) {
  auto player = mixture("cost", harm(Relation::ratio, 1.1));
  EXPECT_FALSE(player.look(numbers(1, 0.5, 900), numbers(9, 0.5, 99)).enough);
  EXPECT_EQ(player.evidence().harm, 0.0);
  EXPECT_TRUE(player.look(numbers(1, 0.5, 900), numbers(9, 0.5, 1)).enough);
  EXPECT_GE(player.evidence().harm, 1.0);

  auto eager = mixture("cost", harm(Relation::ratio, 1.1), {}, 10);  // 30 degrees of freedom remain
  EXPECT_FALSE(eager.look(numbers(1, 0.5, 900), numbers(9, 0.5, 30)).enough);
  EXPECT_TRUE(eager.look(numbers(1, 0.5, 900), numbers(9, 0.5, 2)).enough);

  auto single =
      mixture("cost", harm(Relation::ratio, 1.1));  // windows of one sample teach no spread
  for (int i = 0; i < 200; ++i) single.look(numbers(1, 0.5, 9), numbers(9, 0.0, 1));
  EXPECT_FALSE(single.evidence().enough);
}

TEST(NormalMixture, HarmTimesLogOneOverAlphaIsLogE) {
  const Budget budget{.false_alarm = 0.01, .missed_harm = 0.2};
  GatePlayer player(gate("cost", harm(Relation::ratio, 1.1), "normal_mixture"), budget);
  const Evidence evidence = player.look(numbers(1, 0.5, 900), numbers(1.2, 0.5, 900));
  EXPECT_NEAR(evidence.harm * std::log(100.0), log_e(player).harm, 1e-9);
  EXPECT_EQ(evidence.safety, 0.0);
}

TEST(NormalMixture, ACandidateThatFailsEverywhereIsSeenThoughNoSpreadIs) {
  auto difference = mixture("error", harm(Relation::difference, 0.01));
  EXPECT_GE(difference.look(events(0, 200), events(200, 200)).harm, 1.0);
  auto ratio = mixture("error", harm(Relation::ratio, 2.0));
  EXPECT_GE(ratio.look(events(0, 200), events(200, 200)).harm, 1.0);
  auto constant = mixture("quality", harm(Relation::difference, -0.1, Direction::down));
  EXPECT_GE(constant.look(numbers(1, 0, 200), numbers(0, 0, 200)).harm, 1.0);
}

TEST(NormalMixture, NoEventsAtAllAreNoHarm) {
  auto ratio = mixture("error", harm(Relation::ratio, 2.0));
  const Evidence evidence = ratio.look(events(0, 200), events(0, 200));
  EXPECT_EQ(evidence.harm, 0.0);
  EXPECT_EQ(evidence.safety, 0.0);
}

TEST(NormalMixture, EqualConstantsAreNoEvidence) {
  Summary baseline, candidate;
  for (int i = 0; i < 1000; ++i) baseline += {.count = 1, .sum = 0.1, .sum_of_squares = 0.1 * 0.1};
  for (int i = 0; i < 137; ++i) candidate += {.count = 1, .sum = 0.1, .sum_of_squares = 0.1 * 0.1};
  auto player = mixture("cost", harm(Relation::ratio, 1.0));
  player.look(baseline, candidate);
  EXPECT_EQ(player.evidence().harm, 0.0);
  EXPECT_EQ(player.evidence().safety, 0.0);
}

TEST(NormalMixture, MoreHarmNeverLessensEvidence) {
  for (const Relation relation : {Relation::ratio, Relation::difference, Relation::absolute}) {
    auto means = mixture("quality", harm(relation, relation == Relation::difference ? 0.1 : 1.1));
    auto rates = mixture("error", harm(relation, relation == Relation::ratio ? 1.5 : 0.03));
    double last_mean = 0.0, last_rate = 0.0;
    for (std::uint64_t step = 0; step <= 400; ++step) {
      means.forget();
      rates.forget();
      const double mean =
          means.look(numbers(1.0, 0.4, 700), numbers(0.005 * static_cast<double>(step), 0.4, 300))
              .harm;
      const double rate = rates.look(events(14, 700), events(step, 400)).harm;
      EXPECT_GE(mean, last_mean - 1e-9);
      EXPECT_GE(rate, last_rate - 1e-9) << step;
      last_mean = mean;
      last_rate = rate;
    }
    EXPECT_GE(last_mean, 1.0);
    EXPECT_GE(last_rate, 1.0);
  }
}

TEST(NormalMixture, RefusesWhatItCannotWeigh) {
  const auto first = [](const GateSpec& spec) {
    const Diagnostics found = problems_of(spec);
    return found.empty() ? std::string("nothing") : found[0].path;
  };
  const HarmSpec ratio = harm(Relation::ratio, 1.2);
  EXPECT_EQ(first(gate("latency", quantile_harm(0.99, Relation::ratio, 1.5), "normal_mixture")),
            "harm");
  EXPECT_EQ(first(gate("cpu", ratio, "normal_mixture")), "test");
  EXPECT_EQ(first(gate("quality", ratio, "normal_mixture", {{"scale", "log"}})), "test.scale");
  EXPECT_EQ(first(gate("error", ratio, "normal_mixture", {{"scale", "log"}})), "test.scale");
  EXPECT_EQ(
      first(gate("cost", harm(Relation::difference, 0.01), "normal_mixture", {{"scale", "log"}})),
      "test.scale");
  EXPECT_EQ(first(gate("cost", harm(Relation::ratio, 0.0), "normal_mixture")), "harm");
  EXPECT_EQ(first(gate("cost", ratio, "normal_mixture", {{"tightest_at", 0.0}})),
            "test.tightest_at");
  EXPECT_EQ(first(gate("cost", ratio, "normal_mixture", {{"scale", "log"}})), "nothing");
}

}  // namespace
}  // namespace gatewright::testing
