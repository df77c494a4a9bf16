// Kolmogorov's limit law by its two series.
// Used by ks.
// Never loses the far tail: it is computed as a logarithm.
#include "policies/gates/kolmogorov.h"

#include <cmath>
#include <numbers>

namespace gatewright::gates {

double log_kolmogorov_above(double c) noexcept {
  if (!(c > 0.0)) return 0.0;
  if (c < 0.8) {  // the theta series has terms exp(-(2k-1)^2 pi^2 / (8 c^2))
    const double q = std::exp(-std::numbers::pi * std::numbers::pi / (8.0 * c * c));
    const double q8 = std::pow(q, 8.0);
    const double below =
        std::sqrt(2.0 * std::numbers::pi) / c * q * (1.0 + q8 * (1.0 + std::pow(q8, 2.0)));
    return std::log1p(-below);
  }
  const double e = std::exp(-2.0 * c * c);
  return std::numbers::ln2 - 2.0 * c * c +
         std::log1p(-std::pow(e, 3.0) + std::pow(e, 8.0) - std::pow(e, 15.0));
}

double kolmogorov_quantile_above(double upper_tail) noexcept {
  double low = 0.0, high = 40.0;
  for (int halving = 0; halving < 64; ++halving) {
    const double c = 0.5 * (low + high);
    (log_kolmogorov_above(c) > std::log(upper_tail) ? low : high) = c;
  }
  return high;
}

}  // namespace gatewright::gates
