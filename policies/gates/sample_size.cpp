// Sample sizes in closed form, by the normal law.
// Used by compile.
// Never solves for anything.
#include "policies/gates/sample_size.h"

#include <cmath>

#include "policies/gates/numerics.h"

namespace gatewright {
namespace {

struct Quantiles {
  double alpha, power;
};

Quantiles quantiles(const TestErrors& errors) noexcept {
  return {.alpha = gates::normal_quantile_above(0.5 * errors.alpha),
          .power = gates::normal_quantile_above(1.0 - errors.power)};
}

double squared(double x) noexcept { return x * x; }

}  // namespace

double cohens_h(const TwoRates& rates) noexcept {
  return 2.0 * std::asin(std::sqrt(rates.second)) - 2.0 * std::asin(std::sqrt(rates.first));
}

double samples_by_arcsine(const TwoRates& rates, const TestErrors& errors) noexcept {
  return samples_by_means(cohens_h(rates), errors);
}

double samples_by_rates(const TwoRates& rates, const TestErrors& errors) noexcept {
  const auto [z_alpha, z_power] = quantiles(errors);
  const auto& [p, q] = rates;
  const double pooled = 0.5 * (p + q);
  return squared((z_alpha * std::sqrt(2.0 * pooled * (1.0 - pooled)) +
                  z_power * std::sqrt(p * (1.0 - p) + q * (1.0 - q))) /
                 (q - p));
}

double samples_by_means(double effect, const TestErrors& errors) noexcept {
  const auto [z_alpha, z_power] = quantiles(errors);
  return 2.0 * squared((z_alpha + z_power) / effect);
}

double samples_by_coins(double rate, const TestErrors& errors) noexcept {
  const auto [z_alpha, z_power] = quantiles(errors);
  return squared((0.5 * z_alpha + z_power * std::sqrt(rate * (1.0 - rate))) / (rate - 0.5));
}

}  // namespace gatewright
