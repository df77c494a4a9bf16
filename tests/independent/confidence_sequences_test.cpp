// Confidence sequences for quantiles and distributions against the authors' software, and their
// promise put to the test.
//
// "confseq": software of Howard, Ramdas, McAuliffe, Sekhon (Annals of Statistics 49 (2021) 1055) and
// Howard, Ramdas (Bernoulli 28 (2022) 1704); test/uniform_boundaries_unittest.cpp at commit 89ecbfd,
// whose targets come from a reference implementation in R, to 1e-5.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "policies/gates/beta_binomial_mixture.h"
#include "policies/gates/incomplete_beta.h"
#include "policies/gates/kolmogorov.h"
#include "policies/gates/normal_mixture.h"
#include "policies/gates/quantile_sequence.h"
#include "policies/gates/uniform_boundaries.h"
#include "policies/histogram.h"
#include "tests/independent/exact.h"
#include "tests/independent/random_worlds.h"
#include "tests/unit/gates/gate_player.h"

namespace gatewright::testing {
namespace {

/// The s at which a rising function reaches `level`.
template <typename Function>
double boundary(const Function& log_e, double level, double most) {
  double low = 0.0, high = most;
  for (int i = 0; i < 100; ++i) {
    const double middle = 0.5 * (low + high);
    (log_e(middle) < level ? low : high) = middle;
  }
  return low;
}

TEST(ConfidenceSequences, StitchedBoundsReproduceConfseq) {
  EXPECT_NEAR(gates::poly_stitching_bound(100, {.v_min = 10, .c = 3, .alpha = 0.05}), 64.48755,
              1e-5);
  EXPECT_NEAR(gates::poly_stitching_bound(100, {.v_min = 10, .c = -1, .alpha = 0.05}), 28.99389,
              1e-5);
  EXPECT_NEAR(gates::double_stitching_bound({0.5, 1000}, {.t_opt = 100}), 68.62803, 1e-5);
  EXPECT_NEAR(gates::double_stitching_bound({0.9, 1000}, {.t_opt = 100}), 43.72119, 1e-5);
  EXPECT_NEAR(gates::double_stitching_bound({0.1, 1000}, {.t_opt = 100}), 59.96521, 1e-5);
}

TEST(ConfidenceSequences, AnytimeBandsReproduceConfseqAndThePapersConstants) {
  EXPECT_NEAR(gates::distribution_band({.samples = 1000, .from = 100}, gates::band_constant(0.05)),
              0.08204769, 1e-7);
  // C at A = .85, from confseq's find_optimal_C.
  EXPECT_NEAR(gates::band_constant(0.05), 8.1227, 5e-5);
  EXPECT_NEAR(gates::band_constant(0.025), 8.6226, 5e-5);
  EXPECT_NEAR(gates::band_constant(0.01), 9.2835, 5e-5);
  for (const double error : {0.5, 0.05, 1e-3, 1e-10, 1e-100, 1e-300})
    EXPECT_NEAR(gates::log_band_error(gates::band_constant(error)), std::log(error), 1e-6) << error;
}

/// Mixtures of gamma priors (section 3.2 of the 2021 paper) by the incomplete gamma functions that
/// the gates use; c = 2, tuned for v = 100 at alpha = 5%.
struct GammaMixture {
  double c = 2.0;
  double rho = one_sided_normal_rho(100, 0.05);

  [[nodiscard]] double exponential(double s, double v) const {
    const double r = rho / (c * c), w = (v + rho) / (c * c), x = (c * s + v) / (c * c);
    return r * std::log(r) - std::lgamma(r) - gates::log_gamma_below(r, r) + std::lgamma(w) +
           gates::log_gamma_below(w, x + r) - w * std::log(x + r) + x;
  }
  [[nodiscard]] double poisson(double s, double v) const {
    const double r = rho / (c * c), w = (v + rho) / (c * c), x = s / c + w;
    return r * std::log(r) - std::lgamma(r) - gates::log_gamma_above(r, r) + std::lgamma(x) +
           gates::log_gamma_above(x, w) - x * std::log(w) + v / (c * c);
  }
};

TEST(ConfidenceSequences, GammaMixturesReproduceConfseq) {
  const GammaMixture mixture;
  const double level = std::log(1.0 / 0.05);
  EXPECT_NEAR(mixture.exponential(10, 100), -0.2490165, 1e-6);
  EXPECT_NEAR(boundary([&](double s) { return mixture.exponential(s, 100); }, level, 99), 33.02017,
              1e-5);
  EXPECT_NEAR(mixture.poisson(10, 100), -0.06991219, 1e-6);
  EXPECT_NEAR(boundary([&](double s) { return mixture.poisson(s, 100); }, level, 99), 30.1949,
              1e-4);
}

/// Both sides of a beta-binomial mixture, weighted with the prior's mass on each.
class TwoSidedBetaMixture {
 public:
  TwoSidedBetaMixture(double p, double t_opt)
      : above_(p, BetaMixture::Side::above, tuning(p, t_opt)),
        below_(p, BetaMixture::Side::below, tuning(p, t_opt)) {
    const double e = p * (1.0 - p);
    const double r = std::max(one_sided_normal_rho(t_opt * e, 0.025) - e, 1e-3 * e);
    mass_below_ = std::exp(gates::log_beta_cdf({.a = r / (1.0 - p), .b = r / p, .x = p}));
  }
  [[nodiscard]] double log_e(double events, double of) const {
    return std::log((1.0 - mass_below_) * std::exp(above_.log_e(events, of - events)) +
                    mass_below_ * std::exp(below_.log_e(events, of - events)));
  }

 private:
  static BetaMixture::Tuning tuning(double p, double t_opt) {
    return {.v_opt = t_opt * p * (1.0 - p), .alpha_opt = 0.025};
  }
  BetaMixture above_, below_;
  double mass_below_ = 0.0;
};

// Arms of 1,000 values 1, 2, ... and offset + 1, offset + 2, ...; tuned for 100 samples.
double quantile_ab_p_value(double p, int offset) {
  const TwoSidedBetaMixture mixture(p, 100);
  // Between two values an arm's share below may be anything between: its least e-value lies at the
  // minimum of the mixture, which is reached within the sample.
  double least = 0.0;
  {
    double low = 0.0, high = 1000.0;
    for (int i = 0; i < 200; ++i) {
      const double a = low + (high - low) / 3.0, b = high - (high - low) / 3.0;
      (mixture.log_e(a, 1000) < mixture.log_e(b, 1000) ? high : low) =
          mixture.log_e(a, 1000) < mixture.log_e(b, 1000) ? b : a;
    }
    least = low;
  }
  const auto arm = [&](double x, double first) {
    const double up_to = std::clamp(std::floor(x - first) + 1.0, 0.0, 1000.0);
    const double under = std::clamp(std::ceil(x - first), 0.0, 1000.0);
    return mixture.log_e(up_to < least ? up_to : under > least ? under : least, 1000);
  };
  double minimum = 1e9;
  for (double x = 0.0; x <= 1200.0; x += 0.5)
    minimum = std::min(minimum, arm(x, 1.0) + arm(x, 1.0 + offset));
  return std::min(1.0, std::exp(-minimum));
}

TEST(ConfidenceSequences, QuantileComparisonReproducesConfseq) {
  EXPECT_NEAR(quantile_ab_p_value(0.5, 70), 0.814704, 1e-5);
  EXPECT_NEAR(quantile_ab_p_value(0.5, 85), 0.0838055, 1e-5);
  EXPECT_NEAR(quantile_ab_p_value(0.5, 100), 0.0054947, 1e-5);
  EXPECT_NEAR(quantile_ab_p_value(0.9, 55), 0.0340463, 1e-5);
}

/// The p at which the e-value of `events` of `of` reaches 20.
double bernoulli_limit(double events, double of, double t_opt, bool upper) {
  double inside = events / of, outside = upper ? 1.0 : 0.0;
  for (int i = 0; i < 100; ++i) {
    const double p = 0.5 * (inside + outside);
    (TwoSidedBetaMixture(p, t_opt).log_e(events, of) < std::log(20.0) ? inside : outside) = p;
  }
  return inside;
}

TEST(ConfidenceSequences, BernoulliIntervalsReproduceConfseq) {
  struct Case {
    double events, of, t_opt, lower, upper;
  };
  for (const Case& c :
       {Case{700, 1000, 100, 0.651629, 0.745949}, Case{15, 50, 50, 0.129556, 0.511896},
        Case{5, 50, 50, 0.013021, 0.269264}, Case{100, 200, 1, 0.328923, 0.671076}}) {
    EXPECT_NEAR(bernoulli_limit(c.events, c.of, c.t_opt, false), c.lower, 2e-6) << c.events;
    EXPECT_NEAR(bernoulli_limit(c.events, c.of, c.t_opt, true), c.upper, 2e-6) << c.events;
  }
}

// ------------------------------------------------------------------------- the gate tests themselves

HistogramView view_of(Histogram& histogram, const std::vector<double>& values) {
  histogram.clear();
  for (const double value : values) histogram.add(value);
  return histogram.view();
}

/// ln e of harm straight from the values, place by place, for values that are bins' lower ends.
double brute_force_log_e(const std::vector<double>& candidate, const std::vector<double>& baseline,
                         double p, double t_opt, double ratio) {
  const double v = t_opt * p * (1.0 - p);
  const BetaMixture few(p, BetaMixture::Side::below, {.v_opt = v});
  const BetaMixture many(p, BetaMixture::Side::above, {.v_opt = v});
  double least = 1e300;
  std::vector<double> places = baseline;
  for (const double value : candidate) places.push_back(value / ratio);
  places.push_back(0.0);
  for (const double x : places) {
    const auto up_to = static_cast<double>(
        std::ranges::count_if(candidate, [&](double value) { return value <= ratio * x; }));
    const auto under = static_cast<double>(
        std::ranges::count_if(baseline, [&](double value) { return value < x; }));
    least = std::min(least, few.log_e(up_to, static_cast<double>(candidate.size()) - up_to) +
                                many.log_e(under, static_cast<double>(baseline.size()) - under));
  }
  return least;
}

// At ratios that are powers of two the edge maps bins to bins, so the grid costs nothing.
TEST(ConfidenceSequences, TheLeastProductIsThatOfEveryPlace) {
  Random random(31, 0);
  for (const double p : {0.5, 0.9, 0.99})
    for (const double ratio : {1.0, 2.0})
      for (const double shift : {0.5, 1.0, 1.7, 2.5}) {
        std::vector<double> candidate, baseline;
        const auto on_grid = [](double value) {
          return HistogramGrid::lower(HistogramGrid::bin(value));
        };
        for (int i = 0; i < 700; ++i) {
          baseline.push_back(on_grid(std::exp(0.5 * random.normal())));
          candidate.push_back(on_grid(shift * std::exp(0.5 * random.normal())));
        }
        const QuantileSequence gate(quantile_harm(p, Relation::ratio, ratio),
                                    {.tightest_at = 500.0});
        std::vector<double> slots(gate.slots(), 0.0);
        Histogram of_candidate, of_baseline;
        Observation observation;
        observation.event = Distributions{.baseline = view_of(of_baseline, baseline),
                                          .candidate = view_of(of_candidate, candidate)};
        gate.update(slots, observation);
        const double exact = brute_force_log_e(candidate, baseline, p, 500.0, ratio);
        // From below by the search's tolerance, never from above.
        EXPECT_LE(gate.log_e(slots).harm, exact + 1e-9) << p << ' ' << ratio << ' ' << shift;
        EXPECT_GE(gate.log_e(slots).harm, exact - 2.1e-3) << p << ' ' << ratio << ' ' << shift;
      }
}

// Whatever the values are within their bins, the gate's evidence is at most what the values say, and
// at least what they say at a ratio two bins (1.6%) harsher.
TEST(ConfidenceSequences, TheGridNeverHelpsAndCostsLittle) {
  Random random(32, 0);
  for (const double p : {0.5, 0.95, 0.99})
    for (const double ratio : {0.9, 1.1, 1.5})
      for (int world = 0; world < 4; ++world) {
        std::vector<double> candidate, baseline;
        for (int i = 0; i < 900; ++i) {
          baseline.push_back(std::exp(0.6 * random.normal()));
          candidate.push_back((1.0 + 0.5 * world) * std::exp(0.6 * random.normal()));
        }
        const QuantileSequence gate(quantile_harm(p, Relation::ratio, ratio),
                                    {.tightest_at = 500.0});
        std::vector<double> slots(gate.slots(), 0.0);
        Histogram of_candidate, of_baseline;
        Observation observation;
        observation.event = Distributions{.baseline = view_of(of_baseline, baseline),
                                          .candidate = view_of(of_candidate, candidate)};
        gate.update(slots, observation);
        const double on_grid = gate.log_e(slots).harm;
        EXPECT_LE(on_grid, brute_force_log_e(candidate, baseline, p, 500.0, ratio) + 1e-9);
        EXPECT_GE(on_grid,
                  brute_force_log_e(candidate, baseline, p, 500.0, ratio * 1.016) - 2.1e-3);
      }
}

// Claim: looked at 60 times, the gate errs with probability at most 5% at the edge of harm. 250
// rollouts of each kind; the lower limit of the 99% Clopper-Pearson interval is below 5%.
TEST(ConfidenceSequences, GatesKeepTheirBudgetAtTheEdge) {
  struct World {
    const char* what;
    GateSpec spec;
    double shift;  ///< of the candidate's log values
    bool is_harm;
  };
  const double margin = std::log(1.5);
  const World worlds[] = {
      {"p99 at the edge",
       gate("latency", quantile_harm(0.99, Relation::ratio, 1.5), "quantile_sequence"), margin,
       true},
      {"p50 at the edge",
       gate("latency", quantile_harm(0.5, Relation::ratio, 1.5), "quantile_sequence",
            {{"tightest_at", 200.0}}),
       margin, true},
      {"p50, safety at the edge",
       gate("latency", quantile_harm(0.5, Relation::ratio, 1.5), "quantile_sequence",
            {{"tightest_at", 200.0}}),
       margin, false},
      {"dkw, equal arms", gate("latency", shift_harm(0.0), "dkw_sequence"), 0.0, true},
  };
  for (const World& world : worlds) {
    GatePlayer player(world.spec);
    std::uint64_t decided = 0;
    Histogram candidate, baseline;
    constexpr std::uint64_t kRollouts = 250;
    for (std::uint64_t rollout = 0; rollout < kRollouts; ++rollout) {
      Random random(33, rollout);
      player.forget();
      for (int look = 0; look < 60; ++look) {
        candidate.clear();
        baseline.clear();
        for (int i = 0; i < 20; ++i) {
          candidate.add(std::exp(world.shift + 0.5 * random.normal()));
          baseline.add(std::exp(0.5 * random.normal()));
        }
        const Evidence evidence =
            player.look(Distributions{.baseline = baseline.view(), .candidate = candidate.view()});
        if ((world.is_harm ? evidence.harm : evidence.safety) < 1.0) continue;
        ++decided;
        break;
      }
    }
    const Interval interval = clopper_pearson(decided, kRollouts, 0.99);
    std::printf("%s: %.4f of rollouts, 99%% within [%.4f, %.4f]\n", world.what,
                static_cast<double>(decided) / static_cast<double>(kRollouts), interval.lower,
                interval.upper);
    EXPECT_LT(interval.lower, 0.05) << world.what;
  }
}

// The e-value of one arm against a level is exact: its mean over all outcomes is 1 at the edge, and
// below 1 on the harmless side.
TEST(ConfidenceSequences, TheMeanEValueOfALevelIsOneAtTheEdgeByEnumeration) {
  constexpr std::uint64_t kCount = 400;
  const double n = kCount;
  for (const double p : {0.5, 0.95, 0.99})
    for (const double true_share : {p, p + 0.005}) {
      const QuantileSequence gate(quantile_harm(p, Relation::absolute, 1.0),
                                  {.tightest_at = 300.0});
      double mean = 0.0;
      for (std::uint64_t up_to = 0; up_to <= kCount; ++up_to) {
        std::vector<double> slots(gate.slots(), 0.0);
        Histogram candidate;
        if (up_to > 0) candidate.add(0.5, up_to);
        if (up_to < kCount) candidate.add(2.0, kCount - up_to);
        Observation observation;
        observation.event = Distributions{.baseline = {}, .candidate = candidate.view()};
        gate.update(slots, observation);
        // Most of the mean lies where outcomes are less likely than 1e-18.
        const auto k = static_cast<double>(up_to);
        mean += std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) +
                         k * std::log(true_share) + (n - k) * std::log1p(-true_share) +
                         gate.log_e(slots).harm);
      }
      std::printf("p%g, %g of the values up to the level: mean e-value %.9f\n", 100 * p, true_share,
                  mean);
      if (true_share == p) {
        EXPECT_NEAR(mean, 1.0, 1e-9);
      } else {
        EXPECT_LT(mean, 1.0);
      }
    }
}

// A thousand samples per arm: two bands from the first sample on are .1758 apart (computed from
// confseq), 2.9 times the .0607 of one test of Kolmogorov and Smirnov.
TEST(ConfidenceSequences, TwoBandsAreAsWideAsTheirSourceSays) {
  const auto width_from = [](double from) {
    return 2.0 *
           gates::distribution_band({.samples = 1000, .from = from}, gates::band_constant(0.025));
  };
  EXPECT_NEAR(width_from(1), 0.1758, 5e-5);
  EXPECT_NEAR(gates::kolmogorov_quantile_above(0.05) * std::sqrt(2.0 / 1000.0), 0.0607, 5e-5);
  const double width = width_from(100);
  GatePlayer player(gate("latency", shift_harm(0.0), "dkw_sequence"));
  Histogram candidate, baseline;
  for (int i = 0; i < 1000; ++i) baseline.add(1.0 + i);
  // Moved up by as many ranks as the bands are wide, and a little less.
  for (const bool decides : {true, false}) {
    candidate.clear();
    player.forget();
    const int moved = static_cast<int>(1000 * width) + (decides ? 2 : -2);
    for (int i = 0; i < 1000; ++i) candidate.add(i < moved ? 5000.0 : 1.0 + i);
    const Evidence evidence =
        player.look(Distributions{.baseline = baseline.view(), .candidate = candidate.view()});
    EXPECT_EQ(evidence.harm >= 1.0, decides) << evidence.harm;
  }
}

}  // namespace
}  // namespace gatewright::testing
