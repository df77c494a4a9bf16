// Tests of distributions, ranks and order statistics, and the functions under them, against R and
// SciPy.
//
// R: R 4.2.2. S: SciPy 1.10.1. P: exact simulation of the index's law in Python (statistics.md e).
#include <cmath>
#include <cstdio>
#include <vector>

#include <gtest/gtest.h>
#include <boost/math/special_functions/beta.hpp>
#include <boost/math/special_functions/gamma.hpp>

#include "policies/gates/bayes_rate.h"
#include "policies/gates/cumulative_counts.h"
#include "policies/gates/distribution_distance.h"
#include "policies/gates/incomplete_beta.h"
#include "policies/gates/kolmogorov.h"
#include "policies/gates/mann_whitney.h"
#include "policies/gates/order_statistic.h"
#include "policies/histogram.h"
#include "tests/independent/exact.h"
#include "tests/independent/random_worlds.h"
#include "tests/unit/gates/gate_player.h"

namespace gatewright::testing {
namespace {

void expect_close(double value, double expected, double relative) {
  EXPECT_NEAR(value, expected, relative * std::abs(expected));
}

// R: pgamma(x, shape, lower.tail = FALSE, log.p = TRUE) and the lower tail.
TEST(DistributionValues, GammaTailsAreThoseOfR) {
  struct Row {
    double shape, x, above, below;
  };
  for (const Row& row :
       {Row{0.5, 0.45, -1.070661445, -0.4197390648}, Row{0.5, 14.64213562, -16.58808389, 0},
        Row{1, 0.9, -0.9, -0.5218354429}, Row{4.5, 1.5, -0.03635804291, -3.332463779},
        Row{4.5, 4.5, -0.8271948461, -0.5749627835}, Row{4.5, 46.92640687, -35.83436716, 0},
        Row{9, 3, -0.003810241822, -5.571967137}, Row{9, 18, -4.953875664, -0.007081020503},
        Row{50, 16.666666666666668, -3.476116721e-11, -24.08252024}, Row{50, 150, -48.65375813, 0},
        Row{1000, 333.33333333333331, -4.842173966e-190, -435.9138039},
        Row{1000, 1000, -0.7015932366, -0.6847718633}, Row{1000, 1632.455532, -146.2889901, 0},
        Row{1e6, 1e6, -0.6934131775, -0.6928812544}, Row{1e6, 1020000, -201.2899088, 0},
        Row{1e6, 3e6, -901396.2312, 0}, Row{1e9, 1e9, -0.693155591, -0.6931387702},
        Row{1e9, 3e9, -901387723.3, 0}}) {
    expect_close(gates::log_gamma_above(row.shape, row.x), row.above, 2e-9);
    if (row.below != 0) expect_close(gates::log_gamma_below(row.shape, row.x), row.below, 2e-9);
  }
}

TEST(DistributionValues, TailsEqualBoosts) {
  for (const double shape : {0.5, 1.0, 3.5, 40.0, 1e3})
    for (const double z : {-3.0, -1.0, 0.0, 0.5, 2.0, 6.0}) {
      const double x = shape + z * std::sqrt(shape);
      if (!(x > 0.0)) continue;
      EXPECT_NEAR(gates::log_gamma_above(shape, x), std::log(boost::math::gamma_q(shape, x)),
                  1e-10);
      EXPECT_NEAR(gates::log_gamma_below(shape, x), std::log(boost::math::gamma_p(shape, x)),
                  1e-10);
    }
  for (const double a : {0.5, 1.0, 7.0, 300.0})
    for (const double b : {0.5, 2.0, 90.0})
      for (const double x : {1e-6, 0.05, 0.5, 0.9, 0.999})
        EXPECT_NEAR(gates::log_beta_cdf({.a = a, .b = b, .x = x}),
                    std::log(boost::math::ibeta(a, b, x)),
                    1e-10 * std::max(1.0, std::abs(std::log(boost::math::ibeta(a, b, x)))));
}

// R: pbinom(k, n, p, log.p = TRUE) and pbinom(k - 1, n, p, lower.tail = FALSE, log.p = TRUE).
TEST(DistributionValues, BinomialTailsAreThoseOfR) {
  struct Row {
    double k, n, p, at_most, at_least;
  };
  for (const Row& row :
       {Row{3, 10, 0.5, -1.760987811, -0.05623971832}, Row{0, 50, 0.01, -0.5025167927, 0},
        Row{5, 50, 0.01, -1.08968914e-05, -8.834034505}, Row{960, 1000, 0.99, -28.38848208, 0},
        Row{999, 1000, 0.99, -4.317217932e-05, -7.643299749},
        Row{989000, 1e6, 0.99, -52.10524192, 0}, Row{989000000, 1e9, 0.99, -48923.83077, 0}}) {
    expect_close(gates::log_binomial_at_most(row.k, {row.n, row.p}), row.at_most, 1e-9);
    if (row.at_least != 0)
      expect_close(gates::log_binomial_at_least(row.k, {row.n, row.p}), row.at_least, 1e-9);
  }
}

// S: scipy.special.kolmogorov and kolmogi; the four c(alpha) are those of every table.
TEST(DistributionValues, KolmogorovsLawIsThatOfScipy) {
  struct Row {
    double c, above;
  };
  for (const Row& row :
       {Row{0.3, 0.9999906941986655}, Row{0.5, 0.9639452436648751}, Row{0.7, 0.7112351950296893},
        Row{0.79, 0.560495104473081}, Row{0.81, 0.5279614323123148}, Row{1, 0.26999967167735456},
        Row{1.2238, 0.10002342783567782}, Row{1.3581, 0.0499996304316674},
        Row{1.6276, 0.010001537333060776}, Row{1.9495, 0.0009998019790258981},
        Row{3, 3.045995948942526e-08}, Row{6, 1.0760372320042276e-31},
        Row{12, 1.6757885067638739e-125}})
    EXPECT_NEAR(gates::log_kolmogorov_above(row.c), std::log(row.above), 1e-12) << row.c;
  EXPECT_NEAR(gates::kolmogorov_quantile_above(0.1), 1.2238478702, 1e-9);
  EXPECT_NEAR(gates::kolmogorov_quantile_above(0.05), 1.3580986393, 1e-9);
  EXPECT_NEAR(gates::kolmogorov_quantile_above(0.01), 1.6276236115, 1e-9);
  EXPECT_NEAR(gates::kolmogorov_quantile_above(0.001), 1.9494746035, 1e-9);
  EXPECT_NEAR(gates::log_kolmogorov_above(30.0), std::log(2.0) - 1800.0, 1e-9);
}

// R: qbinom(alpha / 2, n, p), qbinom(1 - alpha / 2, n, p) + 1 and the coverage between; the median's
// rows are in David and Nagaraja's and Conover's tables.
TEST(DistributionValues, QuantileRanksAreThoseOfR) {
  struct Row {
    double n, p, alpha, lower, upper, coverage;
  };
  for (const Row& row :
       {Row{10, 0.5, 0.05, 2, 9, 0.9785156250}, Row{20, 0.5, 0.05, 6, 15, 0.9586105347},
        Row{50, 0.5, 0.05, 18, 33, 0.9671608624}, Row{100, 0.5, 0.05, 40, 61, 0.9647997998},
        Row{100, 0.9, 0.05, 84, 96, 0.9556901072}, Row{1000, 0.99, 0.05, 983, 997, 0.9760947635},
        Row{1000, 0.95, 0.01, 931, 968, 0.9928656062},
        Row{300, 0.99, 0.05, 293, 301, 0.9885259214}}) {
    const QuantileRanks ranks = quantile_ranks({row.n, row.p}, row.alpha);
    EXPECT_EQ(ranks.lower, row.lower) << row.n;
    EXPECT_EQ(ranks.upper, row.upper) << row.n;
    EXPECT_NEAR(ranks.coverage, row.coverage, 1e-9) << row.n;
  }
}

/// Slots of both arms, as in cumulative_counts.h.
std::vector<double> counts_of(const std::vector<double>& candidate,
                              const std::vector<double>& baseline) {
  std::vector<double> slots(2 * gates::kCumulativeSlots, 0.0);
  Histogram histogram;
  const auto fill = [&](std::span<double> arm, const std::vector<double>& values) {
    histogram.clear();
    for (const double value : values) histogram.add(value);
    gates::add_cumulative(arm, histogram.view());
  };
  fill(gates::candidate_counts(std::span(slots)), candidate);
  fill(gates::baseline_counts(std::span(slots)), baseline);
  return slots;
}

// R: wilcox.test(x, y, exact = FALSE, correct = FALSE), with ties; whole numbers have bins of their
// own up to 128.
TEST(DistributionValues, RankSumsAreThoseOfR) {
  const gates::QuantilePlaces equal(harm(Relation::ratio, 1.0));
  const auto first = counts_of({3, 5, 5, 7, 9, 12, 15, 15, 20, 22, 30, 41},
                               {1, 2, 3, 5, 5, 6, 7, 8, 9, 10, 12, 15, 16, 18});
  EXPECT_NEAR(rank_sum(first, equal).pairs_above, 115.0, 1e-9);
  EXPECT_NEAR(rank_sum(first, equal).z, 1.59939676492, 1e-10);
  const auto second =
      counts_of({8, 8, 8, 9, 10, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20},
                {8, 8, 9, 9, 9, 10, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14, 15, 16});
  EXPECT_NEAR(rank_sum(second, equal).pairs_above, 173.5, 1e-9);
  EXPECT_NEAR(rank_sum(second, equal).z, 1.02317577677, 1e-10);
  // At a ratio of two the doubled baseline is what ranks are taken with.
  const auto doubled = counts_of({6, 10, 10, 14, 18, 24, 30, 30, 40, 44, 60, 82},
                                 {1, 2, 3, 5, 5, 6, 7, 8, 9, 10, 12, 15, 16, 18});
  EXPECT_NEAR(rank_sum(doubled, gates::QuantilePlaces(harm(Relation::ratio, 2.0))).z, 1.59939676492,
              1e-10);
}

// Half the chi-square limits of the textbooks: (1/n + 1/m) chi2(95%, B - 1), statistics.md e.
TEST(DistributionValues, ThePsiThatIsSignificantDependsOnTheSamples) {
  struct Row {
    double classes, n, m, limit;
  };
  for (const Row& row :
       {Row{10, 100, 10000, 0.1709}, Row{10, 500, 10000, 0.0355}, Row{10, 1000, 1000, 0.0338},
        Row{10, 5000, 5000, 0.0068}, Row{20, 1000, 10000, 0.0332}, Row{20, 500, 500, 0.1206},
        Row{10, 150, 1500, 0.1241}}) {
    double low = 0.0, high = 10.0;
    for (int i = 0; i < 60; ++i) {
      const double index = 0.5 * (low + high);
      (gates::log_chi_square_above(index / (1.0 / row.n + 1.0 / row.m), row.classes - 1.0) >
               std::log(0.05)
           ? low
           : high) = index;
    }
    EXPECT_NEAR(high, row.limit, 5.1e-5) << row.classes << ' ' << row.n;
  }
}

// P: without any drift the index of 100 values in ten known classes against 10,000 is above .1 in
// 40.0% of cases, above .25 in 0.9%; above its own chi-square limit in little more than 5%, small
// counts being a little wilder than the limit law. 4,000 cases each, 99.9% Clopper-Pearson.
TEST(DistributionValues, FolkloreLimitsOfPsiAlarmWithoutDrift) {
  constexpr std::uint64_t kCases = 4'000;
  const double own_limit = 16.9189776 * (1.0 / 100 + 1.0 / 10000);
  std::uint64_t above_folklore = 0, above_own = 0;
  for (std::uint64_t world = 0; world < kCases; ++world) {
    Random random(61, world);
    std::vector<double> slots(2 * gates::kCumulativeSlots, 0.0);
    Histogram candidate, baseline;
    for (int i = 0; i < 100; ++i) candidate.add(1.0 + std::floor(10.0 * random.uniform()));
    // Classes are the baseline's tenths as they came out: its own counts of ten known ones.
    std::uint64_t left = 10'000;
    for (int bin = 1; bin <= 10; ++bin) {
      const double share = 1.0 / (11.0 - bin);
      const double n = static_cast<double>(left);
      const auto count =
          bin == 10
              ? left
              : static_cast<std::uint64_t>(std::clamp(
                    std::round(n * share + std::sqrt(n * share * (1 - share)) * random.normal()),
                    1.0, n));
      baseline.add(static_cast<double>(bin), count);
      left -= count;
    }
    gates::add_cumulative(gates::candidate_counts(std::span(slots)), candidate.view());
    gates::add_cumulative(gates::baseline_counts(std::span(slots)), baseline.view());
    // A hundred classes asked for: every distinct value is one.
    const gates::StabilityIndex index = gates::population_stability(slots, 100.0);
    ASSERT_EQ(index.classes, 10.0);
    above_folklore += index.value > 0.1;
    above_own += index.value > own_limit;
  }
  const Interval folklore = clopper_pearson(above_folklore, kCases, 0.999);
  const Interval own = clopper_pearson(above_own, kCases, 0.999);
  std::printf("PSI > .1: %.4f of cases, its own 5%% limit: %.4f\n",
              static_cast<double>(above_folklore) / kCases,
              static_cast<double>(above_own) / kCases);
  EXPECT_LE(folklore.lower, 0.4003);
  EXPECT_GE(folklore.upper, 0.4003);
  EXPECT_LT(own.lower, 0.08);
}

TEST(DistributionValues, TheStabilityIndexIsItsDefinition) {
  // Shares 20, 30, 50% against 50, 30, 20%.
  std::vector<double> candidate, baseline;
  for (int i = 0; i < 100; ++i) {
    candidate.push_back(i < 20 ? 1.0 : i < 50 ? 2.0 : 3.0);
    baseline.push_back(i < 50 ? 1.0 : i < 80 ? 2.0 : 3.0);
  }
  const gates::StabilityIndex index =
      gates::population_stability(counts_of(candidate, baseline), 10.0);
  EXPECT_EQ(index.classes, 3.0);
  EXPECT_NEAR(index.value, 2.0 * 0.3 * std::log(2.5), 1e-12);
}

// Claim: at the edge (equal distributions; a p90 exactly at the ratio) tests of planned looks fail
// with at most the budget of 5%. 1,500 rollouts of 4 looks; the lower limit of the 99%
// Clopper-Pearson interval is below it.
TEST(DistributionValues, GatesOfPlannedLooksKeepTheirBudget) {
  const std::map<std::string, TestValue> plan{{"looks", 4.0}, {"samples", 2000.0}};
  struct Case {
    const char* what;
    GateSpec spec;
    double shift;
  };
  for (const Case& each :
       {Case{"ks", gate("latency", shift_harm(0.0), "ks", plan), 0.0},
        Case{"ks with margin", gate("latency", shift_harm(0.1), "ks", plan), 0.2513},
        Case{"psi", gate("latency", shift_harm(0.0), "psi", plan), 0.0},
        Case{"order statistics",
             gate("latency", quantile_harm(0.9, Relation::ratio, 1.5), "order_statistic", plan),
             std::log(1.5)}}) {
    GatePlayer player(each.spec);
    constexpr std::uint64_t kRollouts = 300;
    std::uint64_t failed = 0;
    Histogram candidate, baseline;
    for (std::uint64_t rollout = 0; rollout < kRollouts; ++rollout) {
      Random random(62, rollout);
      player.forget();
      bool fails = false;
      for (int window = 0; window < 8; ++window) {
        candidate.clear();
        baseline.clear();
        for (int i = 0; i < 250; ++i) {
          candidate.add(std::exp(each.shift + random.normal()));
          baseline.add(std::exp(random.normal()));
        }
        fails |=
            player.look(Distributions{.baseline = baseline.view(), .candidate = candidate.view()})
                .harm >= 1.0;
      }
      failed += fails;
    }
    const Interval interval = clopper_pearson(failed, kRollouts, 0.99);
    std::printf("%s: %.4f of rollouts, 99%% within [%.4f, %.4f]\n", each.what,
                static_cast<double>(failed) / kRollouts, interval.lower, interval.upper);
    EXPECT_LT(interval.lower, 0.05) << each.what;
  }
}

// R: integrate(dbeta(p, a_b, b_b) * pbeta(r p + d, a_c, b_c, lower.tail = FALSE), 0, 1), relative
// tolerance 1e-12.
TEST(DistributionValues, PosteriorProbabilitiesAreThoseOfR) {
  struct Row {
    BetaPosterior candidate, baseline;
    RateEdge edge;
    double probability;
  };
  for (const Row& row :
       {Row{{6, 496}, {4, 498}, {}, 0.747081586136}, Row{{16, 986}, {11, 991}, {}, 0.838121986093},
        Row{{16, 986}, {11, 991}, {.factor = 1.2}, 0.697307108573},
        Row{{31, 471}, {21, 481}, {.factor = 1.0, .shift = 0.01}, 0.762378500705},
        Row{{3, 99}, {1, 101}, {}, 0.876865671642}, Row{{44, 8}, {45, 7}, {}, 0.387283690823}}) {
    const LogProbability log_p = log_probability_above(row.candidate, row.baseline, row.edge);
    EXPECT_NEAR(std::exp(log_p.yes), row.probability, 1e-10);
    EXPECT_NEAR(std::exp(log_p.no), 1.0 - row.probability, 1e-10);
  }
  // Equal posteriors of any size are above each other half the time.
  for (const double n : {1.0, 1e4, 1e8, 1e12})
    EXPECT_NEAR(log_probability_above({n, 99 * n}, {n, 99 * n}, {}).yes, std::log(0.5), 1e-8) << n;
}

/// ln P(second > first) for Beta posteriors, `a` of the second a whole number: E. Miller, "Formulas for
/// Bayesian A/B testing" (2014), summed as logarithms.
double log_probability_by_sum(const BetaPosterior& first, const BetaPosterior& second) {
  const auto log_beta = [](double a, double b) {
    return boost::math::lgamma(a) + boost::math::lgamma(b) - boost::math::lgamma(a + b);
  };
  double largest = -1e300, sum = 0.0;
  for (double i = 0.0; i < second.a; i += 1.0) {
    const double term = log_beta(first.a + i, first.b + second.b) - std::log(second.b + i) -
                        log_beta(1.0 + i, second.b) - log_beta(first.a, first.b);
    if (term > largest) {
      sum = sum * std::exp(largest - term) + 1.0;
      largest = term;
    } else {
      sum += std::exp(term - largest);
    }
  }
  return largest + std::log(sum);
}

// Far apart the doubt is a logarithm of hundreds or thousands, not an underflow.
TEST(DistributionValues, PosteriorDoubtsEqualAFiniteSum) {
  for (const auto& [candidate, baseline] :
       {std::pair<BetaPosterior, BetaPosterior>{{16, 986}, {11, 991}},
        {{41, 961}, {11, 991}},
        {{201, 9801}, {101, 9901}},
        {{2001, 98001}, {1001, 99001}},
        {{5001, 5001}, {3001, 7001}}}) {
    const double by_sum = log_probability_by_sum(candidate, baseline);
    EXPECT_NEAR(log_probability_above(candidate, baseline, {}).no, by_sum,
                1e-7 * std::max(1.0, std::abs(by_sum)))
        << candidate.a;
  }
}

// scipy: norm of the difference of means in standard errors; for exponential values the integral of
// gamma.pdf and gamma.cdf over what the candidate's posterior may be (scipy.integrate.quad).
TEST(BayesMean, EqualsScipy) {
  struct Row {
    Summary baseline, candidate;
    double margin, probability_within;
  };
  const auto within = [](const Row& row, const char* law) {
    GatePlayer player(gate("cost", harm(Relation::ratio, row.margin), "bayes_mean",
                           {{"law", std::string(law)}, {"probability", 0.95}}));
    return std::exp(player.look(row.baseline, row.candidate).harm * std::log(0.05));
  };
  for (const Row& row : {Row{numbers(1.0, 0.5, 200), numbers(1.1, 0.6, 180), 1.0, 0.0397053129995},
                         Row{numbers(10, 3, 50), numbers(11.5, 4, 60), 1.05, 0.0712850279766}})
    EXPECT_NEAR(within(row, "normal") / row.probability_within, 1.0, 1e-8);
  for (const Row& row : {Row{{100, 100.0, 200.0}, {100, 130.0, 350.0}, 1.0, 0.0321398877827},
                         Row{{40, 50.0, 130.0}, {50, 75.0, 230.0}, 1.1, 0.344415729844}})
    EXPECT_NEAR(within(row, "gamma") / row.probability_within, 1.0, 1e-8);
}

}  // namespace
}  // namespace gatewright::testing
