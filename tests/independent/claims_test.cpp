// Numbers that guides to canary rollouts state and that are wrong, beside the right ones
// (docs/methods/claims.md). Right means: by the gates themselves, and by another program.
#include <algorithm>
#include <cmath>
#include <cstdint>

#include <gtest/gtest.h>
#include <boost/math/distributions/hypergeometric.hpp>

#include "policies/gates/numerics.h"
#include "sim/noise/prompt_noise.h"
#include "sim/streams.h"
#include "tests/independent/exact.h"
#include "tests/support/moments.h"
#include "tests/unit/gates/gate_player.h"

namespace gatewright::testing {
namespace {

// --- p-values ----------------------------------------------------------------------------------

struct Comparison {
  std::uint64_t baseline, candidate, count;  ///< good answers of so many, per arm
};

/// Two-sided, of the pooled z test: twice the p-value that the gate's evidence stands for.
double pooled_z_p(const Comparison& seen) {
  GatePlayer player(gate("error", harm(Relation::difference, 0.0), "two_proportion_z"));
  const Evidence said =
      player.look(events(seen.baseline, seen.count), events(seen.candidate, seen.count));
  return std::exp(said.harm * std::log(2.0 * 0.05));
}

/// Fisher's exact test, two-sided: all tables that are no likelier than the one seen.
double fisher_p(const Comparison& seen) {
  const auto good = static_cast<unsigned>(seen.baseline + seen.candidate);
  const auto count = static_cast<unsigned>(seen.count);
  const boost::math::hypergeometric_distribution<double> law(good, count, 2 * count);
  const double likely = boost::math::pdf(law, static_cast<unsigned>(seen.candidate));
  double p = 0.0;
  for (unsigned k = good > count ? good - count : 0; k <= std::min(good, count); ++k)
    if (const double each = boost::math::pdf(law, k); each <= likely * (1.0 + 1e-7)) p += each;
  return p;
}

// R 4.2.2: prop.test(c(43, 44), c(50, 50), correct = FALSE), and fisher.test and prop.test with
// Yates's correction, both 1.
TEST(Claims, FortyFourOfFiftyAgainstFortyThreeHasAPValueOf77NotOf72Percent) {
  const Comparison seen{.baseline = 43, .candidate = 44, .count = 50};
  EXPECT_NEAR(pooled_z_p(seen), 0.766198917921233, 1e-12);
  EXPECT_NEAR(fisher_p(seen), 1.0, 1e-12);
  EXPECT_GT(std::abs(pooled_z_p(seen) - 0.72), 0.04) << "no rounding of it";
}

// R 4.2.2: prop.test(c(17, 18), c(20, 20), correct = FALSE); fisher.test: 1.
TEST(Claims, EighteenOfTwentyAgainstSeventeenHasAPValueOf63NotOf64Percent) {
  const Comparison seen{.baseline = 17, .candidate = 18, .count = 20};
  EXPECT_NEAR(pooled_z_p(seen), 0.632585121696042, 1e-12);
  EXPECT_NEAR(fisher_p(seen), 1.0, 1e-12);
  EXPECT_EQ(std::lround(100.0 * pooled_z_p(seen)), 63);
}

// --- sample sizes ------------------------------------------------------------------------------

/// Requests per arm at which a two-sided z test of 5% finds an effect of d with 80%.
double needed_per_arm(double d) {
  const double z = gates::normal_quantile_above(0.025);
  const auto power = [&](double n) {
    const double shift = d * std::sqrt(0.5 * n);
    return std::exp(gates::log_normal_tail(z - shift)) +
           std::exp(gates::log_normal_tail(z + shift));
  };
  double below = 2.0, above = 1e6;
  for (int step = 0; step < 200; ++step) {
    const double middle = 0.5 * (below + above);
    (power(middle) < 0.8 ? below : above) = middle;
  }
  return 0.5 * (below + above);
}

/// The same effect as a difference of rates (Cohen's h from 50%), and the gate as the judge: the
/// probability that it finds one, by enumeration of all outcomes.
double power_of_gate(std::uint64_t per_arm, double h) {
  GatePlayer player(gate("error", harm(Relation::difference, 0.0), "two_proportion_z",
                         {{"looks", 1.0}, {"sides", std::string("two")}}));
  const double p_c = std::pow(std::sin(std::asin(std::sqrt(0.5)) + 0.5 * h), 2);
  return mean_over(
      binomial_law(per_arm, 0.5), binomial_law(per_arm, p_c),
      [&](std::uint64_t baseline, std::uint64_t candidate) {
        player.forget();
        return player.look(events(baseline, per_arm), events(candidate, per_arm)).harm >= 1.0;
      });
}

// Sizes: R 4.2.2, uniroot of pnorm; equal to zt_ind_solve_power of statsmodels. Powers: the same
// enumeration in R, to its last printed digit.
TEST(Claims, AnEffectOfAFifthTakes393RequestsPerArmNot3100) {
  EXPECT_NEAR(needed_per_arm(0.2), 392.443025466, 1e-6);
  EXPECT_NEAR(power_of_gate(393, 0.2), 0.797364973824, 1e-11);
  // 3,100 in all would be near certain; it is what half the effect takes.
  EXPECT_NEAR(power_of_gate(1550, 0.2), 0.999842809181, 1e-11);
  EXPECT_NEAR(2.0 * needed_per_arm(0.1), 3139.544, 1e-3);
}

TEST(Claims, AnEffectOfAThirdTakes142RequestsPerArmNot708) {
  EXPECT_NEAR(needed_per_arm(0.333), 141.562472451, 1e-6);
  EXPECT_NEAR(power_of_gate(142, 0.333), 0.796444806497, 1e-11);
  // 708 per arm find less than half of it, and 708 in all less than two thirds, with that power.
  EXPECT_NEAR(power_of_gate(708, 0.149), 0.804555981001, 1e-11);
  EXPECT_NEAR(power_of_gate(354, 0.211), 0.805883749609, 1e-11);
}

// --- noise between runs ------------------------------------------------------------------------

/// Spread of the accuracy of runs over so many prompts around the prompts' own mean, where ten runs
/// show a share `seen` of them to flip; from 2,000 pairs of runs.
double spread_between_runs(int prompts, double seen) {
  sim::Stream stream({17, 0, "test.claims", static_cast<std::uint64_t>(prompts)});
  const double flipping = seen / sim::kMostSeenToFlip;
  Moments difference;
  for (int pair = 0; pair < 2'000; ++pair) {
    int sum = 0;
    for (int prompt = 0; prompt < prompts; ++prompt) {
      if (stream.uniform() >= flipping) continue;
      const double first = stream.uniform();
      sum += (first < 0.5 ? 1 : 0) - (sim::second_run(first, stream.uniform()) < 0.5 ? 1 : 0);
    }
    difference.add(static_cast<double>(sum) / prompts);
  }
  return difference.sd() / std::sqrt(2.0);
}

// Published: runs of one model over 30% of flipping prompts differ by +-7 points (two sigma, 48
// prompts: sqrt(0.2037 x 30% / 48) is 3.57 points). That it does not average out is read into it:
// with a hundred times the prompts a tenth is left. At 4.5 standard errors of a spread from 2,000
// pairs, seeds fixed.
TEST(Claims, SevenPointsBetweenRunsAverageOutOverPrompts) {
  const double error = 4.5 / std::sqrt(2.0 * 2'000.0);
  EXPECT_NEAR(spread_between_runs(48, 0.3) / 0.0357, 1.0, error);
  EXPECT_NEAR(spread_between_runs(4'800, 0.3) / 0.00357, 1.0, error);
}

}  // namespace
}  // namespace gatewright::testing
