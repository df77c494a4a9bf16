// How many requests an A/B test needs, per arm, for its two errors and the least effect that matters.
// Used by compile for stages with a test, and open to lint and documentation.
// Never rounds: a caller that counts requests takes the next whole number.
#pragma once

namespace gatewright {

/// Errors of a two-sided test, each in (0, 1).
struct TestErrors {
  double alpha = 0.05;
  double power = 0.8;
};

struct TwoRates {
  double first = 0.0, second = 0.0;
};

/// 2 asin sqrt(second) - 2 asin sqrt(first): Cohen, Statistical Power Analysis (1988), section 6.2.
[[nodiscard]] double cohens_h(const TwoRates& rates) noexcept;

/// 2 ((z_alpha/2 + z_power) / h)^2: of two means whose difference is h standard deviations, which is
/// what statsmodels' NormalIndPower answers.
[[nodiscard]] double samples_by_arcsine(const TwoRates& rates, const TestErrors& errors) noexcept;

/// Pooled variance under no difference, the rates' own under the alternative: Fleiss, Levin, Paik,
/// Statistical Methods for Rates and Proportions (2003), equation 4.14.
[[nodiscard]] double samples_by_rates(const TwoRates& rates, const TestErrors& errors) noexcept;

/// Of two means whose difference is `effect` standard deviations.
[[nodiscard]] double samples_by_means(double effect, const TestErrors& errors) noexcept;

/// Fair coins under no difference, coins of `rate` under the alternative.
[[nodiscard]] double samples_by_coins(double rate, const TestErrors& errors) noexcept;

}  // namespace gatewright
