// The incomplete beta and gamma functions and what they rest on, in logarithms.
// Used by gate tests that need tails of binomial, beta, Student and chi-square laws.
// Never subtracts large logarithms: deviances keep full precision up to 1e12 counts.
#pragma once

namespace gatewright::gates {

/// x ln(x / mean) + mean - x without cancellation near x = mean. Loader, "Fast and accurate
/// computation of binomial probabilities" (2000).
[[nodiscard]] double deviance_part(double x, double mean) noexcept;

/// ln Gamma(x) minus Stirling's (x - 1/2) ln x - x + ln sqrt(2 pi), for x > 0: Abramowitz and
/// Stegun 6.1.41, whose next term is below 1e-13 from 16 on, and the recurrence of Gamma down to
/// there.
[[nodiscard]] double stirling_error(double x) noexcept;

/// A Beta(a, b) density without its constant, and a place within (0, 1) with its complement, which a
/// subtraction could not give near 1.
struct BetaPlace {
  double a, b, x;
  double y = 1.0 - x;
  [[nodiscard]] BetaPlace mirrored() const noexcept { return {.a = b, .b = a, .x = y, .y = x}; }
};

// Masses are integrals of p^(a-1) (1-p)^(b-1), given as logarithms less ln(x^a y^b), so that nothing
// large is ever subtracted from anything large.

/// From 0 to 1: the deviance of a : b from x, and what Stirling's formula leaves of the beta
/// function.
[[nodiscard]] double log_whole_mass(const BetaPlace& at) noexcept;

/// From 0 to x.
[[nodiscard]] double log_mass_below(const BetaPlace& at) noexcept;

/// ln of the probability that Student's t with `degrees` > 0 of freedom (not necessarily whole)
/// exceeds `t`.
[[nodiscard]] double log_student_tail(double t, double degrees) noexcept;

/// ln P(Beta(a, b) <= x), for a, b > 0; 0 and -infinity at and beyond the ends.
[[nodiscard]] double log_beta_cdf(const BetaPlace& at) noexcept;

/// A binomial count of `trials` of probability `p`.
struct BinomialPlace {
  double trials, p;
};
/// ln P(count <= k) and ln P(count >= k).
[[nodiscard]] double log_binomial_at_most(double k, const BinomialPlace& law) noexcept;
[[nodiscard]] double log_binomial_at_least(double k, const BinomialPlace& law) noexcept;

/// ln P(Gamma(shape) > x) for the unit-rate gamma law.
[[nodiscard]] double log_gamma_above(double shape, double x) noexcept;
/// ln P(Gamma(shape) <= x).
[[nodiscard]] double log_gamma_below(double shape, double x) noexcept;

/// ln P(X > x) for a chi-square variable with `freedom` degrees of freedom.
[[nodiscard]] inline double log_chi_square_above(double x, double freedom) noexcept {
  return log_gamma_above(0.5 * freedom, 0.5 * x);
}

}  // namespace gatewright::gates
