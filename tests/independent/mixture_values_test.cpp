// Mixtures against the numbers of other programs and against numerical integration.
//
// "confseq" is the authors' software for Howard, Ramdas, McAuliffe, Sekhon, Annals of Statistics 49
// (2021) 1055; its unit tests (uniform_boundaries_unittest.cpp) hold values of a reference
// implementation in R, to 1e-5.
#include <cmath>
#include <cstdio>
#include <numbers>

#include <gtest/gtest.h>
#include <boost/math/quadrature/exp_sinh.hpp>
#include <boost/math/quadrature/gauss_kronrod.hpp>
#include <boost/math/special_functions/beta.hpp>
#include <boost/math/special_functions/gamma.hpp>

#include "policies/gates/beta_binomial_mixture.h"
#include "policies/gates/normal_mixture.h"
#include "tests/independent/exact.h"
#include "tests/unit/gates/gate_player.h"

namespace gatewright::testing {
namespace {

/// The s at which a rising function reaches `level`.
template <typename Function>
double boundary(const Function& log_e, double level, double most) {
  double low = 0.0, high = most;
  for (int i = 0; i < 200; ++i) {
    const double middle = 0.5 * (low + high);
    (log_e(middle) < level ? low : high) = middle;
  }
  return low;
}

/// A two-sided normal mixture is the mean of the two one-sided ones.
double two_sided_normal(double s, double v, double rho) {
  return std::log(0.5 * std::exp(log_one_sided_normal_mixture(s, v, rho)) +
                  0.5 * std::exp(log_one_sided_normal_mixture(-s, v, rho)));
}

TEST(MixtureValues, NormalMixtureReproducesConfseq) {
  const double level = std::log(1.0 / 0.05);
  const double two_sided_rho = one_sided_normal_rho(100, 0.05 / 2);
  EXPECT_NEAR(two_sided_rho, 12.60056, 1e-5);
  EXPECT_NEAR(two_sided_normal(10, 100, two_sided_rho), -0.6510052, 1e-6);
  EXPECT_NEAR(
      boundary([&](double s) { return two_sided_normal(s, 100, two_sided_rho); }, level, 99),
      30.35209, 1e-5);
  const double rho = one_sided_normal_rho(100, 0.05);
  EXPECT_NEAR(log_one_sided_normal_mixture(10, 100, rho), -0.06502391, 1e-6);
  EXPECT_NEAR(
      boundary([&](double s) { return log_one_sided_normal_mixture(s, 100, rho); }, level, 99),
      27.66071, 1e-5);
}

// Coins with edge .2 after v / (.2 * .8) = 625 tosses; s is the number of events above 125.
TEST(MixtureValues, BetaBinomialMixtureReproducesConfseq) {
  const double level = std::log(1.0 / 0.05), tosses = 625.0, expected = 125.0;
  const BetaMixture mixture(0.2, BetaMixture::Side::above, {.v_opt = 100.0, .alpha_opt = 0.05});
  const auto one_sided = [&](double s) {
    return mixture.log_e(expected + s, tosses - expected - s);
  };
  EXPECT_NEAR(one_sided(10), -0.07134019, 1e-6);
  EXPECT_NEAR(boundary(one_sided, level, 400), 28.41238, 1e-5);

  // Two-sided: both sides, weighted with the prior's mass on each.
  const BetaMixture::Tuning tuning{.v_opt = 100.0, .alpha_opt = 0.05 / 2};
  const BetaMixture above(0.2, BetaMixture::Side::above, tuning);
  const BetaMixture below(0.2, BetaMixture::Side::below, tuning);
  const double r = 12.60056 - 0.2 * 0.8;
  const double mass_below = boost::math::ibeta(r / 0.8, r / 0.2, 0.2);
  const auto two_sided = [&](double s) {
    const double k = expected + s, f = tosses - k;
    return std::log((1.0 - mass_below) * std::exp(above.log_e(k, f)) +
                    mass_below * std::exp(below.log_e(k, f)));
  };
  EXPECT_NEAR(two_sided(10), -0.6941012, 1e-6);
  EXPECT_NEAR(boundary(two_sided, level, 400), 31.4308, 1e-5);
}

// The mixture is by definition the integral of exp(lambda s - lambda^2 v / 2) over lambda > 0 with
// the half-normal density of variance 1 / rho.
TEST(MixtureValues, NormalMixtureEqualsItsIntegral) {
  boost::math::quadrature::exp_sinh<double> integrator;
  for (const double v : {1.0, 30.0, 1e3, 1e6})
    for (const double z : {-20.0, -3.0, -0.5, 0.0, 0.5, 2.0, 4.0, 8.0})
      for (const double rho : {0.1, 12.6, 500.0}) {
        const double s = z * std::sqrt(v);
        const double integral = integrator.integrate([&](double lambda) {
          return std::sqrt(2.0 * rho / std::numbers::pi) *
                 std::exp(lambda * s - 0.5 * lambda * lambda * (v + rho));
        });
        EXPECT_NEAR(log_one_sided_normal_mixture(s, v, rho), std::log(integral), 1e-9)
            << s << ' ' << v << ' ' << rho;
      }
}

// The mixture is by definition the mean of (p/e)^k ((1-p)/(1-e))^f over the restricted Beta prior.
TEST(MixtureValues, BetaMixtureEqualsItsIntegral) {
  using Integrator = boost::math::quadrature::gauss_kronrod<double, 61>;
  for (const double edge : {0.01, 0.2, 0.5})
    for (const double n : {1.0, 20.0, 400.0})
      for (const double rate : {0.0, 0.5 * edge, edge, 1.5 * edge, 1.0}) {
        const double k = std::floor(n * rate), f = n - k;
        const double v_opt = 40.0 * edge * (1.0 - edge);
        const double rho = one_sided_normal_rho(v_opt, 0.05);
        const double r = std::max(rho - edge * (1 - edge), 1e-3 * edge * (1 - edge));
        const double a = r / (1 - edge), b = r / edge;
        const auto density = [&](double p) {
          return std::exp((a - 1) * std::log(p) + (b - 1) * std::log1p(-p));
        };
        const BetaMixture above(edge, BetaMixture::Side::above, {.v_opt = v_opt});
        const double log_e = above.log_e(k, f);
        const auto share_of_e = [&](double p) {
          return density(p) *
                 std::exp(k * std::log(p / edge) + f * std::log((1 - p) / (1 - edge)) - log_e);
        };
        const double quotient = Integrator::integrate(share_of_e, edge, 1.0, 15, 1e-12) /
                                Integrator::integrate(density, edge, 1.0, 15, 1e-12);
        EXPECT_NEAR(quotient, 1.0, 1e-8) << edge << ' ' << n << ' ' << k;
      }
}

// The same by Boost's gamma and incomplete beta functions, on both sides.
TEST(MixtureValues, BetaMixtureEqualsBoostsBetaFunctions) {
  const auto log_beta = [](double a, double b) {
    return boost::math::lgamma(a) + boost::math::lgamma(b) - boost::math::lgamma(a + b);
  };
  for (const double edge : {0.01, 0.2, 0.5, 0.9})
    for (const double n : {1.0, 10.0, 100.0, 3000.0})
      for (const double z : {-5.0, -2.0, -0.5, 0.0, 0.5, 2.0, 6.0}) {
        const double k = std::round(n * edge + z * std::sqrt(n * edge * (1.0 - edge)));
        if (k < 0.0 || k > n) continue;
        const double v_opt = 50.0 * (1.0 - edge);
        const double r = std::max(one_sided_normal_rho(v_opt, 0.05) - edge * (1.0 - edge),
                                  1e-3 * edge * (1.0 - edge));
        const double a = r / (1.0 - edge), b = r / edge;
        const double both = log_beta(a + k, b + n - k) - log_beta(a, b) - k * std::log(edge) -
                            (n - k) * std::log1p(-edge);
        const double above =
            boost::math::ibetac(a + k, b + n - k, edge) / boost::math::ibetac(a, b, edge);
        const double below =
            boost::math::ibeta(a + k, b + n - k, edge) / boost::math::ibeta(a, b, edge);
        using Side = BetaMixture::Side;
        EXPECT_NEAR(BetaMixture(edge, Side::above, {.v_opt = v_opt}).log_e(k, n - k),
                    both + std::log(above), 1e-9);
        EXPECT_NEAR(BetaMixture(edge, Side::below, {.v_opt = v_opt}).log_e(k, n - k),
                    both + std::log(below), 1e-9);
      }
}

// With equal arms the nodes stand for the Beta prior of the closed form, event by event: within 10%
// of the e-value as long as it matters.
TEST(MixtureValues, NodesAreCloseToTheClosedFormInBalancedAllocation) {
  const BetaBinomialMixture gate(harm(Relation::ratio, 1.0), {.tightest_at = 50.0});
  const BetaMixture closed(0.5, BetaMixture::Side::above, {.v_opt = 12.5});
  Observation observation;
  double worst = 0.0;
  for (std::uint64_t total = 1; total <= 300; ++total)
    for (std::uint64_t k = total / 2; k <= total; ++k) {
      const double exact = closed.log_e(static_cast<double>(k), static_cast<double>(total - k));
      if (exact > std::log(500.0)) break;  // decided at any budget above 0.2%
      std::vector<double> slots(gate.slots(), 0.0);
      observation.event = samples(events(total - k, 100'000), events(k, 100'000));
      gate.update(slots, observation);
      worst = std::max(worst, std::abs(gate.log_e(slots).harm - exact));
    }
  std::printf("nodes against closed form: ln e differs by at most %.4f\n", worst);
  EXPECT_LT(worst, 0.1);
}

TEST(MixtureValues, LargeCountsKeepTheirPrecision) {
  // At an event rate exactly at the edge the closed form tends to a known slope: between n and 100
  // n ln e falls by ln(10), whatever n (its boundary grows like sqrt(n ln n)).
  for (const double edge : {1e-6, 0.01, 0.5}) {
    const BetaMixture mixture(edge, BetaMixture::Side::above, {.v_opt = 25.0});
    const auto at = [&](double n) { return mixture.log_e(n * edge, n * (1.0 - edge)); };
    EXPECT_NEAR(at(1e10 / edge * 1e-2) - at(1e10 / edge), std::log(10.0), 1e-3) << edge;
  }
  const double rho = one_sided_normal_rho(500, 0.05);
  EXPECT_NEAR(log_one_sided_normal_mixture(0, 1e12, rho), 0.5 * std::log(rho / 1e12), 1e-9);
  EXPECT_NEAR(log_one_sided_normal_mixture(5e12, 1e12, rho) / 12.5e12, 1.0, 1e-9);
  EXPECT_TRUE(std::isfinite(log_one_sided_normal_mixture(-1e15, 1.0, rho)));
}

}  // namespace
}  // namespace gatewright::testing
