// The beta-binomial mixture: ratios and absolute rates of events, directions, what is not weighed.
#include "policies/gates/beta_binomial_mixture.h"

#include <cmath>

#include "tests/unit/gates/gate_player.h"

namespace gatewright::testing {
namespace {

GatePlayer mixture(std::string metric, const HarmSpec& harm,
                   std::map<std::string, TestValue> parameters = {},
                   std::uint64_t min_samples = 0) {
  return GatePlayer(
      gate(std::move(metric), harm, "beta_binomial_mixture", std::move(parameters), min_samples));
}

TEST(BetaBinomialMixture, SeesHarmAndSafety) {
  auto player = mixture("error", harm(Relation::ratio, 2.0));
  EXPECT_EQ(player.test().statistic(), statistic(Statistic::Kind::rate));
  const Evidence bad = player.look(events(20, 2000), events(90, 2000));
  EXPECT_GE(bad.harm, 1.0);
  EXPECT_EQ(bad.safety, 0.0);
  player.forget();
  const Evidence good = player.look(events(60, 2000), events(60, 2000));
  EXPECT_EQ(good.harm, 0.0);
  EXPECT_GE(good.safety, 1.0);
}

TEST(BetaBinomialMixture, DownwardHarmIsTheMirror) {
  auto up = mixture("thumbs_up", harm(Relation::ratio, 1.0));
  auto down = mixture("thumbs_up", harm(Relation::ratio, 1.0, Direction::down));
  for (int window = 0; window < 5; ++window) {
    const Evidence harmful = up.look(events(10, 800), events(20, 800));
    const Evidence mirrored = down.look(events(20, 800), events(10, 800));
    EXPECT_NEAR(harmful.harm, mirrored.harm, 1e-9);
    EXPECT_NEAR(harmful.safety, mirrored.safety, 1e-9);
  }
  EXPECT_GT(down.evidence().harm, 0.5);
}

TEST(BetaBinomialMixture, AbsoluteRateNeedsNoBaseline) {
  auto player = mixture("error", harm(Relation::absolute, 0.02));
  EXPECT_FALSE(player.test().compares_arms());
  EXPECT_GE(player.look({}, events(80, 2000)).harm, 1.0);
  player.forget();
  EXPECT_GE(player.look({}, events(10, 2000)).safety, 1.0);
  auto down = mixture("thumbs_up", harm(Relation::absolute, 0.06, Direction::down));
  EXPECT_GE(down.look({}, events(60, 2000)).harm, 1.0);
}

TEST(BetaBinomialMixture, GatesWithOneTableOfNodesKeepTheirEvidenceApart) {
  // The default's table is one for all gates of a direction; a hair beside it each has its own.
  auto one = mixture("error", harm(Relation::ratio, 2.0));
  auto other = mixture("error", harm(Relation::ratio, 1.2));
  auto own = mixture("error", harm(Relation::ratio, 2.0), {{"tightest_at", 50.0 + 1e-9}});
  auto down = mixture("error", harm(Relation::ratio, 0.5, Direction::down));
  for (int window = 0; window < 4; ++window) {
    const Evidence strict = other.look(events(20, 1000), events(40, 1000));
    const Evidence lax = one.look(events(20, 1000), events(40, 1000));
    EXPECT_GT(strict.harm, lax.harm);
    const Evidence alike = own.look(events(20, 1000), events(40, 1000));
    EXPECT_NEAR(alike.harm, lax.harm, 1e-6);
    EXPECT_NEAR(alike.safety, lax.safety, 1e-6);
    EXPECT_EQ(down.look(events(20, 1000), events(40, 1000)).harm, 0.0);
  }
}

TEST(BetaBinomialMixture, OrderAndSplitOfEqualAllocationsDoNotMatter) {
  auto split = mixture("error", harm(Relation::ratio, 1.5));
  auto whole = mixture("error", harm(Relation::ratio, 1.5));
  split.look(events(3, 900), events(1, 100));
  split.look(events(11, 900), events(4, 100));
  whole.look(events(14, 1800), events(5, 200));
  EXPECT_NEAR(split.evidence().harm, whole.evidence().harm, 1e-12);
  EXPECT_NEAR(split.evidence().safety, whole.evidence().safety, 1e-12);
}

TEST(BetaBinomialMixture, AChangingRateUnderAChangingExposureIsNoHarm) {
  // Pooling all windows would see 1% against 5%: the candidate got its traffic in the bad hour.
  auto player = mixture("error", harm(Relation::ratio, 1.0));
  for (int window = 0; window < 10; ++window) player.look(events(99, 9900), events(1, 100));
  for (int window = 0; window < 10; ++window) player.look(events(250, 5000), events(250, 5000));
  EXPECT_LT(player.evidence().harm, 0.2);
}

TEST(BetaBinomialMixture, AWindowWithOneArmIsIgnored) {
  auto player = mixture("error", harm(Relation::ratio, 1.5));
  player.look(events(3, 900), events(1, 100));
  const auto before = player.slots();
  player.look(events(3, 900), events(0, 0));
  player.look(events(0, 0), events(30, 100));
  player.look(Tick{});
  EXPECT_EQ(player.slots(), before);
}

TEST(BetaBinomialMixture, WithoutEventsThereIsNoEvidence) {
  auto player = mixture("error", harm(Relation::ratio, 1.5));
  const Evidence evidence = player.look(events(0, 900), events(0, 100));
  EXPECT_TRUE(evidence.enough);
  EXPECT_EQ(evidence.harm, 0.0);
  EXPECT_EQ(evidence.safety, 0.0);
}

TEST(BetaBinomialMixture, NeedsMinSamplesInAll) {
  auto player = mixture("error", harm(Relation::ratio, 1.5), {}, 100);
  EXPECT_FALSE(player.look(events(0, 900), events(9, 50)).enough);
  EXPECT_EQ(player.evidence().harm, 0.0);
  EXPECT_TRUE(player.look(events(0, 900), events(9, 50)).enough);
  EXPECT_GT(player.evidence().harm, 0.0);
}

TEST(BetaBinomialMixture, MoreHarmNeverLessensEvidence) {
  for (const Relation relation : {Relation::ratio, Relation::absolute}) {
    auto player = mixture("error", harm(relation, relation == Relation::ratio ? 1.5 : 0.03));
    double last_harm = 0.0, last_safety = 1e9;
    for (std::uint64_t bad = 0; bad <= 400; ++bad) {
      player.forget();
      const Evidence now = player.look(events(14, 700), events(bad, 400));
      EXPECT_GE(now.harm, last_harm) << bad;
      EXPECT_LE(now.safety, last_safety) << bad;
      last_harm = now.harm;
      last_safety = now.safety;
    }
    EXPECT_GE(last_harm, 1.0);
  }
}

TEST(BetaBinomialMixture, NodesSurroundTheEdge) {
  const BetaMixture above(0.5, BetaMixture::Side::above, {.v_opt = 12.5});
  const BetaMixture below(0.5, BetaMixture::Side::below, {.v_opt = 12.5});
  double last = 1.0;
  for (int i = 1; i < 32; ++i) {
    const double p = above.prior_quantile_above(i / 32.0);
    EXPECT_GT(p, 0.5);
    EXPECT_LT(p, last);
    EXPECT_NEAR(below.prior_quantile_above(1.0 - i / 32.0), 1.0 - p, 1e-12);
    last = p;
  }
}

TEST(BetaBinomialMixture, RefusesWhatItCannotCount) {
  const auto first = [](const GateSpec& spec) {
    const Diagnostics found = problems_of(spec);
    return found.empty() ? std::string("nothing") : found[0].path;
  };
  const auto test = "beta_binomial_mixture";
  EXPECT_EQ(first(gate("cost", harm(Relation::ratio, 1.2), test)), "test");
  EXPECT_EQ(first(gate("cpu", harm(Relation::ratio, 1.2), test)), "test");
  EXPECT_EQ(first(gate("error", harm(Relation::difference, 0.01), test)), "harm");
  EXPECT_EQ(first(gate("error", quantile_harm(0.9, Relation::ratio, 2.0), test)), "harm");
  EXPECT_EQ(first(gate("error", harm(Relation::absolute, 0.0), test)), "harm");
  EXPECT_EQ(first(gate("error", harm(Relation::ratio, -1.0), test)), "harm");
  EXPECT_EQ(first(gate("error", harm(Relation::ratio, 2.0), test, {{"tightest_at", 0.5}})),
            "test.tightest_at");
  EXPECT_NE(problems_of(gate("error", harm(Relation::difference, 0.01), test))[0].message.find(
                "use normal_mixture, or give a ratio"),
            std::string::npos);
}

}  // namespace
}  // namespace gatewright::testing
