// Tests of pairs, covariates and planned tests against other programs, and the mean of what claims to
// be an e-value by enumeration. scipy 1.17.1 and statsmodels 0.15.0 unless said.
#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "policies/gates/paired_rate.h"
#include "policies/gates/sample_size.h"
#include "tests/independent/exact.h"
#include "tests/unit/gates/gate_player.h"

namespace gatewright::testing {
namespace {

/// The one-sided p-value behind a share of the evidence, at the level of 5%.
double p_of(double share, double level = 0.05) {
  return 0.5 * std::exp(share * std::log(2.0 * level));
}

Samples pairs(const gates::PairedEvents& table) {
  const double n = table.both + table.candidate_only + table.baseline_only + table.neither;
  const auto count = static_cast<std::uint64_t>(n);
  Samples samples;
  samples.paired = true;
  samples.baseline = events(static_cast<std::uint64_t>(table.both + table.baseline_only), count);
  samples.candidate = events(static_cast<std::uint64_t>(table.both + table.candidate_only), count);
  samples.sum_of_products = table.both;
  return samples;
}

// statsmodels, contingency_tables.mcnemar(exact=True) and binom_test_reject_interval's law: both one-
// sided tails of binom(b + c, 1/2) and mid-p of scipy.stats.binom. The first table is the example of
// statsmodels' documentation and of Wikipedia.
TEST(Mcnemar, EqualsStatsmodelsAndScipy) {
  struct Row {
    gates::PairedEvents table;
    double above, below, mid, two_sided;
  };
  constexpr Row kRows[] = {
      {{101, 59, 121, 33}, 0.999998950578, 2.21722463188e-06, 0.999998366677, 4.43444926376e-06},
      {{10, 6, 2, 82}, 0.14453125, 0.96484375, 0.08984375, 0.2890625},
      {{3, 15, 5, 977}, 0.020694732666, 0.994091033936, 0.0133018493652, 0.041389465332},
      {{40, 25, 12, 923}, 0.0235155137198, 0.98996307404, 0.0167762198398, 0.0470310274395},
      {{1, 120, 80, 9799}, 0.00284257799838, 0.998182526024, 0.00233002598732, 0.00568515599675},
      {{5, 0, 9, 500}, 1.0, 0.001953125, 0.9990234375, 0.00390625},
      {{0, 1, 0, 99}, 0.5, 1.0, 0.25, 1.0},
  };
  const auto spec = [](Direction direction, std::map<std::string, TestValue> parameters) {
    return gate("error", harm(Relation::ratio, 1.0, direction), "mcnemar", std::move(parameters));
  };
  // A share is 0 from a half on.
  const auto expect_p = [](double share, double p) {
    EXPECT_NEAR(p_of(share) / std::min(p, 0.5), 1.0, 1e-11);
  };
  for (const Row& row : kRows) {
    GatePlayer up(spec(Direction::up, {}));
    const Evidence evidence = up.look(pairs(row.table));
    expect_p(evidence.harm, row.above);
    expect_p(evidence.safety, row.below);
    expect_p(GatePlayer(spec(Direction::down, {})).look(pairs(row.table)).harm, row.below);
    expect_p(GatePlayer(spec(Direction::up, {{"tail", std::string("mid_p")}}))
                 .look(pairs(row.table))
                 .harm,
             row.mid);
    // Two-sided, the smaller tail meets half of the level.
    GatePlayer two(spec(Direction::up, {{"sides", std::string("two")}}));
    EXPECT_NEAR(2.0 * p_of(two.look(pairs(row.table)).harm, 0.025) / std::min(row.two_sided, 1.0),
                1.0, 1e-11);
  }
}

// scipy.stats.ttest_rel(candidate, baseline), alternative greater and less; against 1.1 x baseline and
// baseline + 0.05; and of logarithms against baseline x 1.05.
TEST(PairedT, EqualsScipy) {
  struct Row {
    std::uint64_t count;
    double sum_b, squares_b, sum_c, squares_c, products;
    double more, less, ratio, difference;
  };
  constexpr Row kRows[] = {
      {6, 6.124, 7.247962, 7.916, 11.631186, 9.076913, 0.00663432592528, 0.993365674075,
       0.0305361734874, 0.0130708425768},
      {12, 11.137, 12.842825, 11.536, 13.238244, 12.910483, 0.229069887886, 0.770930112114,
       0.869847147394, 0.647054586945},
      {50, 52.202, 69.164806, 53.877, 70.384501, 68.879376, 0.10698614873, 0.89301385127,
       0.987732474874, 0.730979165763},
      {200, 228.805, 339.078445, 228.724, 318.461866, 323.473688, 0.50989028303, 0.49010971697,
       0.999999995897, 0.998854652559},
  };
  constexpr Row kLogs[] = {
      {6, -0.35365635732335071, 0.98361770727612252, 1.312397979433094, 0.99812875252729305,
       0.6930713861364266, 0.0, 0.0, 0.00923929660723, 0.0},
      {12, -2.0313786806717182, 2.4195876133326246, -1.2768182664419325, 1.4955873779298887,
       1.7188823312412238, 0.0, 0.0, 0.404775668698, 0.0},
      {50, -3.6588779820660386, 11.628045811354731, -0.91094930853048983, 9.2494415239425258,
       9.2684403055944031, 0.0, 0.0, 0.418691646552, 0.0},
      {200, 0.95396585551173452, 51.427991300946971, 2.3663877569172511, 60.767569729879312,
       45.103389564844008, 0.0, 0.0, 0.961344011913, 0.0},
  };
  const auto told = [](const Row& row) {
    Samples samples;
    samples.paired = true;
    samples.baseline = {row.count, row.sum_b, row.squares_b};
    samples.candidate = {row.count, row.sum_c, row.squares_c};
    samples.sum_of_products = row.products;
    return samples;
  };
  // The sums above have 16 digits, and a spread is what two of them leave.
  const auto expect_p = [&](const Row& row, Relation relation, double margin, double p,
                            std::map<std::string, TestValue> parameters = {}) {
    const Evidence evidence =
        GatePlayer(gate("cost", harm(relation, margin), "paired_t", std::move(parameters)))
            .look(told(row));
    EXPECT_NEAR(p_of(evidence.harm) / std::min(p, 0.5), 1.0, 1e-8);
    // Of p near 1 scipy printed too few digits of the other tail.
    if (p < 0.999) {
      EXPECT_NEAR(p_of(evidence.safety) / std::min(1.0 - p, 0.5), 1.0, 1e-8);
    }
  };
  for (const Row& row : kRows) {
    expect_p(row, Relation::difference, 0.0, row.more);
    expect_p(row, Relation::ratio, 1.1, row.ratio);
    expect_p(row, Relation::difference, 0.05, row.difference);
  }
  for (const Row& row : kLogs)
    expect_p(row, Relation::ratio, 1.05, row.ratio, {{"scale", std::string("log")}});
}

// scipy.stats.binomtest, alternatives greater and less; at a half also two-sided.
TEST(SignTest, EqualsScipy) {
  struct Row {
    std::uint64_t k, n;
    double level, above, below, two_sided;
  };
  constexpr Row kRows[] = {
      {43, 100, 0.5, 0.933394690396, 0.0966739522478, 0.193347904496},
      {60, 100, 0.5, 0.0284439668205, 0.982399899891, 0.056887933641},
      {7, 20, 0.5, 0.94234085083, 0.131587982178, 0.263175964355},
      {450, 1000, 0.45, 0.512253813333, 0.513098198467, 0.0},
      {61, 100, 0.45, 0.000938231898879, 0.999534943464, 0.0},
  };
  for (const Row& row : kRows) {
    const auto look = [&](Direction direction, std::map<std::string, TestValue> parameters) {
      return GatePlayer(gate("preference", harm(Relation::absolute, row.level, direction),
                             "sign_test", std::move(parameters)))
          .look({}, events(row.k, row.n));
    };
    EXPECT_NEAR(p_of(look(Direction::up, {}).harm) / std::min(row.above, 0.5), 1.0, 1e-11);
    EXPECT_NEAR(p_of(look(Direction::down, {}).harm) / std::min(row.below, 0.5), 1.0, 1e-11);
    if (row.two_sided > 0.0) {
      EXPECT_NEAR(2.0 * p_of(look(Direction::down, {{"sides", std::string("two")}}).harm, 0.025) /
                      row.two_sided,
                  1.0, 1e-11);
    }
  }
}

// numpy 2.4.6: theta = (cov_c / n_c + f cov_b / n_b) / (var x_c / n_c + var x_b / n_b), and scipy's
// ttest_ind(y_c - theta x_c, f y_b - theta x_b, equal_var=False, alternative='greater').
TEST(WelchT, WithACovariateEqualsScipyOnAdjustedNumbers) {
  struct Arm {
    std::uint64_t count;
    double sum, squares, sum_x, squares_x, products;
  };
  struct Row {
    double ratio;
    Arm baseline, candidate;
    double p;
  };
  constexpr Row kRows[] = {
      {1.0,
       {40, 86.45, 251.210986, 7412, 2051590, 20580.047},
       {30, 84.99, 276.39289, 6260, 1791322, 20460.318},
       0.00769743638958},
      {1.1,
       {40, 86.45, 251.210986, 7412, 2051590, 20580.047},
       {30, 84.99, 276.39289, 6260, 1791322, 20460.318},
       0.0882898419432},
      {1.0,
       {400, 809.304, 2258.87075, 81293, 24194819, 202443.404},
       {100, 228.017, 657.309447, 20868, 6168514, 53948.745},
       0.025521529258},
      {1.1,
       {400, 809.304, 2258.87075, 81293, 24194819, 202443.404},
       {100, 228.017, 657.309447, 20868, 6168514, 53948.745},
       0.39327748618},
      {1.0,
       {25, 58.66, 198.710852, 5190, 1642222, 16936.248},
       {25, 81.691, 331.768915, 5078, 1570512, 21100.729},
       0.000718790435533},
      {1.1,
       {25, 58.66, 198.710852, 5190, 1642222, 16936.248},
       {25, 81.691, 331.768915, 5078, 1570512, 21100.729},
       0.00901724154127},
  };
  for (const Row& row : kRows) {
    const auto summary = [](const Arm& arm) { return Summary{arm.count, arm.sum, arm.squares}; };
    const auto covariate = [](const Arm& arm) {
      return Covariate{arm.sum_x, arm.squares_x, arm.products};
    };
    Samples samples;
    samples.baseline = summary(row.baseline);
    samples.candidate = summary(row.candidate);
    samples.covariates = {.baseline = covariate(row.baseline),
                          .candidate = covariate(row.candidate)};
    GatePlayer player(gate("cost", harm(Relation::ratio, row.ratio), "welch_t",
                           {{"covariate", std::string("input_tokens")}}));
    EXPECT_NEAR(p_of(player.look(samples).harm) / row.p, 1.0, 1e-8);
  }
}

// statsmodels, NormalIndPower().solve_power and zt_ind_solve_power, which also count the far tail of a
// two-sided test: 3e-6 of the size at most here. The pooled formula: Fleiss, Levin, Paik, as tabulated
// by two programs to one decimal.
TEST(SampleSize, EqualsStatsmodels) {
  struct Rates {
    TwoRates rates;
    TestErrors errors;
    double h, by_arcsine, classical;
  };
  constexpr Rates kRates[] = {
      {{0.02, 0.03}, {0.05, 0.8}, 0.0643719120646, 3788.29497404, 3825.1},
      {{0.01, 0.02}, {0.05, 0.8}, 0.0834592668852, 2253.65522211, 2318.2},
      {{0.005, 0.01}, {0.05, 0.9}, 0.0587953689987, 6079.10749107, 6255.1},
      {{0.05, 0.06}, {0.05, 0.8}, 0.0439073145446, 8142.59539444, 8157.7},
      {{0.5, 0.55}, {0.05, 0.8}, 0.100167421162, 1564.52901126, 1564.7},
  };
  for (const Rates& row : kRates) {
    EXPECT_NEAR(cohens_h(row.rates), row.h, 1e-12);
    EXPECT_NEAR(samples_by_arcsine(row.rates, row.errors) / row.by_arcsine, 1.0, 3e-6);
    EXPECT_NEAR(samples_by_rates(row.rates, row.errors), row.classical, 0.05);
  }
  struct Means {
    double effect, at_5_and_80, at_5_and_90, at_1_and_90;
  };
  constexpr Means kMeans[] = {
      {0.05, 6279.088407, 8405.935528, 11903.50973}, {0.1, 1569.772102, 2101.483882, 2975.877433},
      {0.2, 392.4430233, 525.3709705, 743.9693583},  {0.333, 141.5624726, 189.5123845, 268.3654329},
      {0.5, 62.79088417, 84.05935523, 119.0350973},  {0.8, 24.5276891, 32.83568566, 46.49808489},
  };
  for (const Means& row : kMeans) {
    EXPECT_NEAR(samples_by_means(row.effect, {0.05, 0.8}) / row.at_5_and_80, 1.0, 3e-6);
    EXPECT_NEAR(samples_by_means(row.effect, {0.05, 0.9}) / row.at_5_and_90, 1.0, 3e-6);
    EXPECT_NEAR(samples_by_means(row.effect, {0.01, 0.9}) / row.at_1_and_90, 1.0, 3e-6);
  }
}

// The coins of an A/B test of clicks, by the exact binomial law: the two-sided test at 5% of as many
// coins as are said sees its effect with 75% to 85%: 80% less what the exact test, whose level is up to
// 2 points below 5% for so few coins, cannot spend.
TEST(SampleSize, OfCoinsHasItsPowerByTheExactLaw) {
  for (const double rate : {0.55, 0.6, 0.7}) {
    const double n = std::ceil(samples_by_coins(rate, {0.05, 0.8}));
    const auto count = static_cast<std::uint64_t>(n);
    const boost::math::binomial_distribution<double> fair(n, 0.5);
    std::uint64_t least = 1;
    while (boost::math::cdf(boost::math::complement(fair, static_cast<double>(least) - 1.0)) >
           0.025)
      ++least;
    const double power = mean_over(binomial_law(count, rate),
                                   [&](std::uint64_t k) { return k >= least ? 1.0 : 0.0; });
    EXPECT_GT(power, 0.75) << rate;
    EXPECT_LT(power, 0.85) << rate;
  }
}

/// Mean of both e-values over every outcome of n pairs with these probabilities of both, candidate
/// only, baseline only.
PairedRate::LogE mean_e(const HarmSpec& harm, int n, double both, double candidate_only,
                        double baseline_only) {
  const PairedRate test(harm, 0);
  const double neither = 1.0 - both - candidate_only - baseline_only;
  double of_harm = 0.0, of_safety = 0.0;
  for (int i = 0; i <= n; ++i)
    for (int j = 0; i + j <= n; ++j)
      for (int k = 0; i + j + k <= n; ++k) {
        const int l = n - i - j - k;
        const double probability =
            std::exp(std::lgamma(n + 1.0) - std::lgamma(i + 1.0) - std::lgamma(j + 1.0) -
                     std::lgamma(k + 1.0) - std::lgamma(l + 1.0)) *
            std::pow(both, i) * std::pow(candidate_only, j) * std::pow(baseline_only, k) *
            std::pow(neither, l);
        const auto log_e = test.log_e({.both = static_cast<double>(i),
                                       .candidate_only = static_cast<double>(j),
                                       .baseline_only = static_cast<double>(k),
                                       .neither = static_cast<double>(l)});
        of_harm += probability * std::exp(log_e.harm);
        of_safety += probability * std::exp(log_e.safety);
      }
  return {.harm = of_harm, .safety = of_safety};
}

// By enumeration of all outcomes of 25 pairs: at the edge both means are 1, on the harmless side that of
// harm is below 1, on the harmful side that of safety, however often the arms agree.
TEST(PairedRate, HasAMeanOfOneAtTheEdgeOfHarm) {
  struct Row {
    HarmSpec harm;
    double both, candidate_only, baseline_only;
  };
  const Row at_edge[] = {
      {harm(Relation::ratio, 1.0), 0.05, 0.1, 0.1},
      {harm(Relation::ratio, 1.0), 0.6, 0.01, 0.01},
      {harm(Relation::ratio, 1.5), 0.1, 0.14, 0.06},
      {harm(Relation::ratio, 2.0), 0.0, 0.2, 0.1},
      {harm(Relation::difference, 0.05), 0.2, 0.1, 0.05},
      {harm(Relation::difference, -0.05, Direction::down), 0.5, 0.05, 0.1},
      {harm(Relation::ratio, 0.8, Direction::down), 0.4, 0.0, 0.1},
  };
  for (const Row& row : at_edge) {
    const auto mean = mean_e(row.harm, 25, row.both, row.candidate_only, row.baseline_only);
    EXPECT_NEAR(mean.harm, 1.0, 1e-9);
    EXPECT_NEAR(mean.safety, 1.0, 1e-9);
    const double less = row.harm.direction == Direction::up ? -0.005 : 0.005;
    const auto harmless =
        mean_e(row.harm, 25, row.both, std::max(0.0, row.candidate_only + less), row.baseline_only);
    EXPECT_LT(harmless.harm, 1.0);
    EXPECT_GT(harmless.safety, 1.0);
  }
}

// Without a margin the capital is the likelihood ratio of coins, in closed form.
TEST(PairedRate, WithoutAMarginTossesTheCoinsOfMcnemar) {
  const PairedRate test(harm(Relation::ratio, 1.0), 0);
  const auto log_e =
      test.log_e({.both = 1e6, .candidate_only = 30.0, .baseline_only = 12.0, .neither = 1e9});
  double mean = 0.0;
  for (int node = 0; node < 32; ++node) {
    const double p = 0.5 * (1.0 + 0.97 * std::pow(0.001 / 0.97, node / 31.0));
    mean += std::pow(2.0 * p, 30.0) * std::pow(2.0 * (1.0 - p), 12.0) / 32.0;
  }
  EXPECT_NEAR(log_e.harm, std::log(mean), 1e-9);
}

/// ln of the e-value behind a share of the evidence, at an error of 5%.
double log_e_of(double share) { return share * std::log(20.0); }

// scipy.integrate.quad over a half-normal prior of the drift of the pairs' standardised sum, the prior's
// variance by confseq's best_rho at 1,000 pairs; pairs drawn by numpy.
TEST(PairedMixture, EqualsTheIntegralOverItsPriorByScipy) {
  struct Row {
    std::uint64_t count;
    double sum_b, squares_b, sum_c, squares_c, products;
    double no_more, up_to_1_05;
  };
  for (const Row& row : {Row{150, 159.659, 212.269669, 178.881, 286.955283, 236.462577,
                             4.10561183704, 1.60055290192},
                         Row{800, 920.621, 1343.655475, 1031.667, 1807.609341, 1499.289749,
                             37.2526167367, 12.8299085565}}) {
    Samples told;
    told.paired = true;
    told.baseline = {row.count, row.sum_b, row.squares_b};
    told.candidate = {row.count, row.sum_c, row.squares_c};
    told.sum_of_products = row.products;
    for (const auto& [margin, log_e] : {std::pair{1.0, row.no_more}, {1.05, row.up_to_1_05}}) {
      GatePlayer player(gate("cost", harm(Relation::ratio, margin), "paired_mixture"));
      EXPECT_NEAR(log_e_of(player.look(told).harm), log_e, 1e-8) << row.count << ' ' << margin;
    }
  }
}

// The same of two ratios of means, whose difference has numpy's variances of a line in both numbers.
// scipy.integrate.quad; of the first the integral is below 1, which is no evidence.
TEST(RatioMixture, EqualsTheIntegralOverItsPriorByScipy) {
  const auto slower = [](const Samples& told) {
    GatePlayer player(gate("latency", harm(Relation::ratio, 1.05), "ratio_mixture",
                           {{"per", std::string("output_tokens")}}));
    return log_e_of(player.look(told).harm);
  };
  Samples little = samples({400, 1844.981, 18997.483487}, {300, 1793.099, 20198.532945});
  little.covariates = {.baseline = {84609.0, 34218163.0, 729787.088},
                       .candidate = {75889.0, 30735401.0, 736956.734}};
  Samples much = samples({2000, 9117.740, 86353.395368}, {500, 3345.132, 48534.101446});
  much.covariates = {.baseline = {426083.0, 171617087.0, 3584330.139},
                     .candidate = {134161.0, 69111355.0, 1716855.315}};
  EXPECT_NEAR(slower(much), 5.94291186539, 1e-8);
  EXPECT_NEAR(slower(little), 0.0, 1e-8);
}

// scipy: chi2_contingency without correction, halved; ttest_ind_from_stats of unequal variances, halved;
// binomtest. Limits of the difference of two rates from Wilson's of each (binomtest, 90%) by Newcombe's
// method 10.
TEST(AbTest, LooksAsScipyDoesAndIsEquivalentWithinNewcombesLimits) {
  const auto p_of_look = [](const char* metric, const HarmSpec& edge, const Samples& told) {
    GatePlayer player(gate(metric, edge, "ab_test"));
    return p_of(player.look(told).harm);
  };
  const HarmSpec no_more = harm(Relation::difference, 0.0);
  struct Rates {
    std::uint64_t events_b, n_b, events_c, n_c;
    double p, lower, upper;
  };
  for (const Rates& row :
       {Rates{40, 1000, 60, 1000, 0.0200869351443, 0.00394627763754, 0.0362992385663},
        Rates{43, 500, 44, 500, 0.455331172418, -0.0275676162181, 0.0315844400844},
        Rates{300, 2000, 350, 1900, 0.0020824034495, 0.0145619530088, 0.0538954585359}}) {
    const Samples told = samples(events(row.events_b, row.n_b), events(row.events_c, row.n_c));
    EXPECT_NEAR(p_of_look("error", no_more, told) / row.p, 1.0, 1e-8);
    if (row.lower > 0.0) continue;  // a winner, whatever is equivalent
    const double widest = std::max(-row.lower, row.upper);
    for (const double beyond : {-1e-9, 1e-9}) {
      GatePlayer player(gate("error", no_more, "ab_test", {{"min_effect", widest + beyond}}));
      player.hear(told);
      EXPECT_EQ(player.test().finding(player.slots(), player.budget()),
                beyond > 0.0 ? Finding::equivalent : Finding::inconclusive);
    }
  }
  EXPECT_NEAR(p_of_look("cost", no_more, samples(numbers(1.0, 0.5, 200), numbers(1.1, 0.6, 180))) /
                  0.0401431788942,
              1.0, 1e-8);
  EXPECT_NEAR(p_of_look("cost", no_more, samples(numbers(10, 3, 50), numbers(11.5, 4, 60))) /
                  0.0134334852037,
              1.0, 1e-8);
  const HarmSpec coins = harm(Relation::absolute, 0.5, Direction::down);
  const auto clicks = [](std::uint64_t credited, std::uint64_t all) {
    return samples({}, events(credited, all));
  };
  EXPECT_NEAR(p_of_look("preference", coins, clicks(40, 100)) / 0.0284439668205, 1.0, 1e-8);
  EXPECT_NEAR(p_of_look("preference", coins, clicks(460, 1000)) / 0.00622207313859, 1.0, 1e-8);
}

}  // namespace
}  // namespace gatewright::testing
