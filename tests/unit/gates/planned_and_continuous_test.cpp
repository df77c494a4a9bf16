// Gate tests of means and rates that look a planned number of times or watch for ever, and those of
// habit: what they remember, refuse and say.
#include <cmath>
#include <vector>

#include "policies/gates/group_sequential.h"
#include "tests/unit/gates/gate_player.h"

namespace gatewright::testing {
namespace {

const HarmSpec kByOne = harm(Relation::difference, 1.0);

/// A window whose candidate's mean lies `by` above the baseline's.
Samples window(double by, std::uint64_t count = 100) {
  return samples(numbers(10.0, 2.0, count), numbers(10.0 + by, 2.0, count));
}

TEST(GroupSequential, LooksWhenPlannedAndNotOtherwise) {
  GatePlayer player(gate("quality", kByOne, "group_sequential",
                         {{"looks", 2.0}, {"samples", 1000.0}, {"rule", std::string("pocock")}}));
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(player.look(window(9.0)).enough);
  const Evidence first = player.look(window(1.0));
  EXPECT_TRUE(first.enough);
  EXPECT_GT(first.harm, 1.0);
  EXPECT_EQ(player.look(window(-9.0)).harm, first.harm);
  for (int i = 0; i < 4; ++i) player.look(window(-9.0));
  const Evidence last = player.evidence();
  EXPECT_EQ(last.harm, 0.0);
  for (int i = 0; i < 20; ++i) player.look(window(9.0));
  EXPECT_EQ(player.evidence().harm, last.harm);
  EXPECT_EQ(player.evidence().safety, last.safety);
}

TEST(GroupSequential, HarmAndSafetySpendTheirOwnBudgets) {
  Diagnostics diagnostics;
  const GateSpec spec = gate("quality", kByOne, "group_sequential", {{"looks", 3.0}});
  auto made = find_gate_test("group_sequential")->make(spec, diagnostics);
  auto& test = dynamic_cast<GroupSequential&>(*made);
  test.prepare({.false_alarm = 0.01, .missed_harm = 0.2});
  ASSERT_EQ(test.harm_bounds().size(), 3U);
  for (std::size_t look = 0; look < 3; ++look)
    EXPECT_GT(test.harm_bounds()[look], test.safety_bounds()[look]);
  EXPECT_NEAR(test.harm_bounds()[0], 4.3106154645, 1e-8);  // R: of 2 - 2 Phi(z(.005) sqrt(3))
}

TEST(Charts, AlarmAfterALastingChangeAndForgetAPassingOne) {
  for (const char* test : {"cusum", "ewma"}) {
    GatePlayer player(gate("quality", kByOne, test, {{"average_run_length", 1000.0}}));
    for (int i = 0; i < 5; ++i) player.look(window(1.0));
    for (int i = 0; i < 3; ++i) player.look(window(1.2));
    const double passing = player.evidence().harm;
    EXPECT_GT(passing, 0.0) << test;
    EXPECT_LT(passing, 1.0) << test;
    for (int i = 0; i < 30; ++i) player.look(window(0.9));
    EXPECT_EQ(player.evidence().harm, 0.0) << test;
    for (int i = 0; i < 40; ++i) player.look(window(1.5));
    EXPECT_GE(player.evidence().harm, 1.0) << test;
    EXPECT_EQ(player.evidence().safety, 0.0) << test;
    for (int i = 0; i < 200; ++i) player.look(window(0.0));
    EXPECT_GE(player.evidence().safety, 1.0) << test;
  }
}

TEST(Charts, OfRatesWeighHarmOnEitherSide) {
  for (const Direction direction : {Direction::up, Direction::down}) {
    const bool up = direction == Direction::up;
    for (const Relation relation : {Relation::ratio, Relation::absolute}) {
      const double margin = relation == Relation::ratio ? 1.0 : 0.1;
      GatePlayer player(gate("thumbs_up", harm(relation, margin, direction), "cusum"));
      for (int i = 0; i < 30; ++i) player.look(events(10, 100), events(up ? 25 : 3, 100));
      EXPECT_GE(player.evidence().harm, 1.0);
      EXPECT_EQ(player.evidence().safety, 0.0);
      player.forget();
      for (int i = 0; i < 60; ++i) player.look(events(10, 100), events(up ? 3 : 25, 100));
      EXPECT_EQ(player.evidence().harm, 0.0);
      EXPECT_GE(player.evidence().safety, 1.0);
    }
  }
}

// A page of a Bernoulli chart by hand: p0 = 1%, p1 = 2%, step 68; one request per look.
TEST(Charts, OfALevelCountRequestByRequest) {
  GatePlayer player(gate("error", harm(Relation::absolute, 0.01), "cusum",
                         {{"average_run_length", 20'778.5}, {"requests_per_look", 1.0}}));
  player.look(events(0, 0), events(1, 1));
  EXPECT_NEAR(player.evidence().harm, 68.0 / 392.0, 1e-12);
  for (int i = 0; i < 10; ++i) player.look(events(0, 0), events(0, 1));
  EXPECT_NEAR(player.evidence().harm, 58.0 / 392.0, 1e-12);
  for (int i = 0; i < 100; ++i) player.look(events(0, 0), events(0, 1));
  EXPECT_EQ(player.evidence().harm, 0.0);
}

TEST(Charts, WhatCannotBeSolvedIsRefused) {
  const auto path_of = [](const HarmSpec& harm, std::map<std::string, TestValue> parameters) {
    const auto problems = problems_of(gate("error", harm, "cusum", std::move(parameters)));
    return problems.empty() ? std::string() : problems.front().path;
  };
  const HarmSpec ratio = harm(Relation::ratio, 2.0), level = harm(Relation::absolute, 0.01);
  EXPECT_EQ(path_of(ratio, {{"requests_per_look", 10.0}}), "test.requests_per_look");
  EXPECT_EQ(path_of(level, {{"law", std::string("poisson")}}), "test.law");
  EXPECT_EQ(path_of(level, {{"average_run_length", 1.0}}), "test.average_run_length");
  EXPECT_EQ(path_of(level, {{"detect", 1.0}}), "test.detect");
  EXPECT_EQ(path_of(level, {}), "");
}

TEST(PageHinkleyGate, ComparesWithWhatTheCandidateWasBefore) {
  GatePlayer player(gate("quality", kByOne, "page_hinkley", {{"min_looks", 5.0}}));
  for (int i = 0; i < 100; ++i) player.look(window(2.0));
  EXPECT_LT(player.evidence().harm, 0.2) << "a harm that was there from the start";
  for (int i = 0; i < 20; ++i) player.look(window(4.0));
  EXPECT_GE(player.evidence().harm, 1.0);
}

TEST(BayesRate, TheLimitIsThePosteriorProbability) {
  // R: the posterior probability of 15 against 10 events of 1,000 is 83.8121986%, of at least 1.2
  // times as many 69.7307109%.
  for (const auto& [ratio, probability] : {std::pair(1.0, 0.838121986093), {1.2, 0.697307108573}}) {
    GatePlayer player(
        gate("error", harm(Relation::ratio, ratio), "bayes_rate", {{"probability", probability}}));
    EXPECT_NEAR(player.look(events(10, 1000), events(15, 1000)).harm, 1.0, 1e-9);
  }
}

// R: pt-free closed forms. Normal: pnorm((11 - 10 - 0.5) / sqrt(4 / 100 + 4 / 100)). Gamma: with 50
// values of mean 2.4 against 40 of mean 2, pbeta(1 - x, 50, 40) at x = 80 / (80 + 120).
TEST(BayesMean, TheLimitIsThePosteriorProbability) {
  GatePlayer normal(gate("quality", harm(Relation::difference, 0.5), "bayes_mean",
                         {{"probability", 0.961450064}}));
  EXPECT_NEAR(normal.look(window(1.0)).harm, 1.0, 1e-6);
  GatePlayer gamma(gate("latency", harm(Relation::ratio, 1.0), "bayes_mean",
                        {{"probability", 0.8011534180}, {"law", std::string("gamma")}}));
  EXPECT_NEAR(gamma.look(numbers(2.0, 2.0, 40), numbers(2.4, 2.4, 50)).harm, 1.0, 1e-6);
}

TEST(Habits, DoubtIsCountedInLogarithmsBeyondWhatDoublesCanSubtract) {
  GatePlayer player(gate("error", harm(Relation::ratio, 1.0), "bayes_rate"));
  const double once = player.look(events(1'000, 100'000), events(2'000, 100'000)).harm;
  player.forget();
  const double tenfold = player.look(events(10'000, 1'000'000), events(20'000, 1'000'000)).harm;
  EXPECT_GT(once, 50.0);
  EXPECT_NEAR(tenfold / once, 10.0, 0.3);
}

}  // namespace
}  // namespace gatewright::testing
