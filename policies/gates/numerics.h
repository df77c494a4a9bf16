// The few numeric pieces that several gate tests share.
// Used inside policies/gates/ only; everything here is a pure function of its arguments.
// Never throws, never allocates, never uses long double, whose width differs between processors.
#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>

namespace gatewright::gates {

/// Evidence beyond all doubt: what a share is cut at, so that it stays a printable number.
inline constexpr double kShareMax = 1e6;

/// A share of evidence as the interface wants it: within [0, kShareMax], 0 for NaN.
[[nodiscard]] inline double as_share(double share) noexcept {
  return share > 0.0 ? std::min(share, kShareMax) : 0.0;
}

/// The share that the log e-value `log_e` is of the ln(1 / error) that decides (Ville 1939: a
/// nonnegative supermartingale that starts at 1 reaches 1 / error with probability <= error).
[[nodiscard]] inline double share_of_log_e(double log_e, double error) noexcept {
  return as_share(log_e / -std::log(error));
}

/// The z that a standard normal variable exceeds with probability `upper_tail`, by bisection: it is
/// asked for once per gate.
[[nodiscard]] inline double normal_quantile_above(double upper_tail) noexcept {
  double low = -40.0, high = 40.0;
  for (int halving = 0; halving < 64; ++halving) {
    const double z = 0.5 * (low + high);
    (0.5 * std::erfc(z / std::numbers::sqrt2) > upper_tail ? low : high) = z;
  }
  return high;
}

/// ln(exp(z^2 / 2) Phi(z)) for every finite z. Far left Phi underflows and the asymptotic series of
/// Mills' ratio takes over, with a relative error below 2e-12 there.
[[nodiscard]] inline double log_scaled_normal_cdf(double z) noexcept {
  if (z > -30.0) return 0.5 * z * z + std::log(0.5 * std::erfc(-z / std::numbers::sqrt2));
  const double w = 1.0 / (z * z);
  const double series = 1.0 - w * (1.0 - 3.0 * w * (1.0 - 5.0 * w * (1.0 - 7.0 * w)));
  return std::log(series / (-z * std::sqrt(2.0 * std::numbers::pi)));
}

/// ln of the probability that a standard normal variable exceeds z, for every finite z.
[[nodiscard]] inline double log_normal_tail(double z) noexcept {
  if (z < 0.0) return std::log1p(-0.5 * std::erfc(-z / std::numbers::sqrt2));
  return log_scaled_normal_cdf(-z) - 0.5 * z * z;
}

/// The share that a one-sided p-value, given as its logarithm, is of the `level` that decides: 0 at
/// the edge, where p is one half. A level above 25% is taken as 25%.
[[nodiscard]] inline double share_of_p(double log_p, double level) noexcept {
  return as_share((log_p + std::numbers::ln2) /
                  (std::log(std::min(level, 0.25)) + std::numbers::ln2));
}

/// Squares about the mean of `count` > 0 numbers.
[[nodiscard]] inline double squares_about_mean(double count, double sum,
                                               double sum_of_squares) noexcept {
  return std::max(0.0, sum_of_squares - sum * (sum / count));
}

/// The least variance that is believed of numbers with this mean square: sums of squares in double
/// precision cannot resolve a spread below about 1e-8 of the magnitude, and equal constants in both
/// arms must not become evidence by rounding.
[[nodiscard]] inline double least_variance(double mean_square) noexcept {
  return 1e-12 * mean_square;
}

/// p (1 - p) for a rate seen as `events` of `count`, with half an event and half a non-event added
/// (Jeffreys' prior), so that an arm without any event does not look infinitely certain.
[[nodiscard]] inline double smoothed_event_variance(double events, double count) noexcept {
  const double rate = (events + 0.5) / (count + 1.0);
  return rate * (1.0 - rate);
}

/// `difference` in standard deviations. Without any variance a difference is beyond all doubt.
[[nodiscard]] inline double standardised(double difference, double variance) noexcept {
  if (variance > 0.0) return difference / std::sqrt(variance);
  return difference == 0.0 ? 0.0 : std::copysign(kShareMax * kShareMax, difference);
}

}  // namespace gatewright::gates
