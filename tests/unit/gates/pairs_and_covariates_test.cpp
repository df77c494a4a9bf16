// Tests that use more than two independent sums: covariates, pairs, ratios of means; and A/B findings.
#include <cmath>
#include <cstdio>
#include <vector>

#include <gtest/gtest.h>

#include "policies/gates/normal_mixture.h"
#include "policies/gates/pairs.h"
#include "tests/independent/exact.h"
#include "tests/independent/random_worlds.h"
#include "tests/unit/gates/gate_player.h"

namespace gatewright::testing {
namespace {

/// Requests whose number goes with a covariate: x ~ N(1, 1), y = level + rho x + sqrt(1 - rho^2) e.
class CovariateWorld {
 public:
  CovariateWorld(double rho, std::uint64_t seed, std::uint64_t replication)
      : rho_(rho), random_(seed, replication) {}

  void draw(std::uint64_t count, double level, double drift, Summary& y, Covariate& x) {
    y = {};
    x = {};
    for (std::uint64_t i = 0; i < count; ++i) {
      const double covariate = 1.0 + drift + random_.normal();
      const double number =
          level + rho_ * covariate + std::sqrt(1.0 - rho_ * rho_) * random_.normal();
      y += {1, number, number * number};
      x += {covariate, covariate * covariate, covariate * number};
    }
  }

  /// The prompts' mean drifts from window to window, for both arms alike.
  Samples window(std::uint64_t baseline, std::uint64_t candidate, double shift, int index) {
    Samples samples;
    Covariates& covariates = samples.covariates.emplace();
    const double drift = std::sin(0.7 * index);
    draw(baseline, 5.0, drift, samples.baseline, covariates.baseline);
    draw(candidate, 5.0 + shift, drift, samples.candidate, covariates.candidate);
    return samples;
  }

 private:
  double rho_;
  Random random_;
};

GateSpec cost_gate(bool with_covariate) {
  std::map<std::string, TestValue> parameters;
  if (with_covariate) parameters["covariate"] = std::string("input_tokens");
  return gate("cost", harm(Relation::difference, 0.0), "normal_mixture", parameters);
}

// Claim: a covariate of correlation rho leaves 1 - rho^2 of the variance of the compared sum (Deng, Xu,
// Kohavi, Walker 2013), at unequal arms and drifting prompts, and the test knows it: both ratios lie
// within 4 standard errors (sd of a variance ratio: sqrt(4 (1 - r) / n) of itself at most). 1,500
// rollouts of 40 windows a row, fixed seeds. The first six windows, which have no slope yet, are left
// out.
TEST(Covariate, LeavesOneMinusRhoSquaredOfTheVariance) {
  constexpr int kRollouts = 1500, kWindows = 40, kWarm = 6;
  for (const double rho : {0.3, 0.6, 0.9}) {
    GatePlayer plain(cost_gate(false)), adjusted(cost_gate(true));
    double squares_plain = 0.0, squares_adjusted = 0.0, known = 0.0;
    for (int rollout = 0; rollout < kRollouts; ++rollout) {
      CovariateWorld world(rho, 41, static_cast<std::uint64_t>(rollout));
      plain.forget();
      adjusted.forget();
      double warm_plain = 0.0, warm_adjusted = 0.0;
      for (int window = 0; window < kWindows; ++window) {
        const Samples told = world.window(18, 6, 0.0, window);
        Samples bare = told;
        bare.covariates.reset();
        plain.look(bare);
        adjusted.look(told);
        if (window + 1 == kWarm) {
          warm_plain = NormalMixture::sums(plain.slots()).difference;
          warm_adjusted = NormalMixture::sums(adjusted.slots()).difference;
        }
      }
      const double a = NormalMixture::sums(plain.slots()).difference - warm_plain;
      const double b = NormalMixture::sums(adjusted.slots()).difference - warm_adjusted;
      squares_plain += a * a;
      squares_adjusted += b * b;
      const auto score =
          dynamic_cast<const NormalMixture&>(adjusted.test()).score(adjusted.slots(), {});
      // s = A / sqrt(unit) and v are in one unit: A^2 v / s^2 is the variance that the test believes in.
      const double sum = NormalMixture::sums(adjusted.slots()).difference;
      known += score.v * (sum / score.s) * (sum / score.s);
    }
    const double left = squares_adjusted / squares_plain;
    const double expected = 1.0 - rho * rho;
    // Var(A) = sum over windows of h^2 (1/n_c + 1/n_b) = h per window, times what is left.
    const double h = 18.0 * 6.0 / 24.0;
    const double believed = known / kRollouts / (h * kWindows);
    std::printf("  rho %.1f: left %.4f, believed %.4f, closed form %.4f\n", rho, left, believed,
                expected);
    EXPECT_NEAR(left / expected, 1.0, 4.0 * std::sqrt(4.0 / kRollouts));
    // Of all windows, the first few with all of their variance.
    const double of_all = expected + (1.0 - expected) * kWarm / kWindows;
    EXPECT_NEAR(believed / of_all, 1.0, 0.06);
  }
}

// Claim: at the edge of harm, 400 looks at unequal arms and drifting prompts raise a false alarm in at
// most 5% of rollouts, with the slope from earlier windows; the 99.9% interval of 400 rollouts.
TEST(Covariate, KeepsTheBudgetAtFourHundredLooks) {
  constexpr std::uint64_t kRollouts = 400;
  std::uint64_t alarms = 0, missed = 0;
  GatePlayer player(cost_gate(true));
  for (std::uint64_t rollout = 0; rollout < kRollouts; ++rollout) {
    CovariateWorld world(0.8, 43, rollout);
    player.forget();
    bool alarmed = false, is_safe = false;
    for (int look = 0; look < 400; ++look) {
      const Evidence evidence = player.look(world.window(9, 3, 0.0, look));
      alarmed = alarmed || evidence.harm >= 1.0;
      is_safe = is_safe || evidence.safety >= 1.0;
    }
    alarms += alarmed ? 1U : 0U;
    missed += is_safe ? 1U : 0U;
  }
  EXPECT_LT(clopper_pearson(alarms, kRollouts, 0.999).lower, 0.05);
  EXPECT_LT(clopper_pearson(missed, kRollouts, 0.999).lower, 0.05);
}

TEST(Covariate, FindsAHarmSoonerAndSaysNothingWithoutSpread) {
  const auto looks_until_harm = [](bool with_covariate) {
    GatePlayer player(cost_gate(with_covariate));
    CovariateWorld world(0.9, 44, 0);
    for (int look = 1; look < 5000; ++look) {
      Samples told = world.window(20, 20, 0.05, look);
      if (!with_covariate) told.covariates.reset();
      if (player.look(told).harm >= 1.0) return look;
    }
    return 5000;
  };
  EXPECT_LT(3 * looks_until_harm(true), looks_until_harm(false));

  // A covariate that is the same everywhere explains nothing: the plain test.
  GatePlayer plain(cost_gate(false)), constant(cost_gate(true));
  Random random(45, 0);
  for (int look = 0; look < 30; ++look) {
    Samples told =
        samples(random.normal_summary(5.0, 1.0, 40), random.normal_summary(5.2, 1.0, 40));
    const Evidence without = plain.look(told);
    told.covariates = {.baseline = {40.0, 40.0, told.baseline.sum},
                       .candidate = {40.0, 40.0, told.candidate.sum}};
    EXPECT_NEAR(constant.look(told).harm, without.harm, 1e-9);
  }
}

TEST(Covariate, IsRefusedWhereItMeansNothing) {
  const std::map<std::string, TestValue> by_prompt{{"covariate", std::string("input_tokens")}};
  const auto path_of = [&](const char* metric, const HarmSpec& harm) {
    const Diagnostics found = problems_of(gate(metric, harm, "normal_mixture", by_prompt));
    return found.empty() ? std::string() : found.front().path;
  };
  EXPECT_EQ(path_of("error", harm(Relation::ratio, 2.0)), "test.covariate");
  EXPECT_EQ(path_of("cost", harm(Relation::absolute, 2.0)), "test.covariate");
  EXPECT_EQ(path_of("input_tokens", harm(Relation::ratio, 2.0)), "test.covariate");
  EXPECT_EQ(path_of("similarity", harm(Relation::difference, 0.0)), "test.covariate");
  EXPECT_EQ(path_of("latency", harm(Relation::ratio, 2.0)), "");
}

// --- pairs ---------------------------------------------------------------------------------------

TEST(Pairs, DifferencesAreThoseOfTheNumbersThemselves) {
  Random random(46, 0);
  for (const double far : {0.0, 1e4}) {
    Samples pairs;
    pairs.paired = true;
    double products = 0.0, sum = 0.0;
    std::vector<double> differences;
    for (int i = 0; i < 50; ++i) {
      const double b = far + random.normal(), c = 1.1 * b + 0.3 + 0.5 * random.normal();
      pairs.baseline += {1, b, b * b};
      pairs.candidate += {1, c, c * c};
      products += b * c;
      differences.push_back(c - 1.1 * b - 0.3);
      sum += differences.back();
    }
    pairs.sum_of_products = products;
    double squares = 0.0;
    for (const double d : differences) squares += (d - sum / 50.0) * (d - sum / 50.0);
    const Summary told = gates::differences(pairs, {.factor = 1.1, .shift = 0.3});
    EXPECT_EQ(told.count, 50U);
    // Sums of squares near 6e9 have an ulp of 1e-6, and each adds up fifty of them.
    const double tolerance = far > 0.0 ? 1e-4 : 1e-10;
    EXPECT_NEAR(told.sum, sum, tolerance);
    EXPECT_NEAR(told.sum_of_squares - told.sum * told.sum / 50.0, squares, tolerance * squares);
  }
}

TEST(Pairs, EqualAnswersAreNoEvidenceHoweverManyThereAre) {
  for (const char* test : {"paired_mixture", "paired_t"}) {
    GatePlayer player(gate("cost", harm(Relation::ratio, 1.0), test));
    const Summary same = numbers(0.0123456789, 0.004, 1'000'000'007);
    Samples pairs = samples(same, same);
    pairs.paired = true;
    pairs.sum_of_products = same.sum_of_squares;
    for (int look = 0; look < 10; ++look) {
      const Evidence evidence = player.look(pairs);
      EXPECT_LT(evidence.harm, 0.5) << test;
      EXPECT_LT(evidence.safety, 0.5) << test;
    }
  }
}

TEST(Pairs, ThatAreNoneSayNothing) {
  for (const char* test : {"paired_mixture", "paired_t", "paired_rate", "mcnemar"}) {
    const bool of_events =
        std::string_view(test) == "paired_rate" || std::string_view(test) == "mcnemar";
    GatePlayer player(gate(of_events ? "error" : "cost", harm(Relation::ratio, 1.0), test));
    for (int look = 0; look < 50; ++look) {
      const Evidence evidence = player.look(events(1, 100), events(90, 100));
      EXPECT_FALSE(evidence.enough) << test;
      EXPECT_EQ(evidence.harm, 0.0) << test;
    }
  }
}

TEST(Pairs, AreRefusedWhereThereAreNone) {
  EXPECT_EQ(problems_of(gate("thumbs_down", harm(Relation::ratio, 1.0), "paired_rate"))[0].path,
            "test");
  EXPECT_EQ(problems_of(gate("agreement", harm(Relation::ratio, 1.0), "mcnemar"))[0].path, "test");
  EXPECT_EQ(problems_of(gate("cost", harm(Relation::ratio, 1.0), "paired_rate"))[0].message,
            "paired_rate counts events, and cost is a number per request; use paired_mixture");
  EXPECT_EQ(problems_of(gate("error", harm(Relation::ratio, 1.0), "paired_t"))[0].path, "test");
  EXPECT_EQ(problems_of(gate("cost", harm(Relation::absolute, 1.0), "paired_mixture"))[0].path,
            "harm");
  EXPECT_EQ(problems_of(gate("error", harm(Relation::ratio, 2.0), "mcnemar"))[0].path, "harm");
}

// --- an amount per token ---------------------------------------------------------------------------

/// Seconds = 0.4 + pace x tokens + noise; tokens are lognormal about `length`.
Samples paced(Random& random, double pace, double length) {
  Samples samples;
  Covariates& covariates = samples.covariates.emplace();
  const auto add = [&](Summary& y, Covariate& x, double of_pace, double of_length) {
    for (int i = 0; i < 30; ++i) {
      const double tokens = of_length * std::exp(0.5 * random.normal());
      const double seconds = of_pace * tokens * std::exp(0.1 * random.normal());
      y += {1, seconds, seconds * seconds};
      x += {tokens, tokens * tokens, tokens * seconds};
    }
  };
  add(samples.baseline, covariates.baseline, 0.015, 300.0);
  add(samples.candidate, covariates.candidate, pace, length);
  return samples;
}

TEST(RatioMixture, DoesNotCallLongerAnswersSlower) {
  const HarmSpec slower = harm(Relation::ratio, 1.1);
  GatePlayer per_token(gate("latency", slower, "ratio_mixture"));
  GatePlayer in_all(gate("latency", slower, "normal_mixture"));
  Random random(47, 0);
  Evidence of_ratio, of_mean;
  for (int look = 0; look < 60; ++look) {
    Samples window = paced(random, 0.015, 420.0);  // 40% longer, not slower
    of_ratio = per_token.look(window);
    window.covariates.reset();
    of_mean = in_all.look(window);
  }
  EXPECT_GE(of_mean.harm, 1.0);
  EXPECT_LT(of_ratio.harm, 0.3);
  EXPECT_GE(of_ratio.safety, 1.0);

  // And sees a slower pace behind shorter answers, which hide it from the mean.
  per_token.forget();
  in_all.forget();
  for (int look = 0; look < 60; ++look) {
    Samples window = paced(random, 0.015 * 1.3, 300.0 / 1.3);
    of_ratio = per_token.look(window);
    window.covariates.reset();
    of_mean = in_all.look(window);
  }
  EXPECT_GE(of_ratio.harm, 1.0);
  EXPECT_LT(of_mean.harm, 1.0);
}

// Claim: at the edge of harm (10% slower per token, answers 40% longer), 150 looks halt at most 5% of
// rollouts; the 99.9% interval of 400 rollouts.
TEST(RatioMixture, KeepsTheBudgetWhileLengthsDiffer) {
  constexpr std::uint64_t kRollouts = 400;
  std::uint64_t alarms = 0, missed = 0;
  GatePlayer player(gate("latency", harm(Relation::ratio, 1.1), "ratio_mixture"));
  for (std::uint64_t rollout = 0; rollout < kRollouts; ++rollout) {
    Random random(48, rollout);
    player.forget();
    bool alarmed = false, is_safe = false;
    for (int look = 0; look < 150; ++look) {
      const Evidence evidence = player.look(paced(random, 0.015 * 1.1, 420.0));
      alarmed = alarmed || evidence.harm >= 1.0;
      is_safe = is_safe || evidence.safety >= 1.0;
    }
    alarms += alarmed ? 1U : 0U;
    missed += is_safe ? 1U : 0U;
  }
  EXPECT_LT(clopper_pearson(alarms, kRollouts, 0.999).lower, 0.05);
  EXPECT_LT(clopper_pearson(missed, kRollouts, 0.999).lower, 0.05);
}

// --- A/B tests -------------------------------------------------------------------------------------

Finding found(const GateSpec& spec, const Summary& baseline, const Summary& candidate) {
  // Two-sided at 5%.
  const Budget budget{.false_alarm = 0.025, .missed_harm = 0.025};
  GatePlayer player(spec, budget);
  player.look(baseline, candidate);
  return player.test().finding(player.slots(), player.budget());
}

GateSpec ab(const char* metric, double min_effect, std::uint64_t samples = 0) {
  const MetricInfo& info = *find_metric(metric);
  const bool is_coins = info.scope == MetricScope::interleaved;
  return gate(
      metric,
      harm(is_coins ? Relation::absolute : Relation::difference, is_coins ? 0.5 : 0.0, info.harm),
      "ab_test", {{"min_effect", min_effect}}, samples);
}

// The guide's own numbers: 43 of 50 against 44 of 50, and 17 of 20 against 18 of 20, where the pooled z
// has p = 0.7662 and 0.6326 (Fisher: 1); catalog R25.
TEST(AbTest, CallsNoWinnerOfTwentyOrFifty) {
  EXPECT_EQ(found(ab("thumbs_up", 0.02), events(43, 50), events(44, 50)), Finding::inconclusive);
  EXPECT_EQ(found(ab("thumbs_up", 0.02), events(17, 20), events(18, 20)), Finding::inconclusive);
  EXPECT_EQ(found(ab("thumbs_up", 0.02), events(44, 50), events(43, 50)), Finding::inconclusive);
}

TEST(AbTest, FindsEachOfTheFour) {
  EXPECT_EQ(found(ab("thumbs_up", 0.02), events(600, 10'000), events(700, 10'000)),
            Finding::candidate_wins);
  EXPECT_EQ(found(ab("thumbs_up", 0.02), events(700, 10'000), events(600, 10'000)),
            Finding::baseline_wins);
  // More thumbs down is worse.
  EXPECT_EQ(found(ab("thumbs_down", 0.02), events(600, 10'000), events(700, 10'000)),
            Finding::baseline_wins);
  // Newcombe's 95% interval of 6.5% - 6.3% is [-0.5, 0.9] points: within 2, not within 0.8.
  EXPECT_EQ(found(ab("thumbs_up", 0.02), events(630, 10'000), events(650, 10'000)),
            Finding::equivalent);
  EXPECT_EQ(found(ab("thumbs_up", 0.008), events(630, 10'000), events(650, 10'000)),
            Finding::inconclusive);
  EXPECT_EQ(found(ab("quality", 0.02), numbers(0.7, 0.2, 4000), numbers(0.72, 0.2, 4000)),
            Finding::candidate_wins);
  EXPECT_EQ(found(ab("quality", 0.02), numbers(0.7, 0.2, 4000), numbers(0.702, 0.2, 4000)),
            Finding::equivalent);
  EXPECT_EQ(found(ab("latency", 0.02), numbers(0.7, 0.2, 4000), numbers(0.72, 0.2, 4000)),
            Finding::baseline_wins);
}

// catalog R36: of 122 credited clicks (61% of 200 requests) a two-sided sign test at 5% calls a winner
// from 73 on (scipy.stats.binomtest: 72 of 122 has p = 0.05682, 73 has p = 0.03688).
TEST(AbTest, OfClicksIsTheSignTest) {
  EXPECT_EQ(found(ab("preference", 0.1), events(50, 122), events(72, 122)), Finding::inconclusive);
  EXPECT_EQ(found(ab("preference", 0.1), events(49, 122), events(73, 122)),
            Finding::candidate_wins);
  EXPECT_EQ(found(ab("preference", 0.1), events(73, 122), events(49, 122)), Finding::baseline_wins);
  EXPECT_EQ(found(ab("preference", 0.1), events(500, 1000), events(500, 1000)),
            Finding::equivalent);
}

TEST(AbTest, LooksOnceWhenItsSampleIsComplete) {
  const Budget budget{.false_alarm = 0.025, .missed_harm = 0.025};
  GatePlayer player(ab("error", 0.02, 1000), budget);
  const auto finding = [&] { return player.test().finding(player.slots(), player.budget()); };
  EXPECT_FALSE(player.look(events(10, 500), events(100, 500)).enough);
  EXPECT_EQ(finding(), Finding::inconclusive);
  EXPECT_TRUE(player.look(events(10, 500), events(100, 500)).enough);
  EXPECT_EQ(finding(), Finding::baseline_wins);
  // What comes later changes nothing.
  player.look(events(100'000, 200'000), events(0, 200'000));
  EXPECT_EQ(finding(), Finding::baseline_wins);
}

}  // namespace
}  // namespace gatewright::testing
