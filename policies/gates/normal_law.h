// The standard normal law, for integrals over it.
// Used while plans are compiled: group-sequential bounds, run lengths of charts.
// Never used for far tails, whose logarithms numerics.h has.
#pragma once

#include <cmath>
#include <numbers>

namespace gatewright::gates {

[[nodiscard]] inline double normal_density(double z) noexcept {
  return std::exp(-0.5 * z * z) / std::sqrt(2.0 * std::numbers::pi);
}

/// P(Z > z).
[[nodiscard]] inline double normal_above(double z) noexcept {
  return 0.5 * std::erfc(z / std::numbers::sqrt2);
}

}  // namespace gatewright::gates
