// Continued fractions and series of the incomplete beta and gamma functions, and Student's t.
// Used by the gate tests.
// Never throws, never allocates, never uses long double.
#include "policies/gates/incomplete_beta.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "policies/gates/numerics.h"

namespace gatewright::gates {
namespace {

/// From 0 to x, for x below about the mean: DLMF 8.17.22 by Lentz's method (Thompson and Barnett,
/// Journal of Computational Physics 64 (1986) 490). Ten terms or so far from the mean, and at the
/// mean some root of the counts: 30,000 terms after 1e12 tosses of a fair coin.
double log_mass_below_by_fraction(const BetaPlace& at) noexcept {
  constexpr int kTermsMax = 100'000;
  constexpr double kTiny = 1e-300, kPrecision = 1e-15;
  const double a = at.a, b = at.b, x = at.x;
  const auto away_from_0 = [](double value) { return std::abs(value) < kTiny ? kTiny : value; };
  double c = 1.0;
  double d = 1.0 / away_from_0(1.0 - (a + b) * x / (a + 1.0));
  double fraction = d;
  for (int m = 1; m <= kTermsMax; ++m) {
    const double twice = 2.0 * m;
    const double even = m * (b - m) / (a + twice - 1.0) * (x / (a + twice));
    d = 1.0 / away_from_0(1.0 + even * d);
    c = away_from_0(1.0 + even / c);
    fraction *= d * c;
    const double odd = -(a + m) / (a + twice) * ((a + b + m) * x / (a + twice + 1.0));
    d = 1.0 / away_from_0(1.0 + odd * d);
    c = away_from_0(1.0 + odd / c);
    fraction *= d * c;
    if (std::abs(d * c - 1.0) < kPrecision) break;
  }
  return std::log(fraction / a);
}

/// Hill, "Algorithm 395: Student's t-distribution", CACM 13 (1970) 617: the normal deviate of the same
/// tail. Its error falls with the fourth power of the degrees of freedom.
double normal_deviate_of_student(double t, double degrees) noexcept {
  const double a = degrees - 0.5;
  const double b = 48.0 * a * a;
  const double y = a * std::log1p(t / degrees * t);
  return (((((-0.4 * y - 3.3) * y - 24.0) * y - 85.5) / (0.8 * y * y + 100.0 + b) + y + 3.0) / b +
          1.0) *
         std::sqrt(y);
}

/// ln of e^-x x^shape / Gamma(shape + 1), by deviance.
double log_gamma_prefix(double shape, double x) noexcept {
  return -deviance_part(shape, x) - 0.5 * std::log(2.0 * std::numbers::pi * shape) -
         stirling_error(shape);
}

/// The share of log_gamma_prefix's term in P(Gamma(shape) <= x): the series DLMF 8.7.1, for x below
/// about the shape.
double gamma_series(double shape, double x) noexcept {
  constexpr int kTermsMax = 10'000'000;
  double term = 1.0, sum = 1.0;
  for (int k = 1; k <= kTermsMax && term > 1e-17 * sum; ++k) {
    term *= x / (shape + k);
    sum += term;
  }
  return sum;
}

/// P(Gamma(shape) > x) in units of log_gamma_prefix's term: DLMF 8.9.2 by Lentz's method, for x
/// above about the shape.
double gamma_fraction(double shape, double x) noexcept {
  constexpr int kTermsMax = 10'000'000;
  constexpr double kTiny = 1e-300, kPrecision = 1e-15;
  const auto away_from_0 = [](double value) { return std::abs(value) < kTiny ? kTiny : value; };
  double b = x + 1.0 - shape;
  double c = 1.0 / kTiny;
  double d = 1.0 / away_from_0(b);
  double fraction = d;
  for (int k = 1; k <= kTermsMax; ++k) {
    const double a = -k * (k - shape);
    b += 2.0;
    d = 1.0 / away_from_0(a * d + b);
    c = away_from_0(b + a / c);
    fraction *= d * c;
    if (std::abs(d * c - 1.0) < kPrecision) break;
  }
  return shape * fraction;
}

/// ln(1 - e^x) for x <= 0.
double log_complement(double x) noexcept {
  return x > -std::numbers::ln2 ? std::log(-std::expm1(x)) : std::log1p(-std::exp(x));
}

constexpr double kNever = -std::numeric_limits<double>::infinity();

}  // namespace

double deviance_part(double x, double mean) noexcept {
  const double sum = x + mean;
  if (std::abs(x - mean) >= 0.1 * sum) return x * std::log(x / mean) + mean - x;
  const double v = (x - mean) / sum;
  const double v2 = v * v;
  double total = (x - mean) * v;
  double power = 2.0 * x * v;
  for (int j = 3; j <= 19; j += 2) {  // |v| < 0.1: what follows is below 1e-18 of the whole
    power *= v2;
    total += power / j;
  }
  return total;
}

double stirling_error(double x) noexcept {
  double steps = 0.0;
  for (; x < 16.0; x += 1.0) steps += (x + 0.5) * std::log1p(1.0 / x) - 1.0;
  const double w = 1.0 / (x * x);
  return steps + (1.0 / 12.0 - w * (1.0 / 360.0 - w * (1.0 / 1260.0 - w / 1680.0))) / x;
}

double log_whole_mass(const BetaPlace& at) noexcept {
  const auto& [a, b, x, y] = at;
  const double n = a + b;
  return deviance_part(a, n * x) + deviance_part(b, n * y) +
         0.5 * std::log(2.0 * std::numbers::pi * (n / a / b)) + stirling_error(a) +
         stirling_error(b) - stirling_error(n);
}

double log_mass_below(const BetaPlace& at) noexcept {
  if (at.x < (at.a + 1.0) / (at.a + at.b + 2.0)) return log_mass_below_by_fraction(at);
  const double whole = log_whole_mass(at);
  return whole + std::log1p(-std::exp(log_mass_below_by_fraction(at.mirrored()) - whole));
}

double log_student_tail(double t, double degrees) noexcept {
  constexpr double kHillFrom = 1e4;  // where the fraction's first step begins to cancel
  if (t < 0.0) return std::log1p(-std::exp(log_student_tail(-t, degrees)));
  if (degrees >= kHillFrom) return log_normal_tail(normal_deviate_of_student(t, degrees));
  if (t == 0.0) return -std::numbers::ln2;
  // P(T > t) = I_x(degrees / 2, 1 / 2) / 2 at x = degrees / (degrees + t^2). The quotients exist for
  // every t, and stay away from 0, whose logarithm does not.
  const double ratio = std::clamp(t / degrees * t, 1e-300, 1e300);
  const BetaPlace at{
      .a = 0.5 * degrees, .b = 0.5, .x = 1.0 / (1.0 + ratio), .y = ratio / (1.0 + ratio)};
  return log_mass_below(at) - log_whole_mass(at) - std::numbers::ln2;
}

double log_beta_cdf(const BetaPlace& at) noexcept {
  if (at.x <= 0.0) return kNever;
  if (at.x >= 1.0) return 0.0;
  // Whichever tail is the smaller one is precise; the other is its complement.
  const double whole = log_whole_mass(at);
  if (at.x < (at.a + 1.0) / (at.a + at.b + 2.0))
    return std::min(0.0, log_mass_below_by_fraction(at) - whole);
  return log_complement(std::min(0.0, log_mass_below_by_fraction(at.mirrored()) - whole));
}

double log_binomial_at_most(double k, const BinomialPlace& law) noexcept {
  if (k < 0.0) return kNever;
  if (k >= law.trials) return 0.0;
  return log_beta_cdf({.a = law.trials - k, .b = k + 1.0, .x = 1.0 - law.p});
}

double log_binomial_at_least(double k, const BinomialPlace& law) noexcept {
  if (k <= 0.0) return 0.0;
  if (k > law.trials) return kNever;
  return log_beta_cdf({.a = k, .b = law.trials - k + 1.0, .x = law.p});
}

double log_gamma_above(double shape, double x) noexcept {
  if (!(x > 0.0)) return 0.0;
  if (x < shape + 1.0)
    return log_complement(
        std::min(0.0, log_gamma_prefix(shape, x) + std::log(gamma_series(shape, x))));
  return std::min(0.0, log_gamma_prefix(shape, x) + std::log(gamma_fraction(shape, x)));
}

double log_gamma_below(double shape, double x) noexcept {
  if (!(x > 0.0)) return kNever;
  if (x < shape + 1.0)
    return std::min(0.0, log_gamma_prefix(shape, x) + std::log(gamma_series(shape, x)));
  return log_complement(
      std::min(0.0, log_gamma_prefix(shape, x) + std::log(gamma_fraction(shape, x))));
}

}  // namespace gatewright::gates
